"""Privacy risk: how well an attacker tells from a model's margins which samples it was trained on.

The attack is the likelihood-ratio attack (Carlini et al. 2022, LiRA, its online form) on the margin: of each sample,
margins of models that trained on it and of models that did not are taken as normal, with variances shrunk to a trend as
BaVarIA does in place of LiRA's single variance. The attacker knows the recipe, and has subsets of the same data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memscore.arrays import Bools, Float64, Int64
from memscore.statistics.estimates import Z_95
from memscore.statistics.margin_estimates import MarginModel, Side
from memscore.statistics.normal import cdf
from memscore.statistics.output_counts import MarginCounts, TargetMargins
from memscore.study.margins import UNIT, Codes, decode

FALSE_ALARMS = 0.001
"""The false-positive rate of the attacker in the risk of a sample."""

Z_999 = 3.090232306167813
"""Standard deviations from a normal mean to its 99.9 % point."""

RATES = (0.001, 0.01)
"""False-positive rates at which whole models are attacked."""

LEAST_TARGETS = 4
MOST_SCORES = 1 << 20
"""Samples attacked in all target models together, unless these are the fewest."""


NODES: Float64 = np.sqrt(2) * np.polynomial.hermite.hermgauss(9)[0]
WEIGHTS: Float64 = np.polynomial.hermite.hermgauss(9)[1] / np.sqrt(np.pi)
"""Means over a standard normal variable are sums of values at NODES with WEIGHTS (Gauss and Hermite's)."""


@dataclass(frozen=True)
class Risk:
    """Of each sample, the chance to be recognized as trained on at 0.1 % false alarms, and its standard error [n]."""

    estimate: Float64
    standard_error: Float64


def sample_risk(model: MarginModel) -> Risk:
    """P(margin of a model trained on the sample > the 99.9 % point of margins of models that were not): [n].

    NaN where a side has fewer than two trials. The standard error is the root of the mean squared change of P when its
    argument varies by its own error: near 0 and 1, where P is flat, the delta method's would be far too small.
    """
    inside, outside = model.inside, model.outside
    ratio = outside.variance / inside.variance
    z = (inside.mean - outside.mean) / np.sqrt(inside.variance) - Z_999 * np.sqrt(ratio)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (
            1 / inside.trials
            + z * z / (2 * (inside.trials - 1 + inside.prior))
            + ratio * (1 / outside.trials + Z_999**2 / (2 * (outside.trials - 1 + outside.prior)))
        )
    risk, error = cdf(z), np.sqrt(variance)
    squares = sum(weight * (cdf(z + node * error) - risk) ** 2 for node, weight in zip(NODES, WEIGHTS, strict=True))
    return Risk(risk, np.sqrt(squares))


@dataclass(frozen=True)
class Measured:
    """A mean over target models with its 95 % interval, by the scatter between targets (Student's t)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Attack:
    """Success of the attack on whole models, over all their samples.

    targets: attacked models, each left out of the margins that the attacker learns from. true_positives: the rate at
    each of `RATES`; auc: the area under the curve.
    """

    targets: int
    true_positives: dict[float, Measured]
    auc: Measured


def attack(counts: MarginCounts, model: MarginModel, targets: TargetMargins) -> Attack | None:
    """Attack the kept target trials, which are among the counted ones; None with fewer than two targets.

    None too if a target has no member or no other sample that can be attacked. The trend of variances is the one of all
    trials: a target is one of many thousand parts of it.
    """
    most = max(LEAST_TARGETS, MOST_SCORES // max(1, len(counts.n_in)))
    found = [_attacked(counts, model, *target) for target in list(targets.ordered().values())[:most]]
    if len(found) < 2 or any(not len(members) or not len(others) for members, others in found):
        return None
    ordered = np.sort(np.concatenate([others for _, others in found]))
    rates = {rate: _rates(found, ordered, rate) for rate in RATES}
    return Attack(len(found), rates, _over_targets([area(members, others) for members, others in found]))


def area(members: Float64, others: Float64) -> float:
    """The chance that a member has a higher score than another sample, ties counting one half."""
    ordered = np.sort(others)
    below, up_to = np.searchsorted(ordered, members), np.searchsorted(ordered, members, side="right")
    return float((below.sum() + up_to.sum()) / 2 / (len(members) * len(others)))


def _attacked(counts: MarginCounts, model: MarginModel, membership: Bools, codes: Codes) -> tuple[Float64, Float64]:
    """Twice the logarithm of the likelihood ratio in / out of each member's margin, and of each other's."""
    margins = decode(codes).astype(np.int64)
    inside = _left_out(counts.n_in, counts.sum_in, counts.squares_in, margins, membership, model.inside)
    outside = _left_out(counts.n_out, counts.sum_out, counts.squares_out, margins, ~membership, model.outside)
    x = margins / UNIT
    ratio = _surprise(x, outside) - _surprise(x, inside)
    defined = np.isfinite(ratio)
    return ratio[membership & defined], ratio[~membership & defined]


def _left_out(trials: Int64, total: Int64, squares: Int64, margins: Int64, of: Bools, side: Side) -> Side:
    """A side without the trial of these margins, which it holds of the samples `of`."""
    own = np.where(of, margins, 0)
    return Side.shrunk(trials - of, total - own, squares - own * own, side.trend, side.prior)


def _surprise(x: Float64, side: Side) -> Float64:
    """Minus twice the logarithm of the normal density of margins x [n], up to a constant."""
    return np.log(side.variance) + (x - side.mean) ** 2 / side.variance


def _rates(found: list[tuple[Float64, Float64]], ordered: Float64, rate: float) -> Measured:
    """The true-positive rate at a false-positive rate of all targets together, with one threshold.

    The interval allows for the threshold: targets with more false alarms than others would need a higher one, which
    costs true positives by the slope of the curve.
    """

    def threshold(at: float) -> float:
        return float(ordered[len(ordered) - 1 - int(at * len(ordered))])

    def true_positives(at: float) -> float:
        return float(np.mean([np.mean(members > threshold(at)) for members, _ in found]))

    slope = (true_positives(2 * rate) - true_positives(rate / 2)) / (1.5 * rate)
    mark = threshold(rate)
    values = [float(np.mean(members > mark)) for members, _ in found]
    alarms = [float(np.mean(others > mark)) for _, others in found]
    mean = float(np.mean(alarms))
    return _over_targets(values, [value - slope * (one - mean) for value, one in zip(values, alarms, strict=True)])


def _over_targets(values: list[float], scattered: list[float] | None = None) -> Measured:
    """The mean of values, and an interval by the scatter of `scattered`, which has the same mean, within [0, 1]."""
    targets, mean = len(values), float(np.mean(values))
    error = float(np.std(scattered or values, ddof=1)) / targets**0.5
    half = _student(targets - 1) * error
    return Measured(mean, max(0.0, mean - half), min(1.0, mean + half))


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t, within 4 % from 3 degrees of freedom on (Cornish and Fisher)."""
    z = Z_95
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
