"""Forecasts for pairs: what share of the pairs of a given infl will be found, and after how many trials.

A pair of infl d with a test sample that a share p of the trials classify correctly is found if its estimate exceeds z
null errors, where P(Z > z) is the p-value that a false-discovery rate of q allows: q times the pairs found over all
pairs tested (Benjamini and Hochberg 1995). The power is that of a normal test of two proportions.
"""

from __future__ import annotations

from math import inf
from statistics import NormalDist

import numpy as np

from memscore.arrays import Float64, Int64
from memscore.study.spec import BLOCK

EFFECTS = (0.15, 0.2, 0.4)
"""The infl of the pairs that forecasts are made for."""

TARGET = 0.2
"""The infl of the pairs that a target counts."""

RATE = 0.05
"""The false-discovery rate."""

PAIRS_A_TEST_SAMPLE = 0.1
"""Pairs of infl 0.15 and above, as in CIFAR-100: 1,015 for 10,000 test samples (Feldman and Zhang 2020, section 3.3).

The number found sets the p-value that is allowed; ten times fewer would need an eighth more trials.
"""

EXCESS = 0.09
"""Their mean infl above 0.15, if the excess is exponential."""

STEPS = 24
"""Quantiles that represent the distribution of infl."""


class PairForecast:
    """Forecasts for a study of q test samples.

    test_correct int64 [q]: in how many of `trials` trials each is correct; pairs: how many are tested; ratio: of the
    subsets. gain: how many trials of the plain test one trial of a stronger test is worth.
    """

    def __init__(self, test_correct: Int64, trials: int, pairs: int, ratio: float, gain: float = 1.0) -> None:
        # Jeffreys' estimate, as a test sample is never certain; to two digits, so that there are few values.
        self.p, self.samples = np.unique(np.round((test_correct + 0.5) / (trials + 1), 2), return_counts=True)
        self.pairs, self.ratio, self.gain = max(1, pairs), ratio, gain
        quantiles = (np.arange(STEPS) + 0.5) / STEPS
        self.population = np.minimum(EFFECTS[0] - EXCESS * np.log1p(-quantiles), 1.0)

    def share_found(self, infl: float, trials: int) -> float | None:
        """The expected share of the pairs of this infl found after `trials` trials; None if none can be so strong.

        A mean over the test samples on which a training sample can have this infl.
        """
        return self._power(infl, trials, self._limit(trials))

    def trials_until(self, share: float, infl: float = TARGET, most: int = 1_000_000) -> int | None:
        """The least number of trials, in whole blocks, with that share found; None if `most` are not enough."""
        low, high = 0, most // BLOCK
        if (self.share_found(infl, high * BLOCK) or 0.0) < share:
            return None
        while high - low > 1:
            middle = (low + high) // 2
            found = self.share_found(infl, middle * BLOCK) or 0.0
            low, high = (low, middle) if found >= share else (middle, high)
        return high * BLOCK

    def _limit(self, trials: int) -> float:
        """The normal score that pairs must exceed."""
        expected = PAIRS_A_TEST_SAMPLE * int(self.samples.sum())
        found = expected
        limit = inf
        for _ in range(STEPS):  # more pairs found allow larger p-values, and these more pairs
            limit = -NormalDist().inv_cdf(min(0.5, RATE * max(1.0, found) / self.pairs))
            powers = [self._power(infl, trials, limit) or 0.0 for infl in self.population.tolist()]
            found, before = expected * sum(powers) / STEPS, found
            if abs(found - before) < 0.02 * before or max(found, before) < 1:
                break
        return limit

    def _power(self, infl: float, trials: int, limit: float) -> float | None:
        """Of the test samples whose p_in and p_out would be shares: the mean probability that a pair is found."""
        inside, outside = self.gain * trials * self.ratio, self.gain * trials * (1 - self.ratio)
        p_in, p_out = self.p + (1 - self.ratio) * infl, self.p - self.ratio * infl
        possible = (p_out >= 0) & (p_in <= 1)
        if not possible.any():
            return None
        p, p_in, p_out = self.p[possible], p_in[possible], p_out[possible]
        null = np.sqrt(p * (1 - p) * (1 / inside + 1 / outside))
        error = np.sqrt(np.maximum(p_in * (1 - p_in) / inside + p_out * (1 - p_out) / outside, 1e-12))
        return float(np.average(_normal((infl - limit * null) / error), weights=self.samples[possible]))


def pairs_of_classes(train_labels: Int64, test_labels: Int64) -> int:
    """The number of same-class pairs, from labels [n] and [q]."""
    classes = int(max(train_labels.max(initial=0), test_labels.max(initial=0))) + 1
    train, test = (np.bincount(labels, minlength=classes) for labels in (train_labels, test_labels))
    return int(train @ test)


def _normal(score: Float64) -> Float64:
    """The normal distribution function, accurate to 0.0002 (Page 1977)."""
    return 1 / (1 + np.exp(-np.clip(1.5976 * score + 0.070565992 * score**3, -500, 500)))
