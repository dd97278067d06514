"""Labels of any kind (numbers, texts, booleans, one-hot rows) as classes 0 to C - 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Labels
from memscore.errors import InvalidDataset

MAX_CLASSES = 65_536
SHOWN = 5  # labels of a mapping that a note lists


@dataclass(frozen=True)
class Classes:
    """Labels int32 [n] and [q] from 0 to C - 1, the C classes' names, and notes on how labels became classes."""

    train: Labels
    test: Labels
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def classes_of(
    y_train: npt.NDArray[Any], y_test: npt.NDArray[Any], counts: tuple[int, int], names: Sequence[str] | None
) -> Classes:
    """Map the labels of `counts` training and test samples to classes.

    Integers may have gaps or start at 1, texts and booleans become classes in their order, and one-hot rows [n, C] the
    position of their 1. `names`: the classes' names, one a class, in the order of integers; or, if labels are texts,
    these texts in the order wanted. Raises InvalidDataset for any other labels, and for a class without a training
    sample.
    """
    train, test = _flat("y_train", y_train, counts[0]), _flat("y_test", y_test, counts[1])
    if len(test) == 0:
        test = train[:0]
    elif (train.dtype.kind == "U") != (test.dtype.kind == "U"):
        kinds = f"{y_train.dtype} and y_test {y_test.dtype}"
        raise InvalidDataset(f"y_train has dtype {kinds}; give the labels of both in the same form.")
    values = np.unique(train)
    if len(values) > MAX_CLASSES or (names is not None and len(names) > MAX_CLASSES):
        raise InvalidDataset(
            f"y_train has {max(len(values), len(names or ()))} different labels; at most {MAX_CLASSES} classes are "
            "possible."
        )
    if train.dtype.kind == "U":
        return _texts(train, test, values, names)
    if train.dtype.kind == "b":
        return _mapped(train, test, values, tuple(names or map(str, values.tolist())))
    return _integers(train, test, values, names)


def _flat(name: str, labels: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """Labels [count]: integers, booleans or texts."""
    if labels.ndim == 2 and labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.ndim == 2 and len(labels) == count and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        return _one_hot(name, labels)
    if labels.shape != (count,):
        data = name.replace("y_", "x_")
        raise InvalidDataset(
            f"{name} has shape {labels.shape}, but {data} has {count} samples; give one label per sample."
        )
    if labels.dtype.kind == "f":
        _require_labels(name, np.isnan(labels))
        whole = bool(np.all(labels == np.floor(labels)))  # not so for NaN
        advice = f"if these are classes, give {name}.astype(int)" if whole else "a number to predict is no class"
        raise InvalidDataset(f"{name} has dtype {labels.dtype}; labels must be integers, texts or booleans: {advice}.")
    if labels.dtype.kind == "S":
        return np.array([one.decode("utf-8", "replace") for one in labels.tolist()], np.str_)
    if labels.dtype.kind == "O":
        return _plain(name, labels)
    if labels.dtype.kind not in "iubU":
        raise InvalidDataset(f"{name} has dtype {labels.dtype}; labels must be integers, texts or booleans.")
    return labels


def _require_labels(name: str, absent: npt.NDArray[np.bool_]) -> None:
    """Raise InvalidDataset if labels are missing: None or NaN, as pandas writes it."""
    count = int(absent.sum())
    if count:
        which = f"sample {absent.argmax()}" if count == 1 else f"{count:,} samples, the first of them {absent.argmax()}"
        raise InvalidDataset(
            f"{name} has no label (None or NaN) for {which}; leave out samples without a label, or give them one."
        )


def _one_hot(name: str, rows: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    ones = rows == 1
    wrong = np.flatnonzero((ones.sum(axis=1) != 1) | (~ones & (rows != 0)).any(axis=1))
    if len(wrong):
        raise InvalidDataset(
            f"{name} has shape {rows.shape}, but row {wrong[0]} is not one-hot, a 1 among zeros; each sample needs "
            "exactly one class."
        )
    return ones.argmax(axis=1).astype(np.int64)


def _plain(name: str, labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array of Python objects as an array of their kind."""
    kinds = {type(one) for one in labels.tolist()}
    if not kinds:
        return np.empty(0, np.int64)
    for kind in (str, bool, int):
        if kinds == {kind}:
            return np.array(labels.tolist())
    _require_labels(name, np.array([one is None or one != one for one in labels.tolist()]))  # NaN differs from itself
    if kinds == {float}:
        return _flat(name, labels.astype(np.float64), len(labels))
    named = " and ".join(sorted(kind.__name__ for kind in kinds))
    raise InvalidDataset(f"{name} mixes labels of the types {named}; give all of one type: integers or texts.")


def _texts(
    train: npt.NDArray[Any], test: npt.NDArray[Any], values: npt.NDArray[Any], names: Sequence[str] | None
) -> Classes:
    """Texts, in their order or in that of the names."""
    if names is None:
        return _mapped(train, test, values, tuple(values.tolist()))
    places = {name: place for place, name in enumerate(names)}
    other = [one for one in [*values.tolist(), *np.unique(test).tolist()] if one not in places]
    if other:
        raise InvalidDataset(f"There is a label {other[0][:100]!r}, which is not among the {len(names)} class names.")
    numbers = [np.array([places[one] for one in part.tolist()], np.int64) for part in (train, test)]
    return _integers(numbers[0], numbers[1], np.unique(numbers[0]), names)


def _integers(
    train: npt.NDArray[Any], test: npt.NDArray[Any], values: npt.NDArray[Any], names: Sequence[str] | None
) -> Classes:
    lowest, highest = int(values[0]), int(values[-1])
    if lowest < 0 and values.tolist() != [-1, 1]:
        raise InvalidDataset(
            f"y_train has labels from {lowest} to {highest}; number classes from 0, and leave out samples without a "
            "label."
        )
    if lowest == 0 and highest == len(values) - 1 and (names is None or len(names) == len(values)):
        _require_in_range("y_test", test, len(values))
        return Classes(train.astype(np.int32), test.astype(np.int32), _named(values, names))
    if names is None or len(names) == len(values) < highest + 1:
        return _mapped(train, test, values, _named(values, names))
    for name, labels in (("y_train", train), ("y_test", test)):
        _require_in_range(name, labels, len(names))
    absent = np.flatnonzero(np.bincount(train.astype(np.int64), minlength=len(names)) == 0)
    raise InvalidDataset(f"No training sample has label {absent[0]}; number the classes 0..C-1 without gaps.")


def _require_in_range(name: str, labels: npt.NDArray[Any], classes: int) -> None:
    if len(labels) and (labels.min() < 0 or labels.max() >= classes):
        raise InvalidDataset(
            f"{name} has labels from {labels.min()} to {labels.max()}; with {classes} classes they must lie in "
            f"0..{classes - 1}."
        )


def _named(values: npt.NDArray[Any], names: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(map(str, values.tolist())) if names is None else tuple(names)


def _mapped(
    train: npt.NDArray[Any], test: npt.NDArray[Any], values: npt.NDArray[Any], names: tuple[str, ...]
) -> Classes:
    """Each label as its position among the values."""
    if len(names) != len(values):
        raise InvalidDataset(f"There are {len(names)} class names and {len(values)} different labels; give one each.")
    other = np.setdiff1d(test, values)
    if len(other):
        raise InvalidDataset(
            f"y_test has the label {other[0].item()!r}, which no training sample has; leave out its samples, or add "
            "some for training."
        )
    numbers = [np.searchsorted(values, part).astype(np.int32) for part in (train, test)]
    return Classes(numbers[0], numbers[1], names, (_mapping(values),))


def _mapping(values: npt.NDArray[Any]) -> str:
    """The sentence on how labels became classes."""
    last = len(values) - 1
    if values.dtype.kind in "iu" and values[-1] - values[0] == last:
        return f"Labels {values[0]}..{values[-1]} became classes 0..{last}."
    pairs = ", ".join(f"{value} is {number}" for number, value in enumerate(values[:SHOWN].tolist()))
    more = f" and so on to {values[-1]}, which is {last}" if len(values) > SHOWN else ""
    return f"Labels became classes 0..{last} in order: {pairs}{more}."
