"""Datasets from the rows of a table, whatever file or object these come from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Indices
from memscore.datasets import arrow
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.images import SUFFIXES, Picture, decode
from memscore.datasets.options import SourceOptions
from memscore.datasets.roles import Roles, roles_of
from memscore.datasets.table_features import features_of
from memscore.datasets.wording import NO_TEST_PART, count, was
from memscore.errors import InvalidDataset

TRAIN = ("train", "training", "learn", "fit")
TEST = ("test", "testing", "holdout")
VALIDATION = ("val", "valid", "validation", "dev", "eval")
PARTS = {word: part for part, words in enumerate((TRAIN, TEST, VALIDATION)) for word in words}
LOOKED_AT = 100  # values by which the content of a column is guessed
LONG = 30  # characters from which on texts are no categories
SHOWN_COLUMNS = 24
"""Columns that are features are also shown as they were if they are no more than this."""
MEMORY_SHARE = 0.8
RESERVED = ("id", "text", "group", "file", "thumbnail")


@dataclass(frozen=True)
class Rows:
    """A table to make a dataset of.

    `table` is an Arrow table; `source` describes it in the dataset, `named` in messages; paths of images are relative
    to `folder`. `part` [n] is 0 for training rows, 1 for testing and 2 for validation, or None if a column says so.
    `class_names` are those of the columns of class numbers. `files`: whether a column may name files of images.
    """

    table: Any
    source: str
    named: str
    folder: Path
    part: Indices | None = None
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    notes: tuple[str, ...] = ()
    files: bool = True


def dataset_of_rows(rows: Rows, options: SourceOptions) -> Dataset:
    """The dataset of a table's rows, in their order. Raises InvalidDataset with the reason."""
    rows = replace(rows, files=options.files)
    columns = arrow.plain(rows.table)
    if not rows.table.num_rows:
        raise InvalidDataset(f"{rows.named} has no rows.")
    roles = _roles(columns, rows, options)
    notes = [*rows.notes, *roles.notes]
    labels, class_names = _labels(columns, roles, rows)
    part = _part(columns, roles, rows, options, notes)
    image = roles.image
    if image is None and options.resize is not None:
        raise InvalidDataset(f"{rows.named} has no images; --resize is for images.")
    taken = {*roles.labels, *(one for one in (roles.split, image, roles.text, roles.id, roles.group) if one)}
    others = {name: column for name, column in columns.items() if name not in taken}
    kept, used, names = np.flatnonzero(part < 2), list[str](), None
    if image is None:
        train, codes = part[kept] == 0, np.unique(labels[kept], return_inverse=True, axis=0)[1].reshape(-1)
        wanted = {name: column if len(kept) == len(part) else column.take(kept) for name, column in others.items()}
        need = partial(_require_memory, rows, len(kept))
        found = features_of(wanted, train, codes, rows.named, need)
        values, used, names = found.values, found.used, found.names
        notes += found.notes
    elif arrow.kind_of(columns[image]) == "list":
        values = arrow.nested(image, columns[image])[kept]
    else:
        pictures = _pictures(image, columns[image], rows)
        read = decode([pictures[row] for row in kept], options.resize, track=options.track)
        values, kept = read.images, kept[read.kept]
        notes += read.notes
    shown = _shown(columns, others, used, roles)
    train, test = (part[kept] == number for number in (0, 1))
    if not test.any():
        return build_dataset(
            values,
            labels[kept],
            source=rows.source,
            class_names=class_names,
            columns=SampleColumns(_chosen(shown, kept)),
            notes=notes,
            test_share=options.test_share,
            feature_names=names,
            places=(kept, kept[:0]),
        )
    return build_dataset(
        values[train],
        labels[kept[train]],
        values[test],
        labels[kept[test]],
        source=rows.source,
        class_names=class_names,
        columns=SampleColumns(_chosen(shown, kept[train]), _chosen(shown, kept[test])),
        notes=notes,
        feature_names=names,
        places=(kept[train], kept[test]),
    )


def label_columns(rows: Rows, options: SourceOptions) -> tuple[str, ...]:
    """The column of the labels that `dataset_of_rows` reads, or several if these are one-hot. Raises InvalidDataset."""
    return _roles(arrow.plain(rows.table), rows, options).labels


def _roles(columns: Mapping[str, Any], rows: Rows, options: SourceOptions) -> Roles:
    def first(name: str) -> list[str | None]:
        return arrow.texts(columns[name].slice(0, LOOKED_AT))

    def is_split(name: str) -> bool:
        if rows.part is not None or arrow.kind_of(columns[name]) != "text":
            return False
        return {(one or "").lower() for one in columns[name].unique().to_pylist()} <= set(PARTS)

    def is_image(name: str) -> bool:
        kind = arrow.kind_of(columns[name])
        if kind == "text":
            values = first(name)
            return bool(values) and all((one or "").lower().endswith(SUFFIXES) for one in values)
        return kind in ("bytes", "image") or (kind == "list" and _depth(columns[name].type) > 1)

    def is_text(name: str) -> bool:
        if arrow.kind_of(columns[name]) != "text":
            return False
        values = [one for one in first(name) if one]
        long = len("".join(values)) >= LONG * max(len(values), 1)
        return long and 2 * len(columns[name].unique()) > len(columns[name])

    def is_id(name: str) -> bool:
        if arrow.kind_of(columns[name]) not in ("number", "text"):
            return False
        repeated = columns[name].null_count or len(columns[name].unique()) < len(columns[name])
        if repeated and name.lower() == "id":
            _require_unique(name, columns[name])
        return not repeated

    def is_file(name: str) -> bool:
        return arrow.kind_of(columns[name]) == "text" and is_id(name)

    judges = {"is_split": is_split, "is_image": is_image, "is_text": is_text, "is_id": is_id, "is_file": is_file}
    roles = roles_of(columns, options, rows.named, **judges)
    if roles.id is not None and rows.part is None:
        _require_unique(roles.id, columns[roles.id])
    if roles.image is not None and arrow.kind_of(columns[roles.image]) not in ("text", "bytes", "image", "list"):
        raise InvalidDataset(f"The column {roles.image!r} has neither paths nor bytes of images; change --image.")
    return roles


def _depth(kind: Any) -> int:
    depth = 0
    while hasattr(kind, "value_type"):
        kind, depth = kind.value_type, depth + 1
    return depth


def _require_unique(name: str, column: Any) -> None:
    seen: dict[str | None, int] = {}
    for row, value in enumerate(arrow.texts(column), start=1):
        if value in seen:
            raise InvalidDataset(
                f"The column {name!r} has {value!r} in rows {seen[value]} and {row}, but each sample needs its own id; "
                f"name another column with --id, or give this one as --group."
            )
        seen[value] = row


def _labels(columns: Mapping[str, Any], roles: Roles, rows: Rows) -> tuple[npt.NDArray[Any], tuple[str, ...] | None]:
    """The labels [n], or [n, C] if one-hot, and the classes' names if they are known."""
    name, *more = roles.labels
    if more:
        for name in roles.labels:
            if arrow.kind_of(columns[name]) != "number":
                raise InvalidDataset(f"The column {name!r} of the one-hot labels must have numbers, 0 and 1.")
        return np.stack([arrow.numbers(columns[name]) for name in roles.labels], axis=1), roles.labels
    column, kind = columns[name], arrow.kind_of(columns[name])
    empty = [row for row, value in enumerate(arrow.texts(column), start=1) if value in (None, "")]
    if empty:
        raise InvalidDataset(
            f"{count(len(empty), 'row')} of {rows.named} {'has' if len(empty) == 1 else 'have'} no label in the column "
            f"{name!r}, the first is row {empty[0]}; leave out rows without one."
        )
    if kind == "list":
        return arrow.nested(name, column), None
    if kind == "text":
        labels = np.array(arrow.texts(column), np.str_)
    elif kind == "number":
        labels: npt.NDArray[Any] = np.asarray(column.to_numpy())
        _refuse_fractions(name, labels, arrow.numbers(column))
    else:
        raise InvalidDataset(f"The column {name!r} has values of type {column.type}; labels must be texts or numbers.")
    different = len(np.unique(labels))
    if len(labels) > 20 and 2 * different > len(labels):
        raise InvalidDataset(
            f"The column {name!r} has {different} different values in {len(labels)} rows, too many for classes; name "
            "the column of the labels with --label."
        )
    if name in rows.class_names:
        return _named_classes(name, labels, rows)
    return labels, None


def _refuse_fractions(name: str, labels: npt.NDArray[Any], values: npt.NDArray[np.float64]) -> None:
    if labels.dtype.kind in "iub":
        return
    odd = values[values != np.floor(values)]
    if len(odd):
        raise InvalidDataset(
            f"The column {name!r} has fractions, such as {odd[0]:g}; labels must be texts or whole numbers, one for "
            "each class."
        )
    raise InvalidDataset(
        f"The column {name!r} has numbers with a decimal point, such as {values[0]:.1f}; write labels as whole numbers "
        "or texts."
    )


def _named_classes(name: str, labels: npt.NDArray[Any], rows: Rows) -> tuple[npt.NDArray[Any], tuple[str, ...] | None]:
    """Class numbers as the names of those classes that occur."""
    names = rows.class_names[name]
    if labels.dtype.kind not in "iu":
        return labels, None
    if labels.min() < 0 or labels.max() >= len(names):
        raise InvalidDataset(
            f"The column {name!r} has class numbers from {labels.min()} to {labels.max()}, but there are {len(names)} "
            "class names; leave out rows without a label."
        )
    there = np.unique(labels)
    numbers = np.searchsorted(there, labels)
    return numbers, tuple(names[int(one)] for one in there)


def _part(
    columns: Mapping[str, Any], roles: Roles, rows: Rows, options: SourceOptions, notes: list[str]
) -> npt.NDArray[np.int64]:
    """0 for each training row, 1 for each of the test part, 2 for each that is left out."""
    part = rows.part
    if roles.split is not None:
        values = arrow.texts(columns[roles.split])
        words = [_word(one, roles.split) for one in values]
        other = next((row for row, word in enumerate(words) if word not in PARTS), None)
        if other is not None:
            raise InvalidDataset(
                f"The column {roles.split!r} has {values[other]!r} in row {other + 1}; its values must be train and "
                "test, or val."
            )
        part = np.array([PARTS[word] for word in words], np.int64)
    if part is None:
        part = np.zeros(rows.table.num_rows, np.int64)
        if options.test_share is None:
            notes.append(NO_TEST_PART)
        return part
    validation = int((part == 2).sum())
    if validation and (part == 1).any():
        notes.append(f"{count(validation, 'validation row')} {was(validation)} left out, since there is a test part.")
    elif validation:
        notes.append(f"The validation rows, {validation:,}, are the test part.")
        part = np.where(part == 2, 1, part)
    if not (part == 0).any():
        raise InvalidDataset(f"{rows.named} has no rows for training.")
    if (part == 1).any() and options.test_share is not None:
        raise InvalidDataset(f"{rows.named} has a test part; --test-share is for data without one.")
    return part


def _word(value: str | None, column: str) -> str:
    """The part that a value names; a column such as is_test may say it by true and false."""
    word = (value or "").strip().lower()
    if word in ("true", "false"):
        named = "test" if "test" in column.lower() else "train"
        return named if word == "true" else {"test": "train", "train": "test"}[named]
    return word


def _pictures(name: str, column: Any, rows: Rows) -> list[Picture]:
    """The images of a column of paths, of bytes, or of both."""
    kind = arrow.kind_of(column)
    made: list[Picture] = []
    for row, value in enumerate(column.to_pylist(), start=1):
        path, data = (value, None) if kind == "text" else (None, value)
        if kind == "image":
            path, data = (None, None) if value is None else (value["path"], value["bytes"])
        if data is not None:
            made.append(Picture(path or f"row {row}", data))
        elif path:
            if not rows.files:
                raise InvalidDataset(
                    f"The column {name!r} names files of images, which are not in {rows.named}; give their bytes, or "
                    "the images as a zip archive with a folder for each class."
                )
            if "://" in path:
                raise InvalidDataset(
                    f"Row {row} of the column {name!r} has the address {path[:100]}; download the images, and give "
                    "their paths."
                )
            made.append(Picture(path, rows.folder / Path(path).expanduser()))
        else:
            made.append(Picture(f"row {row}", None))
    files = [picture.content for picture in made if isinstance(picture.content, Path)]
    if files and not any(map(os.path.exists, files)):
        raise InvalidDataset(
            f"The column {name!r} names {count(len(files), 'file')}, and none exists, for example {files[0]}; "
            f"relative paths start at {rows.folder.absolute()}. Give full paths, or paths from there."
        )
    return made


def _shown(
    columns: Mapping[str, Any], others: Mapping[str, Any], used: Sequence[str], roles: Roles
) -> dict[str, npt.NDArray[Any]]:
    """The columns that are shown with the samples, by the name under which they are."""
    shown: dict[str, npt.NDArray[Any]] = {}
    for role in ("id", "text", "group"):
        if (column := getattr(roles, role)) is not None:
            shown[role] = _as_texts(columns[column])
    if roles.image is not None and arrow.kind_of(columns[roles.image]) in ("text", "image"):
        paths = columns[roles.image]
        if arrow.kind_of(paths) == "image":
            found = [None if one is None else one["path"] for one in paths.to_pylist()]
        else:
            found = arrow.texts(paths)
        if any(found):
            shown["file"] = np.array([one or "" for one in found], np.str_)
    for name, column in others.items():
        kind = arrow.kind_of(column)
        many = name in used and len(used) > SHOWN_COLUMNS
        if name in shown or name in RESERVED[:2] or many or kind not in ("number", "text", "time"):
            continue
        shown[name] = arrow.numbers(column) if kind == "number" else _as_texts(column)
    return shown


def _as_texts(column: Any) -> npt.NDArray[np.object_]:
    return np.array([one or "" for one in arrow.texts(column)], np.object_)


def _chosen(columns: Mapping[str, npt.NDArray[Any]], rows: Indices) -> dict[str, npt.NDArray[Any]]:
    return {name: column[rows] for name, column in columns.items()}


def _require_memory(rows: Rows, samples: int, features: int) -> None:
    """Raise InvalidDataset if memory for them is not free, before the system ends the process for it."""
    import psutil

    size = 8 * samples * features
    free = psutil.virtual_memory().available
    if size > MEMORY_SHARE * free:
        raise InvalidDataset(
            f"The features of {rows.named} need {size / 2**30:.1f} GB of memory, and {free / 2**30:.1f} GB are free; "
            "use fewer rows or columns."
        )
