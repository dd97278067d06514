"""Estimates from evidence: sufficient statistics, mem and infl, standard errors, intervals, checks.

Definitions: Feldman and Zhang (2020), section 3. M [t, n] is membership, C [t, n] correctness on the
training samples, Y [t, q] correctness on the test samples, all 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import exp, factorial, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64, Int64
from memscore.study.evidence import Evidence

Numbers = npt.NDArray[np.floating[Any]] | Int64
Limits = Callable[[Numbers, Numbers, float], tuple[Float64, Float64]]

Z_95 = NormalDist().inv_cdf(0.975)
"""Standard errors on each side of an estimate in a 95 % interval: 1.96."""


@dataclass(frozen=True)
class SufficientStatistics:
    """Integer counts that determine every per-sample score; merging evidence adds them.

    trials t; n_in, correct_in, correct int64 [n]: trials that trained on the sample, those among them that
    classify it correctly, and all trials that classify it correctly; test_correct int64 [q].
    """

    trials: int
    n_in: Int64
    correct_in: Int64
    correct: Int64
    test_correct: Int64

    @classmethod
    def empty(cls, samples: int, test_samples: int) -> SufficientStatistics:
        """The counts of zero trials."""
        none = np.zeros(samples, np.int64)
        return cls(0, none, none, none, np.zeros(test_samples, np.int64))

    @classmethod
    def of(cls, evidence: Evidence) -> SufficientStatistics:
        """Count the evidence."""
        return cls(
            trials=evidence.trials,
            n_in=evidence.membership.sum(axis=0, dtype=np.int64),
            correct_in=(evidence.membership & evidence.train_correct).sum(axis=0, dtype=np.int64),
            correct=evidence.train_correct.sum(axis=0, dtype=np.int64),
            test_correct=evidence.test_correct.sum(axis=0, dtype=np.int64),
        )

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        return SufficientStatistics(
            self.trials + other.trials,
            self.n_in + other.n_in,
            self.correct_in + other.correct_in,
            self.correct + other.correct,
            self.test_correct + other.test_correct,
        )

    @property
    def n_out(self) -> Int64:
        """Trials that held the sample out, int64 [n]."""
        return self.trials - self.n_in

    @property
    def correct_out(self) -> Int64:
        """Trials that held the sample out and classify it correctly, int64 [n]."""
        return self.correct - self.correct_in

    @property
    def in_sample_accuracy(self) -> float:
        """Mean accuracy of the trials on their own training samples."""
        return float(self.correct_in.sum() / max(1, self.n_in.sum()))

    @property
    def held_out_accuracy(self) -> float:
        """Mean accuracy of the trials on the training samples they held out."""
        return float(self.correct_out.sum() / max(1, self.n_out.sum()))


@dataclass(frozen=True)
class Difference:
    """A difference of two observed proportions, float64 arrays of one shape; NaN where undefined."""

    first: Float64
    second: Float64
    estimate: Float64
    standard_error: Float64
    low: Float64
    high: Float64


def difference(successes_1: Int64, n_1: Int64, successes_2: Int64, n_2: Int64) -> Difference:
    """p1 - p2 with its standard error and 95 % interval, elementwise.

    The standard error is the unbiased sqrt(p1 (1 - p1) / (n1 - 1) + p2 (1 - p2) / (n2 - 1)); it is NaN
    where a side has fewer than two trials. The estimate and interval are NaN where a side has none.
    """
    low, high = newcombe(successes_1, n_1, successes_2, n_2)
    return Difference(
        _proportion(successes_1, n_1),
        _proportion(successes_2, n_2),
        gap(successes_1, n_1, successes_2, n_2),
        standard_error(successes_1, n_1, successes_2, n_2),
        low,
        high,
    )


def gap(successes_1: Int64, n_1: Int64, successes_2: Int64, n_2: Int64) -> Float64:
    """p1 - p2, elementwise, NaN where a side has no trial; a single integer division, so correctly rounded."""
    with np.errstate(invalid="ignore"):
        return (successes_1 * n_2 - successes_2 * n_1) / (n_1 * n_2)


def standard_error(successes_1: Int64, n_1: Int64, successes_2: Int64, n_2: Int64) -> Float64:
    """The standard error of p1 - p2, as in `difference`."""
    p_1, p_2 = _proportion(successes_1, n_1), _proportion(successes_2, n_2)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = p_1 * (1 - p_1) / (n_1 - 1) + p_2 * (1 - p_2) / (n_2 - 1)
    return np.sqrt(np.where((n_1 > 1) & (n_2 > 1), variance, np.nan))


def wilson(successes: Numbers, n: Numbers, confidence: float = 0.95) -> tuple[Float64, Float64]:
    """Wilson's score interval of a proportion: (low, high), NaN where n is 0."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = _proportion(successes, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n.astype(np.float64) ** 2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def modified_wilson(successes: Numbers, n: Numbers, confidence: float = 0.95) -> tuple[Float64, Float64]:
    """Wilson's interval with Poisson limits at the ends: (low, high), NaN where n is 0.

    Brown, Cai and DasGupta (2001), section 4.1.1: with 1 or 2 successes (or 3, where n is above 50) the lower
    limit is lambda / n, where P[Poisson(lambda) >= successes] = 1 - confidence; with as few failures the upper
    limit mirrors it. Wilson's original limits there miss a p close to 0 or 1 too often.
    """
    low, high = wilson(successes, n, confidence)
    for few in (1, 2, 3):
        with np.errstate(divide="ignore"):
            limit = _poisson_limit(few, 1 - confidence) / n
        counts = few < 3 or n > 50
        low = np.where((successes == few) & counts, np.minimum(low, limit), low)
        high = np.where((n - successes == few) & counts, np.maximum(high, 1 - limit), high)
    return low, high


@cache
def _poisson_limit(few: int, tail: float) -> float:
    """The lambda with P[Poisson(lambda) >= few] = tail, by bisection."""
    low, high = 0.0, float(few)
    for _ in range(60):
        middle = (low + high) / 2
        above = 1 - exp(-middle) * sum(middle**k / factorial(k) for k in range(few))
        low, high = (middle, high) if above < tail else (low, middle)
    return low


def newcombe(
    successes_1: Numbers,
    n_1: Numbers,
    successes_2: Numbers,
    n_2: Numbers,
    confidence: float = 0.95,
    limits: Limits = modified_wilson,
) -> tuple[Float64, Float64]:
    """Newcombe's hybrid interval of p1 - p2: (low, high), NaN where a side has no trial.

    Newcombe (1998), method 10: the limits of each side, combined by squares. With Wilson's original limits it covers
    an extreme pair such as 0.999 and 0.001 in only 0.905 of cases (70 and 30 trials); with the modified ones in
    at least 0.95. The Wald interval covers it in 0.09.
    """
    p_1, p_2 = _proportion(successes_1, n_1), _proportion(successes_2, n_2)
    low_1, high_1 = limits(successes_1, n_1, confidence)
    low_2, high_2 = limits(successes_2, n_2, confidence)
    low = p_1 - p_2 - np.hypot(p_1 - low_1, high_2 - p_2)
    high = p_1 - p_2 + np.hypot(high_1 - p_1, p_2 - low_2)
    return np.clip(low, -1, 1), np.clip(high, -1, 1)  # rounding can exceed the range slightly


def memorization(statistics: SufficientStatistics) -> Difference:
    """mem of each training sample (paper, equation 1): p_in - p_out, arrays [n]."""
    return difference(statistics.correct_in, statistics.n_in, statistics.correct_out, statistics.n_out)


@dataclass(frozen=True)
class Halves:
    """Agreement of two halves of the trials on mem; None where it is undefined.

    ratio: RMS difference divided by the one that the standard errors predict, 1 if they are right; ratio_error: the
    standard error of the ratio. correlation: r of the halves; reliability: that of all trials (`whole_reliability`).
    """

    ratio: float | None
    ratio_error: float | None
    correlation: float | None
    reliability: float | None


def halves(first: Difference, second: Difference, share: float = 0.5) -> Halves:
    """Compare two independent halves of the trials over the samples defined in both; the first has `share` of them."""
    variance = first.standard_error**2 + second.standard_error**2
    defined = np.isfinite(first.estimate) & np.isfinite(second.estimate) & np.isfinite(variance)
    x, y, variance = first.estimate[defined], second.estimate[defined], variance[defined]
    if len(x) < 2:
        return Halves(None, None, None, None)
    ratio = ratio_error = correlation = reliability = None
    if variance.any():
        ratio = float(np.sqrt(np.mean((x - y) ** 2) / variance.mean()))
        # Delta method: the square of a normal difference of variance v has variance 2 v^2, and a root halves errors.
        ratio_error = float(np.sqrt(np.sum(variance**2) / 2) / variance.sum())
    if x.std() > 0 and y.std() > 0:
        correlation = float(np.corrcoef(x, y)[0, 1])
        reliability = whole_reliability(correlation, share)
    return Halves(ratio, ratio_error, correlation, reliability)


def whole_reliability(correlation: float, share: float = 0.5) -> float:
    """Reliability of all trials from the correlation r of two parts, which have `share` and 1 - `share` of them.

    Horst (1951), A generalized expression for the reliability of measures; with equal parts it is 2 r / (1 + r)
    (Spearman and Brown), which is too low for others. 0 where r is not positive or a part is empty.
    """
    r, product = correlation, share * (1 - share)
    if r <= 0 or product <= 0:
        return 0.0
    if r >= 1:
        return 1.0
    return (r * sqrt(r**2 + 4 * product * (1 - r**2)) - r**2) / (2 * product * (1 - r**2))


def reliability(scores: Difference) -> float | None:
    """Share of the estimates' variance that is not sampling error: (Var - mean se^2) / Var; None if undefined.

    It is an upper bound for the squared correlation of the estimates with any other variable.
    """
    defined = np.isfinite(scores.estimate) & np.isfinite(scores.standard_error)
    if defined.sum() < 2 or (spread := scores.estimate[defined].var(ddof=1)) == 0:
        return None
    return float(max(0.0, 1 - np.mean(scores.standard_error[defined] ** 2) / spread))


def auroc(scores: Float64, positive: npt.NDArray[np.bool_]) -> float:
    """Probability that a positive sample scores above a negative one, ties counting one half.

    Samples without a score (NaN) are left out.
    """
    defined = np.isfinite(scores)
    values, is_positive = scores[defined], positive[defined]
    positives = int(is_positive.sum())
    negatives = len(values) - positives
    # Mann and Whitney: the ranks of the positives, less those they have among themselves, count the pairs they win.
    won = average_ranks(values)[is_positive].sum() - positives * (positives + 1) / 2
    return float(won / (positives * negatives))


def average_ranks(values: Float64) -> Float64:
    """Ranks from 1 of values [k]; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _proportion(successes: Numbers, n: Numbers) -> Float64:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, successes / n, np.nan)
