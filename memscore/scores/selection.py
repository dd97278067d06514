"""Sorting, filtering and paging of a score table's training samples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Indices
from memscore.errors import InvalidInput
from memscore.messages.scores import SetFilter
from memscore.scores.sets import undecided
from memscore.scores.tables import ScoreTable

Column = Literal[
    "index", "label", "mem", "se", "mem_low", "mem_high", "p_in", "p_out", "n_in", "n_out",
    "mem_margin", "se_margin", "mem_margin_low", "mem_margin_high", "risk", "se_risk",
]  # fmt: skip
COLUMNS: tuple[Column, ...] = get_args(Column)
BOUND = r"-?[0-9]{1,9}(\.[0-9]{1,12})?"
"""A bound of a column: short enough for single precision."""


@dataclass(frozen=True)
class Order:
    """A sort order of training samples: by a column, ties by index. Samples with an undefined value come last."""

    column: Column
    descending: bool

    @classmethod
    def parse(cls, sort: str) -> Order:
        """Parse `mem` (ascending) or `-mem` (descending). Raises InvalidInput."""
        column = sort.removeprefix("-")
        if column not in COLUMNS:
            raise InvalidInput(
                f"sort: {sort[:50]!r} is not a column; use one of {', '.join(COLUMNS)}, with - to descend."
            )
        return cls(column, sort.startswith("-"))

    def of(self, table: ScoreTable) -> Indices:
        """All training samples in this order: int64 [n]."""
        return np.argsort(self._keys(values_of(table, self.column)), kind="stable")

    def after(self, table: ScoreTable, value: float | None, index: int) -> Bools:
        """Mask of the samples that come after one with this value (None: undefined) and index: bool [n]."""
        keys = self._keys(values_of(table, self.column))
        (key,) = self._keys(np.array([np.nan if value is None else value]))
        return (keys > key) | ((keys == key) & (np.arange(len(keys)) > index))

    def place(self, table: ScoreTable, index: int) -> int:
        """The number of samples before this one."""
        value = float(values_of(table, self.column)[index])
        return len(table) - 1 - int(self.after(table, None if np.isnan(value) else value, index).sum())

    def _keys(self, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Numbers that ascend in this order."""
        keys = values.astype(np.float64)
        return np.where(np.isnan(keys), np.inf, -keys if self.descending else keys)


@dataclass(frozen=True)
class Picked:
    """These samples, or with `others` all but these."""

    indices: tuple[int, ...]
    others: bool = False

    def mask(self, samples: int) -> Bools:
        """Mask of the samples: bool [n]."""
        mask = np.full(samples, self.others)
        mask[list(self.indices)] = not self.others
        return mask


@dataclass(frozen=True)
class ColumnRange:
    """Bounds of a column, inclusive and in single precision; None leaves a side open."""

    column: Column
    least: float | None = None
    most: float | None = None

    @classmethod
    def parse(cls, text: str) -> ColumnRange:
        """Parse `p_out:0.1:0.5`, of which either bound may be empty. Raises InvalidInput."""
        column, _, bounds = text.partition(":")
        if column not in COLUMNS:
            raise InvalidInput(f"range: {column[:50]!r} is not a column; use one of {', '.join(COLUMNS)}.")
        if re.fullmatch(rf"({BOUND})?:({BOUND})?", bounds) is None:
            raise InvalidInput(f"range: {text[:50]!r} is not COLUMN:LEAST:MOST, such as p_out:0.1:0.5 or se::0.05.")
        least, most = (float(one) if one else None for one in bounds.split(":"))
        if least is not None and most is not None and least > most:
            raise InvalidInput(f"range: {text[:50]!r} is empty: it ends before it starts.")
        return cls(column, least, most)

    def mask(self, table: ScoreTable) -> Bools:
        """Mask of the samples within the bounds: bool [n]. One with an undefined value is outside any."""
        values = values_of(table, self.column).astype(np.float32)
        wanted = ~np.isnan(values)
        if self.least is not None:
            wanted &= values >= np.float32(self.least)
        if self.most is not None:
            wanted &= values <= np.float32(self.most)
        return wanted


@dataclass(frozen=True)
class Filters:
    """A filter of training samples; None means no condition. Bounds of mem are inclusive, in single precision.

    picked: samples chosen by other means than their scores.
    """

    label: int | None = None
    set: SetFilter | None = None
    mem_min: float | None = None
    mem_max: float | None = None
    picked: Picked | None = None
    ranges: tuple[ColumnRange, ...] = ()

    def mask(self, table: ScoreTable) -> Bools:
        """Mask of the matching samples: bool [n]. A sample with undefined mem is outside any bounds."""
        wanted = table.mask(label=self.label, mem_min=self.mem_min, mem_max=self.mem_max)
        if self.set is not None:
            of_set = {"typical": table.typical, "atypical": table.atypical, "undecided": partial(undecided, table)}
            wanted &= of_set[self.set]()
        if self.picked is not None:
            wanted &= self.picked.mask(len(table))
        for one in self.ranges:
            wanted &= one.mask(table)
        return wanted


def values_of(table: ScoreTable, column: Column) -> npt.NDArray[Any]:
    """A column of the training samples: [n]; `index` is the position in the dataset."""
    return np.arange(len(table)) if column == "index" else table[column]
