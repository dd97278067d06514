"""Precision of a study's scores, and forecasts of the trials needed to reach one.

The measure is the half-width of the 95 % interval divided by 1.96. For estimates far from 0 and 1 it equals the
standard error; unlike the standard error, it does not fall to 0 where all trials agree, as they do for most
samples after a few trials.

Trials are given as sums of their correctness, or as the model of their margins where all have recorded them, which
needs fewer trials for the same precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from memscore.arrays import Float64, Int64
from memscore.errors import InvalidInput
from memscore.statistics.estimates import Z_95, Difference, SufficientStatistics, memorization, newcombe, wilson
from memscore.statistics.margin_estimates import SKEWNESS, MarginModel, interval, margin_memorization, z_error
from memscore.statistics.normal import cdf
from memscore.study.spec import BLOCK

Trials = SufficientStatistics | MarginModel

MOST_TRIALS = 1_000_000

SHARE = 0.95
"""The share of the samples that a precision is for; the same as in targets by default."""

TYPICAL_P_OUT = 0.9
"""A typical training sample is always classified correctly if trained on, and in 9 of 10 trials that held it out."""


class ExpectedError(NamedTuple):
    """The expected `precise_error` of the least favourable sample and of a typical one."""

    worst: float
    typical: float


class ExpectedPrecision(NamedTuple):
    """After a number of trials: the `precise_error` that SHARE of the samples do not exceed, and `share_settled`.

    NaN if unknown.
    """

    trials: int
    error: float
    settled: float


def _mem(statistics: Trials) -> Difference:
    return margin_memorization(statistics) if isinstance(statistics, MarginModel) else memorization(statistics)


def precise_error(statistics: Trials) -> Float64:
    """The half-width of each sample's 95 % interval of mem, divided by 1.96: float64 [n]; NaN if mem is undefined.

    By margins, of the interval without its allowance for skewness, which no number of trials reduces.
    """
    if isinstance(statistics, MarginModel):
        inside, outside = statistics.inside, statistics.outside
        low, high = interval(inside.z, inside.error, outside.z, outside.error, skewness=0)
    else:
        mem = memorization(statistics)
        low, high = mem.low, mem.high
    return (high - low) / (2 * Z_95)


def share_precise(statistics: Trials, standard_error: float) -> float:
    """The share of samples whose `precise_error` is at most `standard_error`; undefined ones do not count."""
    return float(np.mean(precise_error(statistics).astype(np.float32) <= np.float32(standard_error)))


def share_settled(statistics: Trials, threshold: float) -> float:
    """The share of samples whose 95 % interval of mem excludes `threshold`; undefined ones do not count."""
    mem, limit = _mem(statistics), np.float32(threshold)
    return float(np.mean((mem.low.astype(np.float32) > limit) | (mem.high.astype(np.float32) < limit)))


def expected_error(trials: int, ratio: float) -> ExpectedError:
    """The expected `precise_error` after `trials` trials with subsets of `ratio` of the samples.

    worst: p_in = p_out = 0.5, close to sqrt(1 / (4 t r (1 - r))); typical: p_in = 1 and p_out = 0.9.
    """
    n_in, n_out = np.array([trials * ratio]), np.array([trials * (1 - ratio)])

    def error(p_in: float, p_out: float) -> float:
        low, high = newcombe(p_in * n_in, n_in, p_out * n_out, n_out, limits=wilson)
        return float((high - low)[0] / (2 * Z_95))

    return ExpectedError(error(0.5, 0.5), error(1, TYPICAL_P_OUT))


def forecast_trials(
    statistics: Trials,
    *,
    share: float,
    ratio: float,
    standard_error: float | None = None,
    threshold: float | None = None,
    block: int = BLOCK,
    most: int = MOST_TRIALS,
) -> int | None:
    """Forecast the total number of trials until `share` of the samples is precise, or settled.

    Give `standard_error` (`share_precise`) or `threshold` (`share_settled`). Returns a multiple of `block`, at least
    the present number of trials; None if more than `most` are needed. The forecast assumes that the trials so far are
    typical: it is rough after a block or two and should be repeated as trials come in. Raises InvalidInput unless
    exactly one goal is given.
    """
    future = _MarginFuture(statistics, ratio) if isinstance(statistics, MarginModel) else _BitFuture(statistics, ratio)
    if standard_error is not None and threshold is None:
        there = share_precise(statistics, standard_error)
        predicted = partial(future.share_precise, standard_error=standard_error)
    elif threshold is not None and standard_error is None:
        there = share_settled(statistics, threshold)
        predicted = partial(future.share_settled, threshold=threshold)
    else:
        raise InvalidInput("Give either `standard_error` or `threshold`.")
    low, high = -(-statistics.trials // block), most // block
    if there >= share:
        return low * block
    if high <= low or predicted(high * block) < share:
        return None
    while high - low > 1:  # `low` blocks are not enough, `high` are
        middle = (low + high) // 2
        low, high = (low, middle) if predicted(middle * block) >= share else (middle, high)
    return high * block


def expected_precision(
    statistics: Trials, ratio: float, threshold: float, trials: Sequence[int]
) -> list[ExpectedPrecision]:
    """The precision expected after each of these numbers of trials, whole and ascending, from the trials so far.

    At the present number it is measured. Below it, no share can be said to have been settled: NaN.
    """
    future = _MarginFuture(statistics, ratio) if isinstance(statistics, MarginModel) else _BitFuture(statistics, ratio)
    found: list[ExpectedPrecision] = []
    for count in trials:
        if count == statistics.trials:
            error, settled = precise_error(statistics), share_settled(statistics, threshold)
        else:
            error = future.errors(count)
            settled = future.share_settled(count, threshold) if count > statistics.trials else np.nan
        known = error[~np.isnan(error)]
        found.append(ExpectedPrecision(count, float(np.quantile(known, SHARE)) if len(known) else np.nan, settled))
    return found


class _BitFuture:
    """Expected counts after more trials, from the counts so far and proportions shrunk towards the overall mean."""

    def __init__(self, statistics: SufficientStatistics, ratio: float) -> None:
        self.statistics, self.ratio = statistics, ratio
        self.p_in, variance_in = _shrunk(statistics.correct_in, statistics.n_in)
        self.p_out, variance_out = _shrunk(statistics.correct_out, statistics.n_out)
        self.error = np.sqrt(variance_in + variance_out)

    def share_precise(self, trials: int, standard_error: float) -> float:
        """The share of samples with a predicted error of at most `standard_error`."""
        return float(np.mean(self.errors(trials) <= standard_error))

    def errors(self, trials: int) -> Float64:
        """The predicted error of each sample [n]."""
        low, high = self._interval(trials)
        return (high - low) / (2 * Z_95)

    def share_settled(self, trials: int, threshold: float) -> float:
        """The expected share of samples whose interval will exclude the threshold.

        The standard deviation of the estimate after t' trials, as seen now, is the current error times
        sqrt(1 - t / t').
        """
        low, high = self._interval(trials)
        spread = self.error * np.sqrt(1 - self.statistics.trials / trials)
        return float(np.mean(_normal((low - threshold) / spread) + _normal((threshold - high) / spread)))

    def _interval(self, trials: int) -> tuple[Float64, Float64]:
        more = trials - self.statistics.trials
        more_in, more_out = self.ratio * more, (1 - self.ratio) * more
        n_in, n_out = (
            np.maximum(now + change, 0)
            for now, change in ((self.statistics.n_in, more_in), (self.statistics.n_out, more_out))
        )
        right_in = np.clip(self.statistics.correct_in + self.p_in * more_in, 0, n_in)
        right_out = np.clip(self.statistics.correct_out + self.p_out * more_out, 0, n_out)
        return newcombe(right_in, n_in, right_out, n_out, limits=wilson)


class _MarginFuture:
    """Expected intervals after more trials: z stays where it is, and its error shrinks.

    Samples that have no model yet count as neither precise nor settled.
    """

    def __init__(self, model: MarginModel, ratio: float) -> None:
        self.model, self.ratio = model, ratio
        self.mem = margin_memorization(model)

    def share_precise(self, trials: int, standard_error: float) -> float:
        """The share of samples with a predicted error of at most `standard_error`."""
        return float(np.mean(self.errors(trials) <= standard_error))

    def errors(self, trials: int) -> Float64:
        """The predicted error of each sample [n]; NaN without a model."""
        low, high = self._interval(trials, skewness=0)
        return (high - low) / (2 * Z_95)

    def share_settled(self, trials: int, threshold: float) -> float:
        """The expected share of samples whose interval will exclude the threshold, as in `_BitFuture`."""
        low, high = self._interval(trials)
        spread = np.maximum(self.mem.standard_error * np.sqrt(max(0.0, 1 - self.model.trials / trials)), 1e-12)
        settled = cdf((low - threshold) / spread) + cdf((threshold - high) / spread)
        return float(np.mean(np.nan_to_num(settled)))

    def _interval(self, trials: int, skewness: float = SKEWNESS) -> tuple[Float64, Float64]:
        more = trials - self.model.trials
        inside, outside = self.model.inside, self.model.outside
        after_in, after_out = (
            np.maximum(now + change, 1)
            for now, change in ((inside.trials, self.ratio * more), (outside.trials, (1 - self.ratio) * more))
        )
        error_in, error_out = z_error(inside.z, after_in, inside.prior), z_error(outside.z, after_out, outside.prior)
        return interval(inside.z, error_in, outside.z, error_out, skewness)


def _shrunk(successes: Int64, n: Int64) -> tuple[Float64, Float64]:
    """Mean and variance of each proportion given its trials and a beta prior with the moments of all samples.

    The variance of the true proportions is that of the observed ones minus the binomial part; the prior has the
    weight of mean (1 - mean) / variance - 1 trials, clipped to 0.1 to 20.
    """
    seen = n > 1
    if not seen.any():
        return np.full(len(n), 0.5), np.full(len(n), 0.125)  # those of Beta(1/2, 1/2)
    p = successes[seen] / n[seen]
    mean = float(p.mean())
    # What scatters more than trials of one proportion would; chance can make it negative, and the prior then strongest.
    variance = float(p.var() - np.mean(p * (1 - p) / (n[seen] - 1)))
    prior = float(np.clip(mean * (1 - mean) / max(variance, 1e-9) - 1, 0.1, 20))
    mean = float(np.clip(mean, 0.001, 0.999))
    p = (successes + prior * mean) / (n + prior)
    return p, p * (1 - p) / (n + prior + 1)


def _normal(score: Float64) -> Float64:
    """The normal distribution function, accurate to 0.0002 (Page 1977)."""
    return 1 / (1 + np.exp(-np.clip(1.5976 * score + 0.070565992 * score**3, -500, 500)))
