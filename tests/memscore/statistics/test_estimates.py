"""Statistics against brute force, simulation, exact identities and published coverage."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom, chi2

from memscore.arrays import Float64
from memscore.statistics.estimates import (
    Difference,
    Limits,
    SufficientStatistics,
    auroc,
    difference,
    halves,
    memorization,
    modified_wilson,
    newcombe,
    whole_reliability,
    wilson,
)
from memscore.study.evidence import Evidence
from memscore.study.spec import Design
from tests.made_evidence import influence, joint_counts, made_evidence

STUDIES = st.builds(
    made_evidence,
    n=st.integers(10, 40),
    q=st.integers(1, 12),
    blocks=st.integers(1, 5),
    seed=st.integers(0, 1000),
    design=st.sampled_from([Design(), Design(subset_ratio=0.5), Design(kind="uniform", subset_ratio=0.8)]),
)


def influence_of(evidence: Evidence) -> Difference:
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    return influence(joint, statistics.n_in, statistics.test_correct, evidence.trials)


@given(STUDIES)
@example(made_evidence(n=10, q=1, blocks=2, seed=675, design=Design(kind="uniform", subset_ratio=0.8)))
@settings(deadline=None, max_examples=25)
def test_memorization_equals_brute_force(evidence: Evidence):
    """Trial by trial in plain Python; the estimate is the nearest float64 to the exact fraction."""
    mem = memorization(SufficientStatistics.of(evidence))
    for i in range(evidence.membership.shape[1]):
        inside = [bool(evidence.train_correct[k, i]) for k in range(evidence.trials) if evidence.membership[k, i]]
        outside = [bool(evidence.train_correct[k, i]) for k in range(evidence.trials) if not evidence.membership[k, i]]
        if not inside or not outside:
            assert np.isnan(mem.estimate[i])
            assert np.isnan(mem.low[i])
            continue
        p_in, p_out = Fraction(sum(inside), len(inside)), Fraction(sum(outside), len(outside))
        assert mem.first[i] == float(p_in)
        assert mem.second[i] == float(p_out)
        assert mem.estimate[i] == float(p_in - p_out)
        if min(len(inside), len(outside)) > 1:
            error = np.sqrt(np.var(inside, ddof=1) / len(inside) + np.var(outside, ddof=1) / len(outside))
            assert mem.standard_error[i] == pytest.approx(error, abs=1e-12)
        assert -1 <= mem.low[i] <= mem.estimate[i] <= mem.high[i] <= 1


@given(STUDIES)
@settings(deadline=None, max_examples=25)
def test_influence_equals_brute_force(evidence: Evidence):
    infl = influence_of(evidence).estimate
    for i in range(evidence.membership.shape[1]):
        inside = evidence.membership[:, i]
        if inside.all() or not inside.any():
            assert np.isnan(infl[i]).all()
            continue
        for j in range(evidence.test_correct.shape[1]):
            right = evidence.test_correct[:, j]
            exact = Fraction(int(right[inside].sum()), int(inside.sum()))
            exact -= Fraction(int(right[~inside].sum()), int((~inside).sum()))
            assert infl[i, j] == float(exact)


@pytest.mark.slower
@given(tens=st.integers(1, 8), ratio=st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_influence_on_a_test_sample_sums_to_zero_under_a_doubly_balanced_design(tens: int, ratio: float, seed: int):
    """n divisible by 10 makes rows and columns balanced: the sum over i is 0 but for rounding."""
    evidence = made_evidence(10 * tens, 12, 3, seed, design=Design(subset_ratio=ratio))
    np.testing.assert_allclose(influence_of(evidence).estimate.sum(axis=0), 0, atol=1e-9)


@given(STUDIES)
@settings(deadline=None, max_examples=25)
def test_influence_of_a_sample_on_itself_is_its_memorization(evidence: Evidence):
    targets = replace(evidence, test_correct=evidence.train_correct)
    mem = memorization(SufficientStatistics.of(evidence))
    infl = influence_of(targets)
    for name in ("first", "second", "estimate", "standard_error", "low", "high"):
        np.testing.assert_array_equal(np.diag(getattr(infl, name)), getattr(mem, name))


@given(STUDIES)
@settings(deadline=None, max_examples=25)
def test_complementary_membership_negates_influence(evidence: Evidence):
    opposite = replace(evidence, membership=~evidence.membership)
    infl, mirrored = influence_of(evidence), influence_of(opposite)
    np.testing.assert_array_equal(infl.estimate, -mirrored.estimate)
    np.testing.assert_allclose(infl.low, -mirrored.high, atol=1e-12)
    np.testing.assert_array_equal(infl.standard_error, mirrored.standard_error)


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


def coverage_and_width(
    n_in: int, n_out: int, p_in: Float64, p_out: Float64, limits: Limits = modified_wilson
) -> tuple[Float64, float]:
    """By enumeration of all outcomes: coverage [a, b] of the 95 % interval at each p_in [a], p_out [b]; mean width."""
    inside, outside = np.meshgrid(np.arange(n_in + 1), np.arange(n_out + 1), indexing="ij")
    low, high = newcombe(inside, np.full_like(inside, n_in), outside, np.full_like(outside, n_out), limits=limits)
    mass_in = binom.pmf(np.arange(n_in + 1), n_in, p_in[:, None])
    mass_out = binom.pmf(np.arange(n_out + 1), n_out, p_out[:, None])
    covered = [
        [mass_in[a] @ ((low <= one - other + 1e-12) & (high >= one - other - 1e-12)) @ mass_out[b]]
        for a, one in enumerate(p_in)
        for b, other in enumerate(p_out)
    ]
    return np.reshape(covered, (len(p_in), len(p_out))), float(np.mean(mass_in @ (high - low) @ mass_out.T))


EXTREME = np.array([0.001, 0.02, 0.1, 0.5, 0.9, 0.99])
FINE = (np.arange(40) + 0.5) / 40


@pytest.mark.parametrize(
    ("n_in", "n_out", "least", "least_of_newcombe"),
    [(35, 15, 0.944, 0.944), (70, 30, 0.956, 0.905), (140, 60, 0.949, 0.933), (350, 150, 0.947, 0.947)],
)
def test_intervals_cover_where_mem_is_extreme(n_in: int, n_out: int, least: float, least_of_newcombe: float):
    """p_in 0.999, as memorization has it: at least 0.93 is required of a nominal 0.95."""
    coverage, width = coverage_and_width(n_in, n_out, np.array([0.999]), EXTREME)
    plain, plain_width = coverage_and_width(n_in, n_out, np.array([0.999]), EXTREME, wilson)
    assert coverage.min() >= 0.93
    assert coverage.min() == pytest.approx(least, abs=0.001)
    assert plain.min() == pytest.approx(least_of_newcombe, abs=0.001)
    assert width <= 1.01 * plain_width


@pytest.mark.parametrize(("n_in", "n_out"), [(35, 15), (70, 30), (140, 60)])
def test_intervals_cover_on_a_fine_grid(n_in: int, n_out: int):
    """p_in and p_out from 1/80 to 79/80 in 40 steps each: least and mean coverage, and mean width."""
    coverage, width = coverage_and_width(n_in, n_out, FINE, FINE)
    plain, plain_width = coverage_and_width(n_in, n_out, FINE, FINE, wilson)
    print(
        f"{n_in}/{n_out}: least {coverage.min():.4f} ({plain.min():.4f}), mean {coverage.mean():.4f} "
        f"({plain.mean():.4f}), width {width:.4f} ({plain_width:.4f}); in brackets over plain Wilson limits"
    )
    assert coverage.min() >= 0.93
    assert coverage.mean() == pytest.approx(0.95, abs=0.004)
    assert width <= 1.005 * plain_width


def test_poisson_limits_are_those_of_the_chi_square_distribution():
    """Brown, Cai and DasGupta (2001): half the 0.05 quantile of chi square with 2 x degrees of freedom, over n."""
    low, high = modified_wilson(np.array([1, 2, 3]), np.array([60, 60, 60]))
    np.testing.assert_allclose(low, chi2.ppf(0.05, [2, 4, 6]) / 2 / 60, rtol=1e-12)
    mirrored, _ = modified_wilson(np.array([59, 58, 57]), np.array([60, 60, 60]))
    np.testing.assert_allclose(1 - modified_wilson(np.array([59, 58, 57]), np.array([60, 60, 60]))[1], low, rtol=1e-9)
    np.testing.assert_allclose(1 - mirrored, high, rtol=1e-12)
    assert modified_wilson(np.array([3]), np.array([50])) == wilson(np.array([3]), np.array([50]))


def test_split_half_ratio_is_one_where_the_standard_error_is_right():
    """Simulated trials with known chances: the halves differ as much as their standard errors say."""
    random = np.random.default_rng(0)
    n, t = 4000, 100
    p_in, p_out = random.uniform(0.5, 1, n), random.uniform(0, 1, n)

    def half():
        return difference(random.binomial(70, p_in), np.full(n, 70), random.binomial(30, p_out), np.full(n, t - 70))

    assert halves(half(), half()).ratio == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize(
    ("trials", "by_equal_halves", "expected"), [(30, 0.8895, 0.8996), (50, 0.9347, 0.9372), (110, 0.9703, 0.9704)]
)
def test_halves_of_unequal_size_give_the_reliability_of_all(trials: int, by_equal_halves: float, expected: float):
    """An odd number of blocks; the expected values come from a simulation with known truth."""
    correlation = by_equal_halves / (2 - by_equal_halves)
    assert whole_reliability(correlation) == pytest.approx(by_equal_halves, abs=1e-12)
    larger = (trials // 10 + 1) // 2 * 10 / trials
    assert whole_reliability(correlation, larger) == pytest.approx(expected, abs=2e-4)


@given(signal=st.floats(0.1, 100), share=st.floats(0.05, 0.95))
def test_reliability_is_exact_for_parallel_measures(signal: float, share: float):
    """Signal variance v, error variance 1 / t with t of all trials 1: parts have 1 / share and 1 / (1 - share)."""
    correlation = signal / np.sqrt((signal + 1 / share) * (signal + 1 / (1 - share)))
    assert whole_reliability(correlation, share) == pytest.approx(signal / (signal + 1), rel=1e-6)


@pytest.mark.parametrize(("correlation", "share", "expected"), [(1, 0.3, 1), (0, 0.5, 0), (-0.2, 0.5, 0), (0.5, 1, 0)])
def test_reliability_at_its_ends(correlation: float, share: float, expected: float):
    assert whole_reliability(correlation, share) == expected


def test_auroc_counts_ties_one_half_and_leaves_out_undefined():
    scores = np.array([0.9, 0.5, 0.5, 0.1, np.nan])
    assert auroc(scores, np.array([True, True, False, False, True])) == (4 - 0.5) / 4
