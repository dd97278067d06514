"""mem from margins: the chances of a right prediction by a normal model of each sample's margins.

Trials with few or no mistakes on a sample leave its p_out open; how far their margins are from 0 does not. Each side
of a sample, in or out, has margins of some mean and standard deviation s, and p = Phi(mean / s). The variances of few
trials are shrunk towards those of samples with like means, as limma does with the variances of genes (Smyth 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from memscore.arrays import Float64, Int64
from memscore.statistics.estimates import Z_95, Difference, Numbers
from memscore.statistics.normal import cdf, density
from memscore.statistics.output_counts import MarginCounts
from memscore.study.margins import UNIT

SAMPLES_A_KNOT, MOST_KNOTS = 100, 32
"""The trend of the variance runs through points, each of the samples of neighbouring means."""

STRONGEST_PRIOR = 50.0
"""Most degrees of freedom of the trend, which is not exact for any one sample."""

LEAST_VARIANCE = 1 / 12 / UNIT**2
"""That of the rounding of margins: none is smaller, and none is 0."""


SKEWNESS = 0.3
"""Margins are taken as normal up to a skewness of this size: an interval allows for it as for one standard error."""

FAR = 4.0
"""Standard deviations from which on the allowance for skewness grows no further."""


@dataclass(frozen=True)
class Side:
    """Margins of n samples in the trials that trained on them, or in those that held them out.

    trials int64 [n]; mean and shrunk variance float64 [n] of each sample's margins, NaN with fewer than two trials;
    trend float64 [n] and prior: what the variances are shrunk to, with how many degrees of freedom.
    """

    trials: Int64
    mean: Float64
    variance: Float64
    trend: Float64
    prior: float

    @classmethod
    def of(cls, trials: Int64, total: Int64, squares: Int64) -> Side:
        """From the number of trials and the sums of margins and of their squares in 256ths, int64 [n] each."""
        mean, own = _moments(trials, total, squares)
        freedom = np.maximum(trials - 1, 0).astype(np.float64)
        trend = _trend(mean, own, freedom)
        return cls.shrunk(trials, total, squares, trend, _prior(own, trend, freedom))

    @classmethod
    def shrunk(cls, trials: Int64, total: Int64, squares: Int64, trend: Float64, prior: float) -> Side:
        """The same with a trend that is known."""
        mean, own = _moments(trials, total, squares)
        variance = (prior * trend + (trials - 1) * own) / (prior + trials - 1)
        return cls(trials, mean, variance, trend, prior)

    @property
    def z(self) -> Float64:
        """Standard deviations from a mean margin to 0, float64 [n]."""
        return self.mean / np.sqrt(self.variance)

    @property
    def error(self) -> Float64:
        """The standard error of z, float64 [n]."""
        return z_error(self.z, self.trials, self.prior)


@dataclass(frozen=True)
class MarginModel:
    """The margins of all samples in the trials that trained on them, and in those that held them out."""

    trials: int
    inside: Side
    outside: Side

    @classmethod
    def of(cls, counts: MarginCounts) -> MarginModel:
        """The model of counted margins."""
        return cls(
            counts.trials,
            Side.of(counts.n_in, counts.sum_in, counts.squares_in),
            Side.of(counts.n_out, counts.sum_out, counts.squares_out),
        )


def _moments(trials: Int64, total: Int64, squares: Int64) -> tuple[Float64, Float64]:
    """Mean and unbiased variance of margins from their sums in 256ths: float64 [n], NaN with fewer than two trials."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / (UNIT * trials)
        variance = (squares - total * (total / trials)) / (UNIT**2 * (trials - 1))
    seen = trials > 1
    return np.where(seen, mean, np.nan), np.where(seen, np.maximum(variance, LEAST_VARIANCE), np.nan)


def z_error(z: Float64, trials: Numbers, prior: float) -> Float64:
    """The standard error of z = mean / s from `trials` margins and `prior` further degrees of freedom of s.

    Both the mean and s are uncertain.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sqrt(1 / trials + z * z / (2 * (trials - 1 + prior)))


def margin_memorization(model: MarginModel) -> Difference:
    """mem of each training sample by its margins, p_in - p_out with p = Phi(mean / s): arrays [n].

    The standard error is that of the delta method. The 95 % interval joins the limits of both sides as Newcombe's
    method 10 does; a side's are Phi(z -+ 1.96 e), where e is the error of z with an allowance for skewness
    (`interval`). NaN where a side has fewer than two trials with margins.
    """
    z_in, z_out = model.inside.z, model.outside.z
    p_in, p_out = cdf(z_in), cdf(z_out)
    error = _root_of_squares(density(z_in) * model.inside.error, density(z_out) * model.outside.error)
    return Difference(p_in, p_out, p_in - p_out, error, *interval(z_in, model.inside.error, z_out, model.outside.error))


def interval(
    z_in: Float64, error_in: Float64, z_out: Float64, error_out: Float64, skewness: float = SKEWNESS
) -> tuple[Float64, Float64]:
    """The 95 % interval (low, high) of Phi(z_in) - Phi(z_out) for independent z with these errors: float64 [n].

    Margins of skewness g that are taken as normal are off by g (z^2 - 1) / 6 in z (Cornish and Fisher): nothing near
    z = 1, and much in the tails. The errors allow for it; with `skewness` 0 they are sampling errors alone.
    """
    p_in, low_in, high_in = _limits(z_in, error_in, skewness)
    p_out, low_out, high_out = _limits(z_out, error_out, skewness)
    low = p_in - p_out - _root_of_squares(p_in - low_in, high_out - p_out)
    high = p_in - p_out + _root_of_squares(high_in - p_in, p_out - low_out)
    return np.clip(low, -1, 1), np.clip(high, -1, 1)  # rounding can exceed the range slightly


def _limits(z: Float64, error: Float64, skewness: float) -> tuple[Float64, Float64, Float64]:
    """Phi at z and at its limits."""
    half = Z_95 * _root_of_squares(error, skewness * (np.minimum(z * z, FAR**2) - 1) / 6)
    return cdf(z), cdf(z - half), cdf(z + half)


def _root_of_squares(x: Float64, y: Float64) -> Float64:
    return np.sqrt(x * x + y * y)


def _trend(mean: Float64, variance: Float64, freedom: Float64) -> Float64:
    """The variance to expect of each sample by its mean: pooled over samples of neighbouring means, then interpolated.

    NaN where the mean is.
    """
    order = np.argsort(mean, kind="stable")[: np.count_nonzero(freedom)]  # NaN is last
    if not len(order):
        return np.full(len(mean), np.nan)
    knots = int(np.clip(len(order) // SAMPLES_A_KNOT, 1, MOST_KNOTS))
    parts = np.array_split(order, knots)
    at = _coarse([mean[part].mean() for part in parts])
    level = _coarse([(freedom[part] * variance[part]).sum() / freedom[part].sum() for part in parts])
    return _interpolated(mean, at, level)


def _interpolated(x: Float64, at: Float64, level: Float64) -> Float64:
    """Linear between points at ascending `at`, constant beyond them; not numpy.interp, which may fuse operations."""
    right = np.clip(np.searchsorted(at, x), 1, max(1, len(at) - 1))
    left = np.minimum(right - 1, len(at) - 1)
    right = np.minimum(right, len(at) - 1)
    width = at[right] - at[left]
    share = np.clip(np.where(width > 0, (x - at[left]) / np.where(width > 0, width, 1), 0 * x), 0, 1)
    return level[left] + share * (level[right] - level[left])


def _prior(variance: Float64, trend: Float64, freedom: Float64) -> float:
    """Degrees of freedom d0 of the trend, so that variances around it scatter as F with d and d0 degrees does.

    By the variance of the logarithms, that is trigamma(d / 2) + trigamma(d0 / 2) (Smyth 2004, section 6.2), in
    quarters; at most `STRONGEST_PRIOR`.
    """
    seen = freedom > 0
    if np.count_nonzero(seen) < 2:
        return STRONGEST_PRIOR
    logarithm = np.log(variance[seen] / trend[seen])
    excess = float(logarithm.var() - np.mean(_trigamma(freedom[seen] / 2)))
    low, high = 0.5, STRONGEST_PRIOR / 2
    if excess <= _trigamma(np.array(high)):
        return STRONGEST_PRIOR
    for _ in range(40):
        middle = sqrt(low * high)
        low, high = (middle, high) if _trigamma(np.array(middle)) > excess else (low, middle)
    return round(8 * low) / 4


def _trigamma(x: Float64) -> Float64:
    """The second derivative of log Gamma at x > 0, accurate to 1e-9: its recurrence up to 6, then its series."""
    value = np.zeros(np.shape(x))
    for _ in range(6):
        small = x < 6
        value = value + np.where(small, 1 / (x * x), 0)
        x = np.where(small, x + 1, x)
    square = 1 / (x * x)
    return value + 1 / x + square / 2 + square / x * (1 / 6 - square * (1 / 30 - square * (1 / 42 - square / 30)))


def _coarse(values: list[float]) -> Float64:
    """Rounded to single precision: sums of many numbers may differ in their last bits between processors."""
    return np.array(values, np.float64).astype(np.float32).astype(np.float64)
