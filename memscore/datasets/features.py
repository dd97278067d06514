"""Feature vectors: missing values filled, constant columns left out, and all columns standardized once.

Standardization uses all training samples of the dataset, held-out ones included, but none of their labels; so it is the
same for every trial, and a trial learns nothing of the labels that it is asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Float32, Float64, Int64
from memscore.errors import InvalidDataset

LARGEST = 10.0
"""Standardized values are clipped to this: a single outlier would otherwise dominate the training of a network."""
HUGE = 1e300  # from here on, values count as infinite
COLUMNS = 128  # standardized at once, so that a large array is not copied whole
SHOWN = 10  # columns that a note names


@dataclass(frozen=True)
class Scaling:
    """How d stored columns follow from the `inputs` columns of raw values: with it, new samples can be transformed.

    Stored column j is (raw column columns[j] - mean[j]) / scale[j], where a value that is missing or infinite counts
    as fill[j]; if missing[j], it is instead whether the value is missing, 0 or 1, standardized likewise.
    """

    inputs: int
    columns: Int64
    missing: Bools
    fill: Float64
    mean: Float64
    scale: Float64

    def transform(self, raw: npt.NDArray[Any]) -> Float32:
        """Raw values [n, inputs] as stored values, float32 [n, d]. Raises InvalidDataset for another shape."""
        if raw.ndim != 2 or raw.shape[1] != self.inputs:
            raise InvalidDataset(f"The features have shape {raw.shape}; they must be [n, {self.inputs}].")
        stored = np.empty((len(raw), len(self.columns)), np.float32)
        for start in range(0, len(self.columns), COLUMNS):
            part = slice(start, start + COLUMNS)
            values = raw[:, self.columns[part]].astype(np.float64)
            finite = _finite(values)
            values = np.where(finite, values, self.fill[part])
            values = np.where(self.missing[part], ~finite, values)
            stored[:, part] = np.clip((values - self.mean[part]) / self.scale[part], -LARGEST, LARGEST)
        return stored

    def as_json(self) -> dict[str, Any]:
        """The scaling as plain data."""
        arrays = {name: getattr(self, name).tolist() for name in ("columns", "missing", "fill", "mean", "scale")}
        return {"inputs": self.inputs, **arrays}

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Scaling:
        """The inverse of `as_json`. Raises KeyError or ValueError for other data."""
        floats = [np.array(data[name], np.float64) for name in ("fill", "mean", "scale")]
        return cls(
            int(data["inputs"]), np.array(data["columns"], np.int64), np.array(data["missing"], np.bool_), *floats
        )


def standardized_features(
    x_train: npt.NDArray[Any], x_test: npt.NDArray[Any], names: Sequence[str] | None = None
) -> tuple[Float32, Float32, Scaling, tuple[str, ...]]:
    """Features float32 [n, d] and [q, d] of raw values [n, k] and [q, k], their scaling, and notes on what changed.

    Every stored column has mean 0 and deviation 1 over the training samples, before values beyond 10 deviations are
    clipped. `names`: the raw columns' names, for the notes. Raises InvalidDataset if no column varies.
    """
    for name, raw in (("x_train", x_train), ("x_test", x_test)):
        if raw.dtype.kind not in "biuf":
            raise InvalidDataset(f"{name} has dtype {raw.dtype}; features must be numbers.")
        if raw.ndim != 2 or raw.shape[1] == 0:
            raise InvalidDataset(f"{name} has shape {raw.shape}; features must be [n, d], not empty.")
    if x_train.shape[1] != x_test.shape[1]:
        raise InvalidDataset(
            f"x_train has {x_train.shape[1]} features a sample and x_test {x_test.shape[1]}; give both the same."
        )
    if names is not None and len(names) != x_train.shape[1]:
        raise InvalidDataset(
            f"There are {len(names)} names of features and {x_train.shape[1]} features; give one each."
        )
    fitted = [_fit(x_train[:, start : start + COLUMNS], start) for start in range(0, x_train.shape[1], COLUMNS)]
    found = _Columns(*(np.concatenate(part) for part in zip(*fitted, strict=True)))
    kept = found.scale > 0
    if not kept.any():
        gone = sum(int((~np.isfinite(x_train[:, [i]].astype(np.float64))).sum()) for i in range(x_train.shape[1]))
        without = f" {gone:,} of its values are NaN or infinite." if gone else ""
        raise InvalidDataset(
            f"No column of x_train varies; features need at least one that differs between samples.{without}"
        )
    scaling = Scaling(
        x_train.shape[1], found.column[kept], found.missing[kept], found.fill[kept], found.mean[kept], found.scale[kept]
    )
    notes = _notes(found, x_train, x_test, names)
    return scaling.transform(x_train), scaling.transform(x_test), scaling, notes


@dataclass(frozen=True)
class _Columns:
    """The candidates for stored columns, as in `Scaling`; `scale` is 0 for a constant one, and -1 if all is missing.

    `absent` is how many training values of the raw column are missing.
    """

    column: Int64
    missing: Bools
    fill: Float64
    mean: Float64
    scale: Float64
    absent: Int64

    def __iter__(self) -> Any:
        return iter((self.column, self.missing, self.fill, self.mean, self.scale, self.absent))


def _fit(raw: npt.NDArray[Any], first: int) -> _Columns:
    """The candidates of some raw columns [n, k], whose first has the number `first`."""
    values = raw.astype(np.float64)
    finite = _finite(values)
    absent = (~finite).sum(axis=0)
    fill = np.zeros(values.shape[1])
    fill[absent == 0] = _middle(values[:, absent == 0])
    for column in np.flatnonzero((absent > 0) & (absent < len(values))):
        fill[column] = _middle(values[finite[:, column], column])
    values = np.where(finite, values, fill)
    mean, scale = _moments(values)
    scale[absent == len(values)] = -1
    half = np.flatnonzero((2 * absent > len(values)) & (absent < len(values)))
    mean_of_missing, scale_of_missing = _moments((~finite[:, half]).astype(np.float64))
    return _Columns(
        np.concatenate([np.arange(values.shape[1]), half]) + first,
        np.repeat([False, True], [values.shape[1], len(half)]),
        np.concatenate([fill, np.zeros(len(half))]),
        np.concatenate([mean, mean_of_missing]),
        np.concatenate([scale, scale_of_missing]),
        np.concatenate([absent, absent[half]]),
    )


def _finite(values: Float64) -> Bools:
    """Which values are numbers, and not so large that their differences overflow."""
    return np.abs(values) < HUGE


def _middle(values: Float64) -> Float64:
    """The median of each column; the lower one of two, so that it is a value that occurs."""
    place = (len(values) - 1) // 2
    return np.partition(values, place, axis=0)[place]


def _moments(values: Float64) -> tuple[Float64, Float64]:
    """Mean and deviation of each column [n, k], to some 20 bits of the deviation; a deviation of 0 if it is constant.

    Sums may differ in their last bits from one machine to another, and a dataset's fingerprint must not. The quotients
    of the stored values are then those of the same numbers everywhere.
    """
    largest = np.abs(values).max(axis=0, initial=0)
    exponent = np.frexp(largest)[1]
    small = np.ldexp(values, -exponent)  # below 1, so that no square overflows
    mean = small.mean(axis=0)
    scale = np.sqrt(np.square(small - mean).mean(axis=0))
    varies = (values.max(axis=0) > values.min(axis=0)) & (scale > 0)
    unit = np.ldexp(1.0, np.frexp(np.where(varies, scale, 1.0))[1] - 21)
    mean, scale = np.rint(mean / unit) * unit, np.rint(scale / unit) * unit
    return np.ldexp(mean, exponent), np.ldexp(np.where(varies, scale, 0.0), exponent)


def _notes(
    found: _Columns, x_train: npt.NDArray[Any], x_test: npt.NDArray[Any], names: Sequence[str] | None
) -> tuple[str, ...]:
    raw = ~found.missing
    notes = ["Features were standardized over all training samples: mean 0, deviation 1."]
    gone, some = found.column[raw & (found.scale == -1)], found.column[raw & (found.absent > 0) & (found.scale >= 0)]
    if len(some):
        values = int(found.absent[np.isin(found.column, some) & raw].sum())
        notes.append(
            f"{values} missing or infinite training values became the medians of their columns: {_named(some, names)}."
        )
    in_test = 0
    for start in range(0, x_test.shape[1], COLUMNS):
        in_test += int((~_finite(x_test[:, start : start + COLUMNS].astype(np.float64))).sum())
    if in_test:
        notes.append(f"{in_test} missing or infinite test values became the medians of the training values.")
    added = found.column[found.missing]
    if len(added):
        notes.append(
            f"{_count(added)} with over half of the values missing got a companion that says which: "
            f"{_named(added, names)}."
        )
    constant = found.column[raw & (found.scale == 0)]
    if len(constant):
        notes.append(f"{_count(constant, 'constant ')} {_was(constant)} left out: {_named(constant, names)}.")
    if len(gone):
        notes.append(f"{_count(gone)} without any value {_was(gone)} left out: {_named(gone, names)}.")
    return tuple(notes)


def _count(columns: Int64, kind: str = "") -> str:
    return f"{len(columns)} {kind}{'column' if len(columns) == 1 else 'columns'}"


def _was(columns: Int64) -> str:
    return "was" if len(columns) == 1 else "were"


def _named(columns: Int64, names: Sequence[str] | None) -> str:
    """The columns' names or numbers, the first ten of them."""
    first: list[int] = np.sort(columns)[:SHOWN].tolist()
    shown = [f"column {one}" if names is None else names[one] for one in first]
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    return ", ".join(shown) + more
