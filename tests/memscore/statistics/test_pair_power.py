"""Forecasts for pairs, against studies with planted pairs and the power of a test by hand."""

from statistics import NormalDist

import numpy as np
import pytest

from memscore.statistics.pair_power import EFFECTS, PairForecast, pairs_of_classes
from memscore.statistics.significance import PairTest
from memscore.study.spec import Design
from memscore.study.subsets import block_membership

NORMAL = NormalDist()


def forecast(p: float = 0.7, samples: int = 1000, pairs: int = 500_000, gain: float = 1.0) -> PairForecast:
    return PairForecast(np.full(samples, round(10_000 * p)), 10_000, pairs, 0.7, gain)


def found_in_made_study(trials: int, infl: float, seed: int) -> tuple[float, np.ndarray]:
    """The share found of 150 planted pairs of 1,500 samples, and how often each test sample is right."""
    random = np.random.default_rng(seed)
    n = q = 1500
    membership = np.concatenate([block_membership(Design(seed=seed), n, block) for block in range(trials // 10)])
    p = random.uniform(0.25, 0.8, q)
    chance = np.broadcast_to(p, (trials, q)).copy()
    planted = np.arange(150)
    chance[:, planted] += np.where(membership[:, planted], 0.3 * infl, -0.7 * infl)
    correct = random.random((trials, q)) < chance
    test = PairTest(membership.sum(axis=0), correct.sum(axis=0), trials)
    joint = membership.astype(np.float32).T @ correct.astype(np.float32)
    cells = test.cells(joint, np.arange(n), np.arange(q))
    test.add(cells)
    return float(np.mean(test.q_values()[cells[planted, planted]] <= 0.05)), correct.sum(axis=0)


@pytest.mark.parametrize(("trials", "infl"), [(100, 0.4), (300, 0.2), (500, 0.2)])
def test_the_share_found_in_made_studies_is_the_forecast(trials: int, infl: float):
    found, correct = found_in_made_study(trials, infl, seed=trials)
    expected = PairForecast(correct, trials, 1500 * 1500, 0.7).share_found(infl, trials)
    assert expected == pytest.approx(found, abs=0.12)
    assert 0.05 < found < 0.98


def test_the_power_is_that_of_a_normal_test_of_two_proportions():
    made = forecast()
    limit = made._limit(200)
    p_in, p_out = 0.7 + 0.3 * 0.2, 0.7 - 0.7 * 0.2
    null = (0.7 * 0.3 * (1 / 140 + 1 / 60)) ** 0.5
    error = (p_in * (1 - p_in) / 140 + p_out * (1 - p_out) / 60) ** 0.5
    assert made.share_found(0.2, 200) == pytest.approx(NORMAL.cdf((0.2 - limit * null) / error), abs=0.003)
    assert NORMAL.cdf(-limit) <= 0.05 * 100 / 500_000  # no more than all pairs found would allow


def test_more_trials_stronger_pairs_fewer_tests_and_a_stronger_test_find_more():
    made = forecast()
    shares = [made.share_found(0.2, trials) or 0.0 for trials in range(50, 2000, 50)]
    assert shares == sorted(shares)
    assert shares[-1] > 0.95
    by_effect = [made.share_found(infl, 300) or 0.0 for infl in EFFECTS]
    assert by_effect == sorted(by_effect)
    assert (forecast(pairs=50_000_000).share_found(0.2, 300) or 0.0) < by_effect[1]
    assert forecast(gain=1.5).share_found(0.2, 200) == pytest.approx(by_effect[1], abs=0.01)


def test_the_trials_until_a_share_are_the_fewest_blocks():
    made = forecast()
    needed = made.trials_until(0.5)
    assert needed is not None
    assert needed % 10 == 0
    assert (made.share_found(0.2, needed) or 0.0) >= 0.5 > (made.share_found(0.2, needed - 10) or 0.0)
    assert made.trials_until(0.5, most=needed - 10) is None
    assert made.trials_until(0.5, most=needed) == needed


def test_a_test_sample_that_is_always_right_cannot_depend_on_one_training_sample():
    assert forecast(p=1.0).share_found(0.2, 1000) is None
    assert forecast(p=0.0).share_found(0.2, 1000) is None
    assert forecast(p=1.0).trials_until(0.1) is None
    half = PairForecast(np.array([10_000, 7_000]), 10_000, 500, 0.7)
    assert half.share_found(0.2, 300) == pytest.approx(
        PairForecast(np.array([7_000]), 10_000, 500, 0.7).share_found(0.2, 300)
    )


def test_pairs_are_counted_by_class():
    assert pairs_of_classes(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 3])) == 2 * 1 + 1 * 2
