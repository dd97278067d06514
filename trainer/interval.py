"""Intervals of accuracies, shares and their differences, over both seeds and samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools
from memscore.statistics.estimates import newcombe, wilson

Key = TypeVar("Key")


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; deviation: standard deviation over seeds (n - 1), NaN for a single one.

    seeds: 0 if no run is involved. of_seeds: the mean of each, where it is known.
    """

    value: float
    low: float
    high: float
    deviation: float
    seeds: int
    of_seeds: tuple[float, ...] = field(default=(), compare=False, repr=False)

    def points(self, sign: str = "") -> str:
        """In per cent, with the interval; `sign` "+" is for differences."""
        value, low, high = (format(100 * one, f"{sign}.1f") for one in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def columns(self, name: str = "accuracy") -> dict[str, Any]:
        """The columns of a row of numbers, with the value under `name`."""
        return {
            name: self.value,
            "low": self.low,
            "high": self.high,
            "deviation over seeds": self.deviation,
            "seeds": self.seeds,
        }


def estimate(values: npt.NDArray[Any]) -> Estimate:
    """Mean and interval of values [seeds, samples]: correctness, or its differences paired by seed and sample.

    Seeds and samples are both random: the variance of the mean is estimated as var(means of seeds) / seeds + var(means
    of samples) / samples, which counts the interaction of seed and sample twice and so is slightly too large. Each part
    has Student's quantile with its own degrees of freedom. With one seed the interval covers only the samples;
    without samples the result is NaN. An interval of correctness is clipped to [0, 1].
    """
    shares = np.asarray(values).dtype == np.bool_
    values = np.asarray(values, np.float64)
    seeds = len(values)
    if not values.size:
        return unknown(seeds)
    of_seeds, of_samples = values.mean(axis=1), values.mean(axis=0)
    parts = [
        (float(means.var(ddof=1)) / len(means), len(means) - 1) for means in (of_seeds, of_samples) if len(means) > 1
    ]
    half = _half_width(parts)
    mean = float(values.mean())
    deviation = float(of_seeds.std(ddof=1)) if seeds > 1 else float("nan")
    low, high = mean - half, mean + half
    if shares:
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(mean, low, high, deviation, seeds, tuple(of_seeds.tolist()))


def difference(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Estimate:
    """Accuracy of `second` minus that of `first`, both bool [seeds, samples] on the same samples."""
    return estimate(np.asarray(second, np.float64) - np.asarray(first, np.float64))


def apart(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Estimate:
    """Accuracy of `second` minus that of `first` on other samples, bool [seeds, m] and [seeds, n], paired by seed."""
    one, two = (np.asarray(values, np.float64) for values in (first, second))
    if not (one.size and two.size):
        return unknown(len(one))
    of_seeds = two.mean(axis=1) - one.mean(axis=1)
    parts = [(float(of_seeds.var(ddof=1)) / len(of_seeds), len(of_seeds) - 1)] if len(of_seeds) > 1 else []
    for values in (one, two):
        means = values.mean(axis=0)
        if len(means) > 1:
            parts.append((float(means.var(ddof=1)) / len(means), len(means) - 1))
    mean, half = float(of_seeds.mean()), _half_width(parts)
    deviation = float(of_seeds.std(ddof=1)) if len(of_seeds) > 1 else float("nan")
    return Estimate(mean, mean - half, mean + half, deviation, len(of_seeds))


def share(holds: Bools, seeds: int = 0) -> Estimate:
    """The share of True in bool [n], n > 0, with Wilson's interval for a random sample."""
    low, high = wilson(*_counted(holds))
    return Estimate(float(holds.mean()), float(low[0]), float(high[0]), float("nan"), seeds)


def shares_apart(first: Bools, second: Bools, seeds: int = 0) -> Estimate:
    """The share of `second` bool [m] minus that of `first` bool [n], on other samples, with Newcombe's interval."""
    low, high = newcombe(*_counted(second), *_counted(first))
    return Estimate(float(second.mean() - first.mean()), float(low[0]), float(high[0]), float("nan"), seeds)


def over_seeds(values: npt.NDArray[Any]) -> Estimate:
    """Mean of one number for each seed [seeds], with Student's interval, infinite for a single seed."""
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean, float("-inf"), float("inf"), float("nan"), len(values))
    half = _half_width([(float(values.var(ddof=1)) / len(values), len(values) - 1)])
    return Estimate(mean, mean - half, mean + half, float(values.std(ddof=1)), len(values), tuple(values.tolist()))


def _counted(holds: Bools) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    return np.array([holds.sum()]), np.array([holds.size])


def unknown(seeds: int) -> Estimate:
    """The estimate from no data: NaN."""
    nan = float("nan")
    return Estimate(nan, nan, nan, nan, seeds)


def weakest(found: Mapping[Key, Estimate], bound: float = 0.0) -> Key:
    """The key that decides whether all exceed `bound`: the lowest not clearly above it, or the lowest of all."""
    unsure = [key for key, one in found.items() if not one.low > bound]
    return min(unsure or found, key=lambda key: found[key].value)


def best_of(candidates: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Correctness of the best of several candidates, each bool [seeds, samples], on the same samples.

    Each half of the samples (even and odd positions) uses the candidate that is best on the other half: choosing and
    measuring on the same samples would be biased upwards.
    """
    stacked = np.stack([np.asarray(one, np.float64) for one in candidates])
    best = np.empty_like(stacked[0])
    for shown, other in ((slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2))):
        chosen = int(stacked[:, :, other].mean(axis=(1, 2)).argmax()) if stacked[:, :, other].size else 0
        best[:, shown] = stacked[chosen][:, shown]
    return best


def _half_width(parts: list[tuple[float, int]]) -> float:
    """Half the 95 % interval from independent variances of a mean with their degrees of freedom (Banerjee 1960).

    Each variance has its own quantile of Student, so that the interval covers at least 95 %, however large each is. One
    with Satterthwaite's degrees of freedom covers less where few seeds happen to lie close together.
    """
    from scipy.stats import t

    return sqrt(sum(float(t.ppf(0.975, freedom)) ** 2 * variance for variance, freedom in parts))
