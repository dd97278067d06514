"""What is known of single samples besides their values: ids, texts, thumbnails, groups and any other column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from memscore.arguments import shown
from memscore.arrays import Indices
from memscore.errors import InvalidDataset
from memscore.texts import fault_of, harmless

Split = Literal["train", "test"]
Column = npt.NDArray[np.str_] | npt.NDArray[np.float64]

NAMES = ("id", "file")
"""The columns that name a sample, the better one first."""
LONGEST_COLUMN_NAME = 200
LONGEST_TEXT = 2_000
"""Characters kept of a text: in memory, all texts of a column take as much as its longest."""


def _none() -> Mapping[str, Column]:
    return {}


@dataclass(frozen=True)
class SampleColumns:
    """Columns of the training and the test samples by name, each an array of str or float64 as long as its part.

    `id` names a sample, and otherwise `file` does; `text` is shown in place of an image, `group` says which samples
    belong together. `thumbnail` is the path of a picture that notebooks show if it is below their working folder. Any
    other column is shown under its name. Columns do not count
    in a dataset's fingerprint.
    """

    train: Mapping[str, Column] = field(default_factory=_none)
    test: Mapping[str, Column] = field(default_factory=_none)

    def __post_init__(self) -> None:
        for name in ("train", "test"):
            if not hasattr(getattr(self, name), "items"):
                raise InvalidDataset(
                    f"{name} must be a mapping of names to columns, such as {{'id': ids}}, not "
                    f"{shown(getattr(self, name))}."
                )

    def __bool__(self) -> bool:
        return bool(self.train or self.test)

    def part(self, split: Split) -> Mapping[str, Column]:
        """The columns of one part."""
        return self.train if split == "train" else self.test

    def own_name(self, split: Split, index: int) -> str:
        """A sample's id, or else the name of its file, or else nothing."""
        columns = self.part(split)
        return next((str(columns[one][index]) for one in NAMES if one in columns), "")

    def name_of(self, split: Split, index: int) -> str:
        """A sample's id, or else the name of its file, or else its part and index, such as "train 17"."""
        return self.own_name(split, index) or f"{split} {index}"

    def names(self, split: Split) -> npt.NDArray[np.str_] | None:
        """The ids or file names of a part's samples, str [n]; None if there are none."""
        columns = self.part(split)
        return next((columns[one].astype(np.str_) for one in NAMES if one in columns), None)

    def select(self, train: npt.NDArray[Any] | slice, test: npt.NDArray[Any] | slice) -> SampleColumns:
        """The columns of the samples in two index arrays or masks."""
        return SampleColumns(
            {name: column[train] for name, column in self.train.items()},
            {name: column[test] for name, column in self.test.items()},
        )

    def blanked(self, train: Sequence[int], test: Sequence[int]) -> SampleColumns:
        """The columns with no text and no number for some samples."""
        return SampleColumns(
            {name: _blanked(column, train) for name, column in self.train.items()},
            {name: _blanked(column, test) for name, column in self.test.items()},
        )

    def split(self, train: Indices, test: Indices) -> SampleColumns:
        """The columns after the training samples `test` have become the test part."""
        return SampleColumns(
            {name: column[train] for name, column in self.train.items()},
            {name: column[test] for name, column in self.train.items()},
        )


def _blanked(column: Column, places: Sequence[int]) -> Column:
    blank = column.copy()
    blank[list(places)] = "" if column.dtype.kind == "U" else np.nan
    return blank


def checked(columns: SampleColumns, train_samples: int, test_samples: int) -> tuple[SampleColumns, tuple[str, ...]]:
    """The columns as arrays of str or float64, and notes on what was changed.

    Raises InvalidDataset for a column that is not as long as its part, and for ids that occur twice.
    """
    given: Any = columns
    if not isinstance(given, SampleColumns):
        raise InvalidDataset(f"columns must be SampleColumns, of mappings of names to columns, not {shown(given)}.")
    cut = escaped = 0
    parts: dict[Split, dict[str, Column]] = {"train": {}, "test": {}}
    counts: dict[Split, int] = {"train": train_samples, "test": test_samples}
    for split, samples in counts.items():
        for name, values in columns.part(split).items():
            fault = fault_of(name, LONGEST_COLUMN_NAME)
            if fault is not None:
                raise InvalidDataset(f"The name of the column {harmless(name)[:100]!r} {fault}; give it another.")
            column, longer, changed = _column(name, values)
            if column.shape != (samples,):
                raise InvalidDataset(
                    f"The column {name!r} of the {split} samples has shape {column.shape}; give it one value for each "
                    f"of the {samples} samples."
                )
            parts[split][name] = column
            cut += longer
            escaped += changed
        _require_unique_ids(split, parts[split].get("id"))
    notes = (
        *([f"{cut} texts of over {LONGEST_TEXT:,} characters were cut there."] if cut else []),
        *(
            [f"{escaped} texts had characters that cannot be shown, written as escapes such as \\x1b."]
            if escaped
            else []
        ),
    )
    return SampleColumns(parts["train"], parts["test"]), notes


def _column(name: str, values: Any) -> tuple[Column, int, int]:
    """A column as an array of str or float64, and how many of its texts were cut, and got escapes."""
    try:
        array: npt.NDArray[Any] = np.asarray(values)
    except ValueError as error:
        raise InvalidDataset(
            f"The column {name!r} has rows of different lengths; give it one value for each sample."
        ) from error
    if array.ndim != 1:
        return array.astype(np.str_) if array.dtype.kind == "O" else array, 0, 0
    if array.dtype.kind == "f" or (array.dtype.kind in "iu" and name not in NAMES):
        return array.astype(np.float64), 0, 0
    given = ["" if one is None else str(one).replace("\r\n", "\n") for one in array.tolist()]
    texts = [harmless(one) for one in given]
    changed = sum(one != plain for one, plain in zip(given, texts, strict=True))
    longer = sum(len(one) > LONGEST_TEXT for one in texts)
    return np.array([one[:LONGEST_TEXT] for one in texts], np.str_), longer, changed


def _require_unique_ids(split: Split, ids: Column | None) -> None:
    if ids is None:
        return
    values, counts = np.unique(ids, return_counts=True)
    if len(counts) and counts.max() > 1:
        raise InvalidDataset(
            f"The id {str(values[counts.argmax()])[:100]!r} belongs to {counts.max()} {split} samples; give each its "
            "own, or name the column otherwise."
        )
