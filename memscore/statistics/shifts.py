"""Influence on an outcome of any kind, from its sums: the shift of its mean, and a test that permutes memberships.

The outcome of a trial on a test sample is soft correctness in bytes, or the bit. Over all ways to choose n_in of t
trials the correlation r of membership with a fixed outcome has mean 0, variance 1 / (t - 1) and third moment from the
skewness of both, exactly. Pitman ("Significance tests which may be applied to samples from any populations, II", 1937)
approximates its distribution, where that skewness is 0, by the density (1 - r^2)^((t - 4) / 2); Hall's monotone cubic
("On the removal of skewness by transformation", 1992) brings the other cases there.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64, Int64
from memscore.statistics.counts import SoftCounts
from memscore.statistics.estimates import SufficientStatistics
from memscore.study.margins import CERTAIN

LEAST_TRIALS = 20
"""Trials from which on influences are tested by permutation."""

SOFT_PARTS = 2
"""Parts of soft correctness to one of the bit, in the outcome that effects are estimated from."""

STEPS = 1024
"""p-values are tabulated by r sqrt(t), in steps of 1 / STEPS."""


def both(soft: npt.NDArray[np.integer[Any]], bits: npt.NDArray[np.integer[Any]]) -> Int64:
    """Sums of the outcome `of_both` from those of soft correctness and of bits."""
    return SOFT_PARTS * soft.astype(np.int64) + CERTAIN * bits.astype(np.int64)


@dataclass(frozen=True)
class Outcomes:
    """Sums over t trials of an outcome on q test samples, in integers.

    n_in int64 [n]: trials that trained on each training sample. total, squares, cubes int64 [q]: sums of the outcome,
    its square and its cube. scale: the change of the outcome that goes with one of correctness from 0 to 1.
    """

    trials: int
    n_in: Int64
    total: Int64
    squares: Int64
    cubes: Int64
    scale: float

    @classmethod
    def of_bits(cls, statistics: SufficientStatistics) -> Outcomes:
        """The bit is the outcome."""
        correct = statistics.test_correct
        return cls(statistics.trials, statistics.n_in, correct, correct, correct, 1.0)

    @classmethod
    def of_soft(cls, soft: SoftCounts) -> Outcomes:
        """Soft correctness is the outcome; its scale is what the trials themselves show.

        Where one model's soft correctness is higher than another's by x on a test sample, its correctness is higher by
        x times the slope of the regression of one on the other, over all test samples; an influence acts alike. Without
        any variation the scale is that of a byte.
        """
        spread = soft.trials * soft.test_squares - soft.test_sum**2
        joint = soft.trials * soft.test_correct - soft.test_sum * soft.correct
        above, below = int(spread.sum()), int(joint.sum())
        scale = above / below if above > 0 and below > 0 else float(CERTAIN)
        return cls(soft.trials, soft.n_in, soft.test_sum, soft.test_squares, soft.test_cubes, scale)

    @classmethod
    def of_both(cls, soft: SoftCounts) -> Outcomes:
        """SOFT_PARTS of soft correctness and CERTAIN times the bit: nearer to infl than one, less noisy than the other.

        S of a pair is the same combination (`both`).
        """
        scale = SOFT_PARTS * cls.of_soft(soft).scale + CERTAIN
        first, second = both(soft.test_sum, soft.correct), SOFT_PARTS**2 * soft.test_squares
        second = second + 2 * SOFT_PARTS * CERTAIN * soft.test_correct + CERTAIN**2 * soft.correct
        third = SOFT_PARTS**3 * soft.test_cubes + 3 * SOFT_PARTS**2 * CERTAIN * soft.correct_squares
        third = third + 3 * SOFT_PARTS * CERTAIN**2 * soft.test_correct + CERTAIN**3 * soft.correct
        return cls(soft.trials, soft.n_in, first, second, third, scale)

    @property
    def defined(self) -> npt.NDArray[np.bool_]:
        """Training samples [n] that were both trained on and held out."""
        return (self.n_in > 0) & (self.n_in < self.trials)

    @property
    def skewness(self) -> Float64:
        """The skewness of each test sample's outcome over the trials, float64 [q]; 0 if it never varies."""
        trials, total, squares = float(self.trials), self.total.astype(np.float64), self.squares.astype(np.float64)
        spread = trials * squares - total**2
        third = trials**2 * self.cubes - 3 * trials * total * squares + 2 * total**3
        positive = np.maximum(spread, 1)
        return np.where(spread > 0, third / (positive * np.sqrt(positive)), 0.0)


@dataclass(frozen=True)
class Shifts:
    """Of pairs: infl, the shift of the mean outcome over its scale, and its variance.

    The variance has t - 2 degrees of freedom. For an outcome that never varies both are 0.
    """

    infl: Float64
    variance: Float64


def shifts(joint: npt.NDArray[np.number], outcomes: Outcomes, train: Int64, test: Int64) -> Shifts:
    """The shifts of pairs from their S; `train` and `test` are indices that broadcast with it: [a, 1] and [1, b].

    S is the sum of the outcome over the trials that trained on the training sample, which must be `defined`.
    """
    trials = outcomes.trials
    sides, spread, excess = _excess(joint, outcomes, train, test)
    infl = excess / sides
    variance = np.multiply(infl, excess, out=excess)
    np.subtract(spread, variance, out=variance)
    variance /= sides * (max(1, trials - 2) * outcomes.scale**2)
    infl /= outcomes.scale
    return Shifts(infl, np.maximum(variance, 0, out=variance))


def correlations(joint: npt.NDArray[np.number], outcomes: Outcomes, train: Int64, test: Int64) -> Float64:
    """The correlations r of pairs from their S, with indices as in `shifts`; 0 for an outcome that never varies."""
    sides, spread, excess = _excess(joint, outcomes, train, test)
    excess /= np.sqrt(sides) * np.sqrt(np.maximum(spread, 1))
    return excess


def _excess(
    joint: npt.NDArray[np.number], outcomes: Outcomes, train: Int64, test: Int64
) -> tuple[Float64, Float64, Float64]:
    """n_in (t - n_in), t^2 times the outcome's variance, and t S less its expectation."""
    trials = outcomes.trials
    inside = outcomes.n_in[train].astype(np.float64)
    total = outcomes.total[test].astype(np.float64)
    excess = joint.astype(np.float64)
    excess *= trials
    excess -= inside * total
    return inside * (trials - inside), trials * outcomes.squares[test].astype(np.float64) - total**2, excess


class Permutation:
    """One-sided p-values of "training on i does not help j" from r, by outcomes."""

    def __init__(self, outcomes: Outcomes) -> None:
        trials = outcomes.trials
        self.root = sqrt(trials - 1)
        self.steps = ceil(sqrt(trials) * STEPS)
        # Summed from the far end, as small p-values would lose all their digits as 1 less the rest.
        middle = (np.arange(-self.steps, self.steps) + 0.5) / self.steps
        density = np.exp((trials - 4) / 2 * np.log1p(-(middle**2)))
        above = np.cumsum(density[::-1])[::-1]
        self.p = above / above[0]
        inside = np.where(outcomes.defined, outcomes.n_in, 1).astype(np.float64)
        self.row = (trials - 2 * inside) / np.sqrt(inside * (trials - inside)) * (self.root / (trials - 2) / -6)
        self.column = outcomes.skewness

    def bend(self, train: Int64, test: Int64) -> Float64:
        """The coefficient of Hall's cubic z + b (z^2 - 1) + b^2 z^3 / 3: a sixth of the third moment of z, negative."""
        return self.row[train] * self.column[test]

    def p_values(self, r: Float64, train: Int64, test: Int64) -> Float64:
        """p-values of r, with indices as in `shifts`; r is rounded down to the table's step."""
        z, bend = r * self.root, self.bend(train, test)
        squared = z * z
        squared -= 1
        squared *= bend
        bend *= bend
        bend *= z
        bend *= z
        bend *= z
        bend /= 3
        squared += bend
        z += squared
        z *= self.steps / self.root
        step = np.floor(z, out=z).astype(np.int64)
        step += self.steps
        return self.p[np.clip(step, 0, len(self.p) - 1, out=step)]
