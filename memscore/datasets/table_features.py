"""Features from the columns of a table: numbers as they are, categories one-hot or by their frequency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Float64, Indices, Int64
from memscore.datasets import arrow
from memscore.datasets.wording import count, listed, was
from memscore.errors import InvalidDataset

ONE_HOT = 50
"""A column of more different texts is replaced by the share of training rows with the same text."""
MOSTLY = 0.9
"""From this share of numbers on, a column of texts is taken for numbers with mistakes in them."""
SHOWN = 10  # columns that a note names
MISSING = "(missing)"


@dataclass
class TableFeatures:
    """Features [n, k] with their names, the columns that they come from, and notes."""

    values: npt.NDArray[Any]
    names: list[str]
    used: list[str]
    notes: list[str] = field(default_factory=list[str])


def features_of(
    columns: Mapping[str, Any], train: Bools, labels: Int64, named: str, check: Callable[[int], None]
) -> TableFeatures:
    """Features of columns of `arrow.plain`, of which none has a role, for n rows of which `train` [n] are for training.

    Lists of numbers, such as embeddings, are the only features if there are any. `labels` [n] are class numbers, for
    columns that only repeat them. `check` gets the number of features before these are made. Raises InvalidDataset.
    """
    lists = [name for name, column in columns.items() if arrow.kind_of(column) == "list"]
    if lists:
        parts = [arrow.nested(name, columns[name]) for name in lists]
        flat = [part.reshape(len(part), -1) for part in parts]
        names = [f"{name}[{k}]" for name, part in zip(lists, flat, strict=True) for k in range(part.shape[1])]
        found = TableFeatures(flat[0] if len(flat) == 1 else np.hstack(flat), names, lists)
        others = [name for name in columns if name not in lists]
        if others:
            found.notes.append(
                f"Only the lists of numbers in {listed(lists, SHOWN)} are features; {listed(others, SHOWN)} "
                f"{was(len(others))} not used."
            )
        return found
    return _of_single_values(columns, train, labels, named, check)


def _of_single_values(
    columns: Mapping[str, Any], train: Bools, labels: Int64, named: str, check: Callable[[int], None]
) -> TableFeatures:
    made: list[tuple[str, Float64 | Bools]] = []
    used: list[str] = []
    said: dict[str, list[str]] = {kind: [] for kind in ("counts", "label", "one-hot", "frequency", "other")}
    for name, column in columns.items():
        kind = arrow.kind_of(column)
        if kind in ("number", "time"):
            values = arrow.numbers(column)
            if _counts_rows(values):
                said["counts"].append(name)
            elif _repeats(values, labels, train):
                said["label"].append(name)
            else:
                made.append((name, values))
                used.append(name)
        elif kind == "text" and column.null_count < len(column):
            words, codes = np.unique([one or MISSING for one in arrow.texts(column)], return_inverse=True)
            _refuse_numbers(name, column, words)
            if _repeats(codes, labels, train):
                said["label"].append(name)
            elif len(words) <= ONE_HOT:
                single = words[1:] if len(words) == 2 else words  # the other one follows
                made += [(f"{name}={word}", codes == place) for place, word in enumerate(words) if word in single]
                used.append(name)
                said["one-hot"].append(name)
            elif 2 * len(words) <= len(codes):
                shares = np.bincount(codes[train], minlength=len(words)) / train.sum()
                made.append((f"share of {name}", shares[codes]))
                used.append(name)
                said["frequency"].append(name)
            else:
                said["other"].append(name)
        else:
            said["other"].append(name)
    if not made:
        raise InvalidDataset(
            f"No column of {named} is left to learn from: texts must first be turned into numbers, such as by an "
            "embedding model, and images be given as paths or bytes."
        )
    check(len(made))
    matrix = np.empty((len(train), len(made)))
    for place, (_, values) in enumerate(made):
        matrix[:, place] = values
    return TableFeatures(matrix, [name for name, _ in made], used, _notes(said))


def _notes(said: Mapping[str, list[str]]) -> list[str]:
    sentences = {
        "counts": "{columns} {was} not used, since {it} numbers the rows.",
        "label": "{columns} {was} not used, since {it} says the same as the labels.",
        "one-hot": f"{{columns}} became a feature for each value, 0 or 1: at most {ONE_HOT} values each.",
        "frequency": f"{{columns}} became the share of training rows with the same value: over {ONE_HOT} values.",
        "other": "{columns} {was} not used as a feature: neither numbers nor categories.",
    }
    made: list[str] = []
    for kind, sentence in sentences.items():
        if names := said[kind]:
            columns = f"{count(len(names), 'column')} ({listed(names, SHOWN)})"
            made.append(sentence.format(columns=columns, was=was(len(names)), it="it" if len(names) == 1 else "each"))
    return made


def _counts_rows(values: Float64) -> bool:
    """Whether the values are consecutive whole numbers."""
    return len(values) > 1 and bool(np.all(np.diff(values) == 1))


def _repeats(values: Float64 | Indices, labels: Int64, train: Bools) -> bool:
    """Whether each value occurs with one label alone, and each label with one value."""
    values, labels = values[train], labels[train]
    if np.isnan(values).any():
        return False
    codes = np.unique(values, return_inverse=True)[1]
    classes = int(labels.max()) + 1
    return int(codes.max()) + 1 == classes == len(np.unique(codes * classes + labels))


def _refuse_numbers(name: str, column: Any, words: npt.NDArray[Any]) -> None:
    """Raise InvalidDataset if many different texts are nearly all numbers."""
    if len(words) <= ONE_HOT:
        return
    other = [word for word in words.tolist() if word != MISSING and not _is_number(word)]
    if not other or len(other) > (1 - MOSTLY) * len(words):
        return
    rows = arrow.texts(column)
    raise InvalidDataset(
        f"The column {name!r} mixes numbers with texts, such as {other[0][:40]!r} in row {rows.index(other[0]) + 1}; "
        "correct these, or leave them empty."
    )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
