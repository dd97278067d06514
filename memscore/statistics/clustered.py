"""Means over several training samples, with errors clustered by trial.

Samples share trials, and a trial that is right about one is often right about others: the error of their mean is not
that of independent samples. It follows from the trials' own means (Liang and Zeger 1986, with the trials as clusters).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan, sqrt

import numpy as np

from memscore.arrays import Bools, Int64
from memscore.statistics.estimates import modified_wilson

BUFFER = 1 << 22
"""Elements of the largest temporary array."""


@dataclass(frozen=True)
class ClusteredMean:
    """A difference p1 - p2 of mean proportions, its standard error and 95 % interval; NaN where undefined."""

    estimate: float
    standard_error: float
    low: float
    high: float


UNDEFINED = ClusteredMean(nan, nan, nan, nan)


@dataclass(frozen=True)
class _Side:
    """A mean proportion with its standard error; `fewest` and `most` independent answers that it can rest on."""

    p: float
    error: float
    fewest: float
    most: float

    def limits(self) -> tuple[float, float]:
        """The 95 % interval with as many independent answers as the error says, within what is possible."""
        spread = self.p * (1 - self.p)
        n = self.fewest if isnan(self.error) or spread == 0 else spread / max(self.error**2, spread / self.most)
        n = np.array([max(n, self.fewest)])
        low, high = modified_wilson(self.p * n, n)
        return float(low[0]), float(high[0])


def joint_memorization(right_all: Int64, right_none: Int64, members: int) -> ClusteredMean:
    """How much models memorize `members` samples together.

    right_all [a]: how many members are right in each trial that trained on all; right_none [b]: in those on none.
    """
    if not len(right_all) or not len(right_none):
        return UNDEFINED
    sides: list[_Side] = []
    for right in (right_all, right_none):
        trials, shares = len(right), right / members
        error = float(shares.std(ddof=1)) / sqrt(trials) if trials > 1 else nan
        sides.append(_Side(float(shares.mean()), error, trials, trials * members))
    return _difference(*sides, covariance=0.0)


def mean_memorization(membership: Bools, correct: Bools) -> ClusteredMean:
    """The mean mem of g samples, from membership and correctness bool [t, g].

    The deviations of a trial are those of the samples that it trained on, weighted 1 / n_in, minus those of the others,
    weighted 1 / n_out. Undefined if a sample was trained on always or never.
    """
    trials, members = membership.shape
    n_in = membership.sum(axis=0)
    n_out = trials - n_in
    if not members or not n_in.all() or not n_out.all():
        return UNDEFINED
    p_in, p_out = (correct & membership).sum(axis=0) / n_in, (correct & ~membership).sum(axis=0) / n_out
    deviations = np.empty((2, trials))
    step = max(1, BUFFER // members)
    for first in range(0, trials, step):
        rows = slice(first, first + step)
        deviations[0, rows] = ((correct[rows] - p_in) * membership[rows] / n_in).mean(axis=1)
        deviations[1, rows] = ((correct[rows] - p_out) * ~membership[rows] / n_out).mean(axis=1)
    covariance = deviations @ deviations.T * trials / (trials - 1)
    sides = [
        _Side(float(p.mean()), sqrt(covariance[side, side]), float(n.mean()), float(n.sum()))
        for side, (p, n) in enumerate(((p_in, n_in), (p_out, n_out)))
    ]
    return _difference(*sides, covariance=float(covariance[0, 1]))


def _difference(first: _Side, second: _Side, covariance: float) -> ClusteredMean:
    """The limits of both sides, combined by squares with their correlation (Zou and Donner 2008)."""
    estimate = first.p - second.p
    variance = first.error**2 + second.error**2 - 2 * covariance
    both = first.error * second.error
    correlation = covariance / both if both > 0 else 0.0
    (low_1, high_1), (low_2, high_2) = first.limits(), second.limits()

    def combined(one: float, other: float) -> float:
        return sqrt(max(one**2 + other**2 - 2 * correlation * one * other, 0.0))

    low = estimate - combined(first.p - low_1, high_2 - second.p)
    high = estimate + combined(high_1 - first.p, second.p - low_2)
    error = nan if isnan(variance) else sqrt(max(variance, 0.0))  # rounding can make the variance negative
    return ClusteredMean(estimate, error, max(low, -1.0), min(high, 1.0))
