"""Hugging Face datasets in a folder: saved by `save_to_disk`, or as Parquet files. The package is not needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memscore.datasets import arrow
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions
from memscore.datasets.parquet_file import class_names_in, class_names_of, read_parquet
from memscore.datasets.tables import PARTS, Rows, dataset_of_rows
from memscore.errors import InvalidDataset

WORD = re.compile(rf"(?<![a-z])({'|'.join(sorted(PARTS, key=len, reverse=True))})(?![a-z])")


@dataclass(frozen=True)
class Part:
    """A saved part, a folder, or a Parquet file: its Arrow table, and the class names of its columns.

    `part` is 0 for training, 1 for testing and 2 for validation, or None if its path does not say so.
    """

    path: Path
    part: int | None
    table: Any
    class_names: Mapping[str, tuple[str, ...]]


def load_huggingface(folder: Path, options: SourceOptions) -> Dataset:
    """Read a folder with a Dataset or DatasetDict that was saved, or with its Parquet files.

    Which part a file belongs to follows from its path: train, test, or validation. Raises InvalidDataset.
    """
    return dataset_of_rows(rows_of(folder, parts_of(folder), options), options)


def parts_of(folder: Path) -> list[Part]:
    """What the rows of a dataset are read from, in their order. Raises InvalidDataset."""
    if not folder.is_dir():
        raise InvalidDataset(f"There is no folder {folder}; huggingface:DIR is a folder of a saved dataset.")
    return _saved(folder) or list(_shards(folder))


def rows_of(folder: Path, parts: list[Part], options: SourceOptions) -> Rows:
    """The rows of all parts of a dataset. Raises InvalidDataset if these have different columns."""
    import pyarrow as pa

    tables: list[Any] = [one.table.replace_schema_metadata(None) for one in parts]
    names = {name: classes for one in parts for name, classes in one.class_names.items()}
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise InvalidDataset(
            f"The parts of {folder} have different columns ({arrow.why(error)}); give a folder of one dataset."
        ) from error
    source = options.described(f"huggingface:{folder.resolve().name}")
    several = any(one.part is not None for one in parts)
    of_rows = np.repeat([one.part or 0 for one in parts], [one.num_rows for one in tables]) if several else None
    return Rows(table, source, str(folder), folder, of_rows, names)


def _saved(folder: Path) -> list[Part]:
    """The parts of a dataset that `save_to_disk` wrote; empty if it is none."""
    if (folder / "state.json").is_file():
        return [Part(folder, None, *_read(folder))]
    if not (folder / "dataset_dict.json").is_file():
        return []
    splits = _json(folder / "dataset_dict.json").get("splits", [])
    found = [(PARTS.get(split, PARTS.get(split.partition("_")[0])), split) for split in splits]
    used = [(part, split) for part, split in found if part is not None]
    if not any(part == 0 for part, _ in used):
        raise InvalidDataset(f"{folder} has no part train, only {', '.join(splits)}; give the folder of one of them.")
    return [Part(folder / split, part, *_read(folder / split)) for part, split in used]


def _read(folder: Path) -> tuple[Any, dict[str, tuple[str, ...]]]:
    """The table and the class names of one saved part. Raises InvalidDataset."""
    import pyarrow as pa

    listed: Any = _json(folder / "state.json").get("_data_files")
    try:
        files = [folder / str(one["filename"]) for one in listed]
    except (TypeError, KeyError) as error:
        raise InvalidDataset(f"{folder / 'state.json'} does not list the files; save the dataset again.") from error
    if any(file.parent != folder for file in files):
        raise InvalidDataset(f"{folder / 'state.json'} names files of another folder; save the dataset again.")
    tables: list[Any] = []
    for file in files:
        try:
            with pa.memory_map(str(file)) as source:
                found: Any = pa.ipc.open_stream(source).read_all()
                found.validate(full=True)  # what a damaged file points to may lie outside of it
                named = found.rename_columns(found.column_names)  # which are decoded here
                tables.append(named.replace_schema_metadata(found.schema.metadata))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InvalidDataset(
                f"{file} cannot be read as Arrow ({arrow.why(error)}); save the dataset again."
            ) from error
    if not tables:
        raise InvalidDataset(f"{folder} has no rows.")
    table = pa.concat_tables(tables)
    info = folder / "dataset_info.json"
    names = class_names_of(_json(info).get("features")) if info.is_file() else {}
    return table, names or class_names_in(table.schema.metadata)


def _shards(folder: Path) -> Iterator[Part]:
    """The Parquet files of a folder, sorted by path."""
    files = sorted(
        path
        for path in folder.rglob("*.parquet")
        if not any(one.startswith(".") for one in path.relative_to(folder).parts)
    )
    if not files:
        raise InvalidDataset(
            f"There is neither a saved dataset nor a Parquet file in {folder}; save one with dataset.save_to_disk."
        )
    for file in files:
        table = read_parquet(file)
        found = WORD.findall(file.relative_to(folder).as_posix().lower())
        yield Part(file, PARTS[found[0]] if found else None, table, class_names_in(table.schema.metadata))


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidDataset(f"{file} cannot be read ({error}); save the dataset again.") from error
    if not isinstance(found, dict):
        raise InvalidDataset(f"{file} is not the description of a dataset; save the dataset again.")
    return found
