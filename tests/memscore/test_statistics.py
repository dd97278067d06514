"""Statistics against brute force, simulation, exact identities and published coverage."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from memscore.evidence import Evidence
from memscore.spec import Design
from memscore.statistics import (
    SufficientStatistics,
    auroc,
    benjamini_hochberg,
    difference,
    influence,
    joint_counts,
    memorization,
    newcombe,
    positive_influence_p,
    split_half_ratio,
)
from memscore.subsets import block_membership


def made_evidence(n: int = 40, q: int = 12, blocks: int = 6, seed: int = 0) -> Evidence:
    random = np.random.default_rng(seed)
    membership = np.concatenate([block_membership(Design(seed=seed), n, block) for block in range(blocks)])
    t = len(membership)
    train = membership & (random.random((t, n)) < 0.97) | (random.random((t, n)) < random.random(n))
    test = random.random((t, q)) < random.random(q)
    return Evidence(np.arange(t), membership, train, test)


def test_memorization_equals_brute_force():
    evidence = made_evidence()
    mem = memorization(SufficientStatistics.of(evidence))
    for i in range(evidence.membership.shape[1]):
        inside, right = evidence.membership[:, i], evidence.train_correct[:, i]
        assert mem.first[i] == right[inside].mean()
        assert mem.second[i] == right[~inside].mean()
        assert mem.estimate[i] == right[inside].mean() - right[~inside].mean()
        error = np.sqrt(right[inside].var(ddof=1) / inside.sum() + right[~inside].var(ddof=1) / (~inside).sum())
        assert mem.standard_error[i] == pytest.approx(error, abs=1e-12)


def test_influence_equals_brute_force():
    evidence = made_evidence()
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    infl = influence(joint, statistics.n_in, statistics.test_correct, evidence.trials)
    for i in range(0, 40, 7):
        inside = evidence.membership[:, i]
        expected = evidence.test_correct[inside].mean(axis=0) - evidence.test_correct[~inside].mean(axis=0)
        np.testing.assert_allclose(infl.estimate[i], expected, atol=1e-12)


def test_influence_on_a_test_sample_sums_to_zero_under_a_doubly_balanced_design():
    """n divisible by 10 makes rows and columns balanced: the sum over i is then exactly 0."""
    evidence = made_evidence(n=40)
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    infl = influence(joint, statistics.n_in, statistics.test_correct, evidence.trials)
    np.testing.assert_allclose(infl.estimate.sum(axis=0), 0, atol=1e-9)


def test_influence_of_a_sample_on_itself_is_its_memorization():
    evidence = made_evidence()
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.train_correct)
    infl = influence(joint, statistics.n_in, statistics.correct, evidence.trials)
    assert (np.diag(infl.estimate) == memorization(statistics).estimate).all()


def test_complementary_membership_negates_influence():
    evidence = made_evidence()
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    opposite = joint_counts(~evidence.membership, evidence.test_correct)
    infl = influence(joint, statistics.n_in, statistics.test_correct, evidence.trials)
    mirrored = influence(opposite, statistics.n_out, statistics.test_correct, evidence.trials)
    np.testing.assert_array_equal(infl.estimate, -mirrored.estimate)


@given(cut=st.integers(1, 59))
@settings(deadline=None, max_examples=20)
def test_statistics_of_merged_evidence_are_the_sum(cut: int):
    evidence = made_evidence()
    whole = SufficientStatistics.of(evidence)
    merged = SufficientStatistics.of(evidence.select(slice(cut))) + SufficientStatistics.of(
        evidence.select(slice(cut, None))
    )
    assert merged.trials == whole.trials
    for name in ("n_in", "correct_in", "correct", "test_correct"):
        np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))


def test_a_side_without_trials_is_undefined_not_zero():
    result = difference(np.array([0, 3, 1]), np.array([0, 3, 1]), np.array([5, 0, 2]), np.array([5, 0, 4]))
    assert np.isnan(result.estimate[:2]).all()
    assert np.isnan(result.low[:2]).all()
    assert result.estimate[2] == 0.5
    assert np.isnan(result.standard_error[2])  # one trial has no spread


def test_newcombe_has_the_published_example():
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 has the interval [0.0524, 0.3339]."""
    low, high = newcombe(np.array([56]), np.array([70]), np.array([48]), np.array([80]))
    assert low[0] == pytest.approx(0.0524, abs=5e-5)
    assert high[0] == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize(
    ("p_out", "coverage"), [(0.001, 0.91), (0.02, 0.97), (0.1, 0.97), (0.5, 0.96), (0.9, 0.97), (0.99, 1.0)]
)
def test_intervals_have_the_known_coverage(p_out: float, coverage: float):
    """70 and 30 trials, p_in 0.999, nominal 0.95, by exact enumeration; Wald's intervals have 0.09 to 0.96 here."""
    inside, outside = np.meshgrid(np.arange(71), np.arange(31), indexing="ij")
    low, high = newcombe(inside, np.full_like(inside, 70), outside, np.full_like(outside, 30))
    covered = (low <= 0.999 - p_out) & (high >= 0.999 - p_out)

    def mass(k: int, n: int, p: float) -> float:
        return comb(n, k) * p**k * (1 - p) ** (n - k)

    weights = np.outer([mass(k, 70, 0.999) for k in range(71)], [mass(k, 30, p_out) for k in range(31)])
    assert (weights * covered).sum() == pytest.approx(coverage, abs=0.006)


def test_p_values_are_fishers_with_the_mid_p_correction():
    trials, n_in, correct = 30, 21, 13
    joint = np.arange(4, 14)[:, None]
    p = positive_influence_p(joint, np.full(10, n_in), np.array([correct]), trials)
    total = comb(trials, n_in)
    for row, s in enumerate(joint[:, 0]):
        exact = [
            Fraction(comb(correct, k) * comb(trials - correct, n_in - k), total)
            for k in range(s, min(n_in, correct) + 1)
        ]
        assert p[row, 0] == pytest.approx(float(sum(exact) - exact[0] / 2), rel=1e-9)


def test_p_values_are_calibrated_where_nothing_influences():
    """Predictions unrelated to the subsets: one in twenty p-values is under 0.05."""
    evidence = made_evidence(n=200, q=100, blocks=20, seed=3)
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    p = positive_influence_p(joint, statistics.n_in, statistics.test_correct, evidence.trials)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.006)
    assert (benjamini_hochberg(p.ravel()) < 0.05).mean() < 0.001


def test_q_values_by_hand():
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.04, 0.01, 0.03, 0.5])), [0.16 / 3, 0.04, 0.16 / 3, 0.5])


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
def test_q_values_are_monotone_and_no_smaller_than_p(p: np.ndarray):
    q = benjamini_hochberg(p)
    assert (q >= p - 1e-15).all()
    assert (q <= 1).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= 0).all()


def test_split_half_ratio_is_one_where_the_standard_error_is_right():
    """Simulated trials with known chances: the halves differ as much as their standard errors say."""
    random = np.random.default_rng(0)
    n, t = 4000, 100
    p_in, p_out = random.uniform(0.5, 1, n), random.uniform(0, 1, n)

    def half():
        return difference(random.binomial(70, p_in), np.full(n, 70), random.binomial(30, p_out), np.full(n, t - 70))

    assert split_half_ratio(half(), half()) == pytest.approx(1, abs=0.04)


def test_auroc_counts_ties_one_half_and_leaves_out_undefined():
    scores = np.array([0.9, 0.5, 0.5, 0.1, np.nan])
    assert auroc(scores, np.array([True, True, False, False, True])) == (4 - 0.5) / 4
