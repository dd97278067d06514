"""Lists of findings on single samples, as columns with names: for notebooks, pandas and Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from memscore.arguments import typed
from memscore.arrays import Bools, Indices
from memscore.counted import counted
from memscore.datasets.columns import Split
from memscore.errors import InvalidInput, NoSample
from memscore.notebook.samples import Samples
from memscore.scores.frames import arrow_table, data_frame, to_arrow, to_pandas
from memscore.scores.html import Html, pairs_html, scores_html, table_of
from memscore.scores.html import first_pairs as first_pairs_of
from memscore.scores.html import most_memorized as most_memorized_of
from memscore.scores.sets import Sets
from memscore.scores.tables import PairsTable, Rows, ScoreTable, column_of

SPLITS: tuple[Split, Split] = ("train", "test")
SHOWN = 20
"""Rows of a listing that a notebook shows."""
FIRST = 5
"""Samples of each set that a notebook shows."""
SetOfSamples = Literal["train_atypical", "train_typical", "test_atypical", "test_typical"]


@dataclass(frozen=True, repr=False)
class Listing:
    """Findings as columns of equal length, the most important first.

    `note` says how to read them, and `warnings` what to beware of. `listing["mem"]` is a column, `listing[0]` a row as
    a dict, and `listing[:5]` the first five of them; iterating gives each.
    """

    title: str
    columns: Mapping[str, npt.NDArray[Any]]
    note: str = ""
    warnings: tuple[str, ...] = ()
    samples: Samples = field(default=Samples(None), compare=False)
    pictured: Mapping[str, tuple[str, Split | str]] = field(default_factory=dict[str, tuple[str, Split | str]])
    """Columns of pictures: each by the column of indices, and its part or the column that says it."""
    hidden: tuple[str, ...] = ()
    """Columns that are not shown in notebooks."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    @overload
    def __getitem__(self, wanted: str) -> npt.NDArray[Any]: ...
    @overload
    def __getitem__(self, wanted: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, wanted: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, wanted: str | int | slice) -> npt.NDArray[Any] | dict[str, Any] | list[dict[str, Any]]:
        if isinstance(wanted, slice):
            return [self[row] for row in range(*wanted.indices(len(self)))]
        if isinstance(wanted, (int, np.integer)):
            if not -len(self) <= wanted < len(self):
                raise NoSample(f"This listing has no row {wanted}; it has {counted(len(self), 'row')}.")
            return {name: column[wanted].item() for name, column in self.columns.items()}
        return column_of(self.columns, wanted, "this listing")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        lists = {name: column.tolist() for name, column in self.columns.items()}
        return (dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True))

    def __repr__(self) -> str:
        return f"<{self.title}: {len(self):,} {'row' if len(self) == 1 else 'rows'}>"

    def _repr_html_(self) -> str:
        """The first rows with pictures or texts, for notebooks."""
        rows = range(min(SHOWN, len(self)))
        shown: dict[str, list[Any]] = {}
        for name, (index, part) in self.pictured.items():
            shown[name] = [self.samples.show(self._split(part, row), int(self[index][row])) for row in rows]
        for name, column in self.columns.items():
            if name not in self.hidden:
                values = column[: len(rows)].tolist()
                shown[name] = [str(one) for one in values] if column.dtype.kind in "iu" else values
        notes = (self.note,) if self.note else ()
        left_out = len(self) - len(rows)
        return table_of(shown, title=self.title, notes=notes, warnings=self.warnings, left_out=left_out)

    def _split(self, part: str, row: int) -> Split:
        found = str(self[part][row]) if part in self.columns else part
        return "test" if found == "test" else "train"

    def to_pandas(self) -> Any:
        """The rows as a pandas.DataFrame. Raises MissingPackage if pandas is not installed."""
        return data_frame(self.columns)

    def to_arrow(self) -> Any:
        """The rows as a pyarrow.Table; undefined values are null. Raises MissingPackage."""
        return arrow_table(self.columns)


@dataclass(frozen=True, repr=False)
class Suspects(Listing):
    """Samples whose labels look wrong, likeliest first, with the label that held-out trials predict.

    Columns: index, name, class and label (the given ones), suggested and suggested_label (what most held-out trials
    predict, "" and -1 if none predicts another), share (of the held-out trials that do), label_error (the probability
    that the label is wrong), suspected, mem, mem_low and mem_high.
    """

    @property
    def indices(self) -> Indices:
        """The training samples, int64 [k]."""
        return self["index"].astype(np.int64)

    @typed
    def mask(self, samples: int) -> Bools:
        """Mask of these among all `samples` training samples: bool [samples]."""
        if len(self) and samples <= self.indices.max():
            raise InvalidInput(f"samples must be the number of all training samples, above {samples}.")
        found = np.zeros(samples, np.bool_)
        found[self.indices] = True
        return found


@dataclass(frozen=True, repr=False)
class NamedScores(ScoreTable):
    """A score table that shows its samples by name, class and picture."""

    samples: Samples = field(default=Samples(None), compare=False)

    def _repr_html_(self) -> str:
        """The most memorized samples, for notebooks."""
        first = most_memorized_of(self)
        shown: dict[str, list[Any]] = {}
        if self.samples.dataset is not None:
            shown["sample"] = list(self.samples.shows("train", first))
            if self.samples.named:
                shown["name"] = self.samples.names("train", first)
            shown["class"] = self.samples.class_names(self["label"][first])
        return scores_html(self, shown)

    @typed
    def to_pandas(self, rows: Rows = "train") -> Any:
        """The training or test rows as a pandas.DataFrame indexed by sample, with their names and classes.

        Raises MissingPackage if pandas is not installed.
        """
        frame: Any = to_pandas(self, rows)
        for place, (name, values) in enumerate(self._described(rows).items()):
            frame.insert(place, name, values)
        return frame

    @typed
    def to_arrow(self, rows: Rows = "train") -> Any:
        """The training or test rows as a pyarrow.Table with their names and classes. Raises MissingPackage."""
        table: Any = to_arrow(self, rows)
        for place, (name, values) in enumerate(self._described(rows).items()):
            table = table.add_column(place + 1, name, [values.tolist()])
        return table

    def _described(self, rows: Rows) -> dict[str, npt.NDArray[Any]]:
        if self.samples.dataset is None:
            return {}
        columns = self.samples.dataset.columns.part(rows)
        labels = self["label" if rows == "train" else "test_label"]
        names = self.samples.names(rows, range(len(labels))) if {"id", "file"} & set(columns) else None
        described = {} if names is None else {"name": np.array(names, np.str_)}
        return {**described, "class": np.array(self.samples.class_names(labels), np.str_)}


@dataclass(frozen=True, repr=False)
class NamedSets(Sets):
    """The four sets, whose samples have names and classes. `sets.names("test_atypical")`, `sets.to_pandas()`."""

    samples: Samples = field(default=Samples(None), compare=False)

    @classmethod
    def of(cls, sets: Sets, samples: Samples) -> NamedSets:
        """The sets with the samples that they are of."""
        return cls(**{one.name: getattr(sets, one.name) for one in fields(sets)}, samples=samples)

    @typed
    def names(self, name: SetOfSamples) -> list[str]:
        """The names of a set's samples in dataset order: ids, file names, or their part and number."""
        return self.samples.names(_part_of(name), np.flatnonzero(self.masks()[name]))

    def _repr_html_(self) -> str:
        """The size of each set, and its first samples with pictures or texts, for notebooks."""
        first = {name: np.flatnonzero(mask)[:FIRST].tolist() for name, mask in self.masks().items()}
        shown: dict[str, list[Any]] = {
            "set": [name.replace("_", " ") for name in first],
            "samples": list(self.counts().values()),
            "the first of them": [
                Html(" ".join(self.samples.shows(_part_of(name), indices))) for name, indices in first.items()
            ],
            "names": [", ".join(self.samples.names(_part_of(name), indices)) for name, indices in first.items()],
        }
        return table_of(shown, title="Typical and atypical samples", notes=(*self.worth(), *self.notes))

    def to_pandas(self) -> Any:
        """A row for each sample of each set: set, index, name and class. Raises MissingPackage."""
        return data_frame(self._columns())

    def to_arrow(self) -> Any:
        """The same rows as a pyarrow.Table. Raises MissingPackage."""
        return arrow_table(self._columns())

    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        found = {name: np.flatnonzero(mask) for name, mask in self.masks().items()}
        columns: dict[str, npt.NDArray[Any]] = {
            "set": np.repeat(np.array(list(found), np.str_), [len(one) for one in found.values()]),
            "index": np.concatenate(list(found.values())),
            "name": np.array(
                [text for name in found for text in self.samples.names(_part_of(name), found[name])], np.str_
            ),
        }
        dataset = self.samples.dataset
        if dataset is not None:
            columns["class"] = np.array(
                [
                    self.samples.class_name(int(label))
                    for name, indices in found.items()
                    for label in (dataset.y_train if _part_of(name) == "train" else dataset.y_test)[indices]
                ],
                np.str_,
            )
        return columns


def _part_of(name: str) -> Split:
    """The part whose samples are in a set."""
    return "train" if name.startswith("train") else "test"


@dataclass(frozen=True, repr=False)
class NamedPairs(PairsTable):
    """A pairs table that shows its samples by name, class and picture."""

    samples: Samples = field(default=Samples(None), compare=False)

    def _repr_html_(self) -> str:
        """The first pairs, for notebooks."""
        rows = first_pairs_of(self)
        shown: dict[str, list[Any]] = {}
        parts: tuple[tuple[Split, npt.NDArray[Any]], ...] = (
            ("train", self["train_index"][rows]),
            ("test", self["test_index"][rows]),
        )
        for split, indices in parts:
            part = "training" if split == "train" else "test"
            shown[f"{part} sample"] = list(self.samples.shows(split, indices))
            shown[part] = self._names(split, indices)
        if self.samples.dataset is not None:
            of_train, of_test = (self._class_names(split, indices) for split, indices in parts)
            shown["class"] = [", ".join(dict.fromkeys(both)) for both in zip(of_train, of_test, strict=True)]
        return pairs_html(self, shown)

    @typed
    def to_pandas(self, rows: Rows = "train") -> Any:
        """The pairs as a pandas.DataFrame, with the names of both samples and of their classes.

        Raises MissingPackage if pandas is not installed.
        """
        frame: Any = to_pandas(self, rows)
        for place, (name, values) in enumerate(self._described().items()):
            frame.insert(2 + place, name, values)
        return frame

    @typed
    def to_arrow(self, rows: Rows = "train") -> Any:
        """The pairs as a pyarrow.Table, with the names of both samples and of their classes. Raises MissingPackage."""
        table: Any = to_arrow(self, rows)
        for place, (name, values) in enumerate(self._described().items()):
            table = table.add_column(2 + place, name, [values])
        return table

    def _described(self) -> dict[str, list[str]]:
        """Names of samples, where they have any, and of classes, after the two columns of indices."""
        dataset = self.samples.dataset
        if dataset is None:
            return {}
        named = {
            f"{split}_name": self.samples.names(split, self[f"{split}_index"])
            for split in SPLITS
            if dataset.columns.names(split) is not None
        }
        return named | {f"{split}_class": self._class_names(split, self[f"{split}_index"]) for split in SPLITS}

    def _class_names(self, split: Split, indices: npt.NDArray[Any]) -> list[str]:
        dataset = self.samples.dataset
        assert dataset is not None
        return self.samples.class_names((dataset.y_train if split == "train" else dataset.y_test)[indices])

    def _names(self, split: Split, indices: npt.NDArray[Any]) -> list[str]:
        return self.samples.names(split, indices) if self.samples.named else [str(index) for index in indices]
