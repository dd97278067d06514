"""mem from margins: against brute force, on simulated margins with known chances, and its identities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.arrays import Float64
from memscore.statistics.estimates import SufficientStatistics, memorization
from memscore.statistics.margin_estimates import (
    LEAST_VARIANCE,
    STRONGEST_PRIOR,
    MarginModel,
    Side,
    margin_memorization,
)
from memscore.statistics.normal import cdf
from memscore.statistics.output_counts import MarginCounts
from memscore.study.margins import UNIT, decode, encode

ENDS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
"""Of the groups of p_out in which intervals cover the truth."""

CLOSE = 0.0005
"""Differences that do not matter; where p_out is near 1, intervals are narrower than this."""


def counted(membership: np.ndarray, margins: Float64) -> MarginCounts:
    codes = encode(margins.astype(np.float32), margins > 0)
    return MarginCounts.of(membership, codes, np.zeros((len(codes), 1), np.int8))


def made(kind: str, trials: int, n: int, seed: int = 0) -> tuple[np.ndarray, Float64, Float64]:
    """Membership [t, n], margins [t, n] of this distribution, and true p_out [n]; p_in is near 1."""
    random = np.random.default_rng(seed)
    membership = np.argsort(random.random((trials, n)), axis=0) < 0.7 * trials
    if kind == "normal":
        noise, below = random.normal(size=(trials, n)), cdf
    elif kind == "logistic":
        noise = random.logistic(0, np.sqrt(3) / np.pi, (trials, n))

        def below(z: Float64) -> Float64:
            return 1 / (1 + np.exp(-z * np.pi / np.sqrt(3)))
    else:  # skewed: a gamma variable of shape 44, skewness 0.3
        reference = np.sort((random.gamma(44, 1, 400_000) - 44) / np.sqrt(44))
        noise = random.choice(reference, (trials, n))

        def below(z: Float64) -> Float64:
            return 1 - np.searchsorted(reference, -z) / len(reference)

    mean = random.normal(1, 2, n)
    spread = np.sqrt((1 + 0.1 * mean**2) * 20 / random.chisquare(20, n))
    margins = np.where(membership, 6 + noise, mean + spread * noise)
    return membership, margins, below(mean / spread)


@pytest.mark.slower
@given(seed=st.integers(0, 1000), trials=st.integers(0, 12), n=st.integers(1, 8))
def test_a_sides_mean_and_variance_are_those_of_its_margins(seed: int, trials: int, n: int):
    random = np.random.default_rng(seed)
    codes = random.integers(-127, 128, (trials, n)).astype(np.int8)
    membership = random.random((trials, n)) < 0.5
    model = MarginModel.of(MarginCounts.of(membership, codes, np.zeros((trials, 1), np.int8)))
    margins = decode(codes) / UNIT
    for side, of in ((model.inside, membership), (model.outside, ~membership)):
        for i in range(n):
            own = margins[of[:, i], i]
            assert side.trials[i] == len(own)
            if len(own) < 2:
                assert np.isnan(side.mean[i])
                assert np.isnan(side.variance[i])
                continue
            assert side.mean[i] == pytest.approx(own.mean(), abs=1e-9)
            expected = side.prior * side.trend[i] + (len(own) - 1) * max(own.var(ddof=1), LEAST_VARIANCE)
            assert side.variance[i] == pytest.approx(expected / (side.prior + len(own) - 1), rel=1e-6)


@pytest.mark.slower
@given(seed=st.integers(0, 1000))
def test_merged_counts_give_the_bits_of_all_trials(seed: int):
    membership, margins, _ = made("normal", 20, 30, seed)
    random = np.random.default_rng(seed)
    order = random.permutation(20)
    parts = [counted(membership[rows], margins[rows]) for rows in np.array_split(order, 3)]
    whole = margin_memorization(MarginModel.of(counted(membership, margins)))
    merged = margin_memorization(MarginModel.of(parts[0] + parts[1] + parts[2]))
    np.testing.assert_array_equal(merged.estimate, whole.estimate)
    np.testing.assert_array_equal(merged.low, whole.low)


@pytest.mark.slower
@given(seed=st.integers(0, 1000))
def test_the_interval_holds_the_estimate_and_turns_with_the_sides(seed: int):
    membership, margins, _ = made("normal", 20, 30, seed)
    counts = counted(membership, margins)
    model = MarginModel.of(counts)
    mem = margin_memorization(model)
    turned = margin_memorization(MarginModel(model.trials, model.outside, model.inside))
    assert (mem.low <= mem.estimate).all()
    assert (mem.estimate <= mem.high).all()
    np.testing.assert_allclose(turned.estimate, -mem.estimate, atol=1e-15)
    np.testing.assert_allclose(turned.low, -mem.high, atol=1e-15)


def test_one_sample_by_hand():
    """Means 3 and 1, standard deviations 1 and 2, 70 and 30 trials, 10 prior degrees of freedom."""

    def side(trials: int, mean: float, deviation: float) -> Side:
        one = np.ones(1)
        return Side(np.array([trials]), mean * one, deviation**2 * one, deviation**2 * one, 10)

    mem = margin_memorization(MarginModel(100, side(70, 3, 1), side(30, 1, 2)))
    assert mem.estimate[0] == pytest.approx(0.998650 - 0.691462, abs=1e-6)
    error_in = 0.004432 * np.sqrt(1 / 70 + 9 / (2 * 79))
    error_out = 0.352065 * np.sqrt(1 / 30 + 0.25 / (2 * 39))
    assert mem.standard_error[0] == pytest.approx(np.hypot(error_in, error_out), rel=1e-4)


@pytest.mark.parametrize("kind", ["normal", "logistic", "skewed"])
def test_intervals_cover_the_truth_and_estimates_beat_those_from_bits(kind: str):
    membership, margins, p_out = made(kind, 100, 6000)
    mem = margin_memorization(MarginModel.of(counted(membership, margins)))
    p_in = (margins > 0)[membership].mean()
    truth = p_in - p_out
    covered = (mem.low - CLOSE <= truth) & (truth <= mem.high + CLOSE)
    bits = memorization(
        SufficientStatistics(
            100,
            membership.sum(0),
            (membership & (margins > 0)).sum(0),
            (margins > 0).sum(0),
            np.zeros(1, np.int64),
        )
    )
    gain = np.mean((bits.estimate - truth) ** 2) / np.mean((mem.estimate - truth) ** 2)
    groups = [part.mean() for part in (covered[np.digitize(p_out, ENDS) == k] for k in range(len(ENDS) + 1))]
    print(f"{kind}: cover {covered.mean():.3f}, by group {np.round(groups, 3)}, equivalent trials {gain:.2f}")
    assert covered.mean() >= 0.93
    assert min(groups) >= 0.9
    assert gain > 1.4
    error = np.mean(mem.standard_error**2) ** 0.5
    assert error == pytest.approx(np.mean((mem.estimate - truth) ** 2) ** 0.5, rel=0.12)


def test_variances_are_shrunk_as_much_as_they_scatter():
    """True variances of one size give the strongest prior; those of 8 degrees of freedom about 8."""
    random = np.random.default_rng(1)

    def prior(variance: Float64) -> float:
        margins = np.rint(UNIT * (3 + np.sqrt(variance) * random.normal(size=(30, len(variance))))).astype(np.int64)
        return Side.of(np.full(len(variance), 30), margins.sum(0), (margins**2).sum(0)).prior

    assert prior(np.ones(5000)) == STRONGEST_PRIOR
    assert prior(8 / random.chisquare(8, 5000)) == pytest.approx(8, abs=1.5)


def test_sides_of_fewer_than_two_trials_have_no_estimate():
    codes = np.full((3, 2), 50, np.int8)
    membership = np.array([[True, True], [True, False], [False, False]])
    mem = margin_memorization(MarginModel.of(MarginCounts.of(membership, codes, np.zeros((3, 1), np.int8))))
    assert np.isnan(mem.estimate).all()
    assert np.isnan(mem.low).all()
    none = margin_memorization(MarginModel.of(MarginCounts.empty(4, 1)))
    assert np.isnan(none.estimate).all()


def test_equal_margins_have_an_estimate():
    """All margins of a side are the same: its variance is that of their rounding."""
    membership = np.arange(10)[:, None] < np.full(5, 7)
    codes = np.where(membership, 100, -60).astype(np.int8)
    mem = margin_memorization(MarginModel.of(MarginCounts.of(membership, codes, np.zeros((10, 1), np.int8))))
    np.testing.assert_allclose(mem.estimate, 1)
    assert np.isfinite(mem.standard_error).all()
