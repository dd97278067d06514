"""The posterior of influence on made shifts whose effects are known."""

import numpy as np
import pytest

from memscore.arrays import Float64
from memscore.statistics.effects import CELLS, EFFECTS, effect_cells, fit
from memscore.statistics.similarity import OCTAVES


def planted(seed: int) -> tuple[Float64, Float64, Float64, np.ndarray]:
    """Effects of 100,000 pairs, their shifts and variances, and bins: 2 % of the pairs in bin 0, where effects are."""
    rng = np.random.default_rng(seed)
    bins = np.where(np.arange(100_000) % 50 == 0, 0, 20).astype(np.uint8)
    effect = np.where((bins == 0) & (rng.random(len(bins)) < 0.1), rng.uniform(0.05, 0.6, len(bins)), 0.0)
    error = rng.choice([0.02, 0.05, 0.1], len(bins))
    return effect, effect + error * rng.standard_normal(len(bins)), error**2, bins


def test_probabilities_come_true():
    expected, true, strong, came_true = 0.0, 0, 0, 0
    for seed in range(5):
        effect, shift, variance, bins = planted(seed)
        count = np.zeros(CELLS, np.int64)
        cells = effect_cells(shift, variance, np.zeros(1), bins)
        np.add.at(count, cells, 1)
        posterior = fit(count, 1000, 0.15)
        probability = posterior.strong[cells]
        expected += float(probability.sum())
        true += int((effect > 0.15).sum())
        strong += int((probability > 0.9).sum())
        came_true += int((effect[probability > 0.9] > 0.15).sum())
        assert posterior.mixing[0].sum() == pytest.approx(1)
        assert posterior.mixing[0, EFFECTS == 0] == pytest.approx(0.9, abs=0.05)
        likely = posterior.mean[cells] > 0.1
        assert posterior.mean[cells][likely].mean() == pytest.approx(effect[likely].mean(), abs=0.02)
    assert 0.85 <= expected / true <= 1.15
    assert came_true / strong >= 0.93


def test_bins_without_effects_lend_none_to_others():
    _, shift, variance, bins = planted(9)
    count = np.zeros(CELLS, np.int64)
    cells = effect_cells(shift, variance, np.zeros(1), bins)
    np.add.at(count, cells, 1)
    posterior = fit(count, 1000, 0.15)
    assert posterior.strong[cells][bins == 20].max() < 0.02
    assert np.isnan(posterior.strong[count == 0]).all()
    assert posterior.mixing.shape == (OCTAVES, len(EFFECTS))


def test_the_order_of_pairs_does_not_matter():
    _, shift, variance, bins = planted(1)
    order = np.random.default_rng(0).permutation(len(shift))
    counts = [np.zeros(CELLS, np.int64) for _ in range(2)]
    for count, chosen in zip(counts, (slice(None), order), strict=True):
        np.add.at(count, effect_cells(shift[chosen], variance[chosen], np.zeros(1), bins[chosen]), 1)
    np.testing.assert_array_equal(counts[0], counts[1])


def test_a_skewed_outcome_needs_a_larger_shift():
    shift, variance, bins = np.array([0.3]), np.array([0.1**2]), np.zeros(1, np.uint8)
    cells = [effect_cells(shift, variance, np.array([bend]), bins)[0] for bend in (0.0, -0.04)]
    count = np.zeros(CELLS, np.int64)
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(20_000)
    effect = np.where(rng.random(20_000) < 0.1, 0.3, 0.0)
    np.add.at(
        count, effect_cells(effect + 0.1 * normal, np.full(20_000, 0.01), np.zeros(1), np.zeros(20_000, np.uint8)), 1
    )
    count[cells] += 1
    posterior = fit(count, 100, 0.15)
    assert posterior.strong[cells[1]] < posterior.strong[cells[0]]
