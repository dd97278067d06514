"""Datasets written as files that `memscore datasets add` reads, with other labels too: arrays, folders, or rows."""

from __future__ import annotations

import io
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image

from memscore.arrays import Images, Labels
from memscore.datasets.columns import Column, Split
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidDataset, InvalidInput
from memscore.files import make_folder, place_folder, reason, rows_of_samples, write_file
from memscore.naming import label_of

Layout = Literal["folder", "npz", "csv", "parquet"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
RESERVED = ("label", "split", "image")
"""Columns of rows that are written besides those of the samples."""

MOST = 0.98
"""Share of a table's values that features give back; those beyond ten deviations are clipped."""

Changes = Mapping[int, int | str | None]
"""New labels by training sample: a class by name or number, None to leave the sample out."""


def changed(dataset: Dataset, changes: Changes) -> Dataset:
    """The dataset with other labels of these training samples, and without those whose label is None.

    Samples whose content was removed on request are left out too.
    A text is a class's name, a number its place among the classes. Raises InvalidInput for an unknown sample or class,
    and InvalidDataset if a class has no training sample left.
    """
    labels, kept = np.array(dataset.y_train), np.ones(len(dataset.y_train), np.bool_)
    for index, label in changes.items():
        if not 0 <= index < len(labels):
            raise InvalidInput(f"There is no training sample {index}; they go from 0 to {len(labels) - 1}.")
        if label is None:
            kept[index] = False
        else:
            labels[index] = label_of(dataset.class_names, label)
    kept[list(dataset.forgotten.train)] = False
    kept_test = np.ones(len(dataset.y_test), np.bool_)
    kept_test[list(dataset.forgotten.test)] = False
    left = np.bincount(labels[kept], minlength=dataset.classes)
    if not left.all():
        lost = dataset.class_names[int(np.argmin(left > 0))]
        raise InvalidDataset(f"No training sample of class {lost!r} would be left; change or leave out fewer.")
    return replace(dataset, y_train=labels).select(kept, kept_test if dataset.forgotten.test else slice(None))


def read_changes(path: Path) -> dict[int, int | str | None]:
    """New labels from a CSV file with the columns `index` and `label`; an empty label leaves the sample out.

    A label is a class's name, or else its number. The list of `scores suspects --csv` has the labels as they are; its
    column `suggested` is read instead, and a sample without a suggestion keeps its label. Raises InvalidInput that
    names the invalid line.
    """
    changes: dict[int, int | str | None] = {}
    for where, index, row in rows_of_samples(path, "label"):
        if index in changes:
            raise InvalidInput(f"{where}: sample {index} has a label above already.")
        suggested = row.get("suggested")
        if suggested is None:
            changes[index] = (row["label"] or "").strip() or None
        elif suggested.strip() and suggested.strip() != "-1":
            changes[index] = suggested.strip()
    return changes


def layout_of(path: Path) -> Layout:
    """The layout that a path's suffix names: .npz, .csv or .parquet, otherwise a folder. Raises InvalidInput."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix in LAYOUTS:
        return suffix
    if suffix and suffix.isalpha() and len(suffix) <= len("parquet"):
        raise InvalidInput(
            f"The suffix of {path.name!r} is no layout: use .npz, .csv, .parquet, or a folder without one."
        )
    return "folder"


def write_dataset(dataset: Dataset, path: Path) -> Path:
    """Write a dataset in the layout of the path's suffix, whole or not at all, and return the path.

    Features are written as they were before standardization, except that values beyond ten deviations are clipped, that
    constant columns are missing, and that texts are in the columns of the samples. Raises InvalidInput if the path
    exists or cannot be written, or if the layout cannot hold these samples: folders and .csv files hold only images,
    or only features.
    """
    layout = layout_of(path)
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"{path} exists; choose another path, or remove it.")
    if layout == "folder":
        _write_folder(dataset, path)
    elif layout == "npz":
        write_file(path, _npz(dataset))
    else:
        write_file(path, _rows(dataset, layout))
    return path


def _part(dataset: Dataset, split: Split) -> tuple[npt.NDArray[Any], Labels, Mapping[str, Column]]:
    samples, labels = (dataset.x_train, dataset.y_train) if split == "train" else (dataset.x_test, dataset.y_test)
    return samples, labels, dataset.columns.part(split)


def _parts(dataset: Dataset) -> list[Split]:
    return ["train", "test"] if len(dataset.y_test) else ["train"]


def _npz(dataset: Dataset) -> bytes:
    arrays: dict[str, npt.NDArray[Any]] = {"class_names": np.array(dataset.class_names, np.str_)}
    for split in _parts(dataset):
        samples, labels, columns = _part(dataset, split)
        arrays |= {f"{name}_{split}": column for name, column in columns.items() if name not in ("x", "y")}
        arrays[f"x_{split}"] = samples if dataset.kind == "images" else _raw(dataset, samples)[0]
        arrays[f"y_{split}"] = labels
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _rows(dataset: Dataset, layout: Layout) -> bytes:
    """The samples as rows: their columns, features or image, class and part."""
    if layout == "csv" and dataset.kind == "images":
        raise InvalidInput("A .csv file cannot hold images; write a folder, .npz or .parquet.")
    import pyarrow

    tables: list[Any] = []
    for split in _parts(dataset):
        samples, labels, columns = _part(dataset, split)
        made: dict[str, Any] = {name: column.tolist() for name, column in columns.items() if name not in RESERVED}
        if dataset.kind == "images":
            made["image"] = [_png(image) for image in samples]
        else:
            raw, names = _raw(dataset, samples)
            if not _are_columns(raw, columns):
                made |= {name: raw[:, place] for place, name in enumerate(names)}
        made["label"] = [dataset.class_names[label] for label in labels.tolist()]
        made["split"] = [split] * len(labels)
        tables.append(pyarrow.table(made))
    return _encoded(pyarrow.concat_tables(tables, promote_options="default"), layout)


def _are_columns(raw: npt.NDArray[np.float32], columns: Mapping[str, Column]) -> bool:
    """Whether features [n, k] are those of a table, whose columns are written as they came and make them again."""
    numbers = [column.astype(np.float64) for column in columns.values() if column.dtype.kind == "f"]
    return any(
        np.isclose(raw[:, 0], column, rtol=1e-4, atol=1e-4 * float(np.nanstd(column)), equal_nan=True).mean() > MOST
        for column in numbers
    )


def _encoded(table: Any, layout: Layout) -> bytes:
    buffer = io.BytesIO()
    if layout == "csv":
        from pyarrow import csv as arrow_csv

        arrow_csv.write_csv(table, buffer)
    else:
        from pyarrow import parquet

        parquet.write_table(table, buffer)
    return buffer.getvalue()


def _raw(dataset: Dataset, samples: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Features before standardization, float32 [n, k], and a name for each column; NaN where a value was missing."""
    scaling = dataset.scaling
    if scaling is None:
        return np.asarray(samples), [f"feature_{column}" for column in range(samples.shape[1])]
    values = samples.astype(np.float64) * scaling.scale + scaling.mean
    own = np.flatnonzero(~scaling.missing)
    raw = values[:, own]
    for place in np.flatnonzero(scaling.missing):
        beside = np.flatnonzero(scaling.columns[own] == scaling.columns[place])
        raw[:, beside] = np.where(values[:, [place]] > 0.5, np.nan, raw[:, beside])
    return raw.astype(np.float32), [f"feature_{column}" for column in scaling.columns[own]]


def _write_folder(dataset: Dataset, path: Path) -> None:
    if dataset.kind != "images":
        raise InvalidInput("A folder cannot hold features; write .npz, .csv or .parquet.")
    folders = _folders(dataset.class_names)
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        make_folder(path.parent)
        for split in _parts(dataset):
            samples, labels, columns = _part(dataset, split)
            for name in folders:
                (scratch / split / name).mkdir(parents=True)
            names = _files(columns, labels)
            for image, label, name in zip(samples, labels.tolist(), names, strict=True):
                (scratch / split / folders[label] / name).write_bytes(_png(image))
        place_folder(scratch, path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({reason(error)}).") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _folders(class_names: tuple[str, ...]) -> list[str]:
    """A folder for each class: its name, if that can be one."""
    safe = [_safe(name) for name in class_names]
    unique = len({name.casefold() for name in safe}) == len(safe) and all(safe)
    width = len(str(len(safe) - 1))
    return safe if unique else [f"{label:0{width}d}-{name}"[:200] for label, name in enumerate(safe)]


def _files(columns: Mapping[str, Column], labels: Labels) -> list[str]:
    """A file name for each sample: its own, or else its place; followed by a number if its class has another such."""
    width = len(str(max(len(labels) - 1, 0)))
    numbers = [f"{place:0{width}d}" for place in range(len(labels))]
    own = [_safe(PurePosixPath(str(name)).stem) for name in columns["file"]] if "file" in columns else numbers
    taken: dict[str, int] = {}
    return [
        unused_name(f"{name or number}.png", str(label), taken)
        for label, name, number in zip(labels.tolist(), own, numbers, strict=True)
    ]


def unused_name(name: str, folder: str, taken: dict[str, int]) -> str:
    """The name of a file, with a number if its folder has another such; `taken` counts how often each was wanted."""
    wanted = f"{folder}/{name}".casefold()
    taken[wanted] = taken.get(wanted, 0) + 1
    if taken[wanted] == 1:
        return name
    whole = PurePosixPath(name)
    return unused_name(f"{whole.stem}-{taken[wanted]}{whole.suffix}", folder, taken)


def _safe(name: str) -> str:
    """A name as part of a path: letters, digits and a few signs, never a path of its own."""
    kept = "".join(one if one.isalnum() or one in " ._-+()" else "_" for one in name)
    return kept.strip(" .")[:200]


def _png(image: Images) -> bytes:
    """One image uint8 [H, W, C] as a PNG file. Raises InvalidInput for a number of channels that PNG does not have."""
    channels = image.shape[2]
    if channels not in (1, 3, 4):
        raise InvalidInput(f"Images of {channels} channels cannot be written as PNG; write .npz.")
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[..., 0] if channels == 1 else image)).save(buffer, "PNG")
    return buffer.getvalue()
