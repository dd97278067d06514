"""Datasets on disk: one folder per fingerprint, written atomically; its arrays are memory-mapped for reading."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from errno import ENOLCK, ENOSYS, ENOTSUP
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from memscore import strict_json
from memscore.arrays import Labels
from memscore.datasets.columns import Column, SampleColumns, Split
from memscore.datasets.dataset import SPLITS, Dataset
from memscore.datasets.features import Scaling
from memscore.datasets.forgotten import NONE, Forgotten
from memscore.errors import Conflict, Damaged, NotFound, StoreError
from memscore.files import atomic_write, held, make_folder, place_folder, reason, sync, sync_all

PATIENCE_SECONDS = 600
SECONDS_BETWEEN_LOOKS = 0.05
NO_LOCKS = (ENOLCK, ENOSYS, ENOTSUP)  # from file systems without locks
ARRAYS = ("x_train", "y_train", "x_test", "y_test")
DESCRIPTION = "dataset.json"
COLUMN_FILES: dict[Split, str] = {split: f"columns-{split}.parquet" for split in SPLITS}
WRITING = ".writing-"
"""How the name of a folder begins that a dataset is written to; that of the dataset's fingerprint follows."""
ASIDE = ".removed-"
"""How the name of a folder begins that is about to be deleted."""


def folder_of(home: Path, fingerprint: str) -> Path:
    """The folder of a dataset's arrays."""
    return home / "datasets" / fingerprint


@contextmanager
def alone(home: Path, fingerprint: str) -> Generator[None]:
    """Let no other process of this machine write a dataset's arrays within the block.

    Raises Conflict if another does so for a long time, StoreError if the folder cannot be written.
    """
    folder = folder_of(home, fingerprint)
    deadline = time.monotonic() + PATIENCE_SECONDS
    with ExitStack() as holding:
        while True:
            try:
                make_folder(folder.parent)
                holding.enter_context(held(folder.with_name(f".lock-{fingerprint}"), passing=True))
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Conflict(
                        f"Another process has been writing the dataset {fingerprint[:12]} in {folder.parent} for "
                        f"{PATIENCE_SECONDS // 60} minutes; try again when it has ended."
                    ) from None
                time.sleep(SECONDS_BETWEEN_LOOKS)
            except OSError as error:
                if error.errno in NO_LOCKS:
                    break
                raise StoreError(f"The folder {folder.parent} cannot be written ({reason(error)}).") from error
        yield


def save(dataset: Dataset, home: Path) -> str:
    """Write the dataset to home/datasets/FINGERPRINT, on the disk when this returns its fingerprint.

    If its arrays are there and whole, only its columns and notes are replaced, by those of `dataset` if it has any;
    damaged arrays are replaced. Samples that were forgotten there do not come back. Raises StoreError if the folder
    cannot be written.
    """
    fingerprint = dataset.fingerprint
    folder = folder_of(home, fingerprint)
    if gone := forgotten_in(home, fingerprint) - dataset.forgotten:
        dataset = dataset.blanked(gone | dataset.forgotten)
    try:
        if not folder.is_dir():
            _write(dataset, folder)
        elif not is_whole(home, fingerprint, dataset.clean_labels):
            _write(_described(dataset, home, fingerprint), folder)
        elif dataset.columns or dataset.notes:
            _replace_descriptions(dataset, folder)
    except OSError as error:
        raise StoreError(f"The dataset could not be written to {folder} ({reason(error)}).") from error
    return fingerprint


def descriptions_in(home: Path, fingerprint: str) -> dict[str, bytes | None]:
    """The files of a stored dataset beside its arrays, None where there is none: columns, and the description."""
    folder = folder_of(home, fingerprint)
    names = (*COLUMN_FILES.values(), DESCRIPTION)
    return {name: (folder / name).read_bytes() if (folder / name).exists() else None for name in names}


def put_back_descriptions(home: Path, fingerprint: str, before: dict[str, bytes | None]) -> None:
    """Give stored arrays the columns and notes that they had, after data was saved for somebody who was refused.

    If samples were forgotten since, nothing is put back. Raises StoreError if the files cannot be written.
    """
    folder = folder_of(home, fingerprint)
    description = before[DESCRIPTION]
    try:
        with alone(home, fingerprint):
            if description is None or not folder.is_dir():
                return
            if json.loads(description).get("forgotten") != description_of(folder).get("forgotten"):
                return
            for name, content in before.items():
                if content is None:
                    (folder / name).unlink(missing_ok=True)
                else:
                    with atomic_write(folder / name) as scratch:
                        scratch.write_bytes(content)
    except OSError as error:
        raise StoreError(f"The dataset could not be written to {folder} ({reason(error)}).") from error


def forgotten_in(home: Path, fingerprint: str) -> Forgotten:
    """The samples of a dataset that its files in this home call forgotten; none if these are missing or damaged."""
    try:
        return open_dataset(home, fingerprint).forgotten
    except (NotFound, Damaged):
        return NONE


def is_whole(home: Path, fingerprint: str, clean_labels: Labels | None = None) -> bool:
    """Whether everything stored of a dataset can be read, with its arrays as registered and with these correct labels.

    Of a dataset with forgotten samples, all others are as registered.
    """
    try:
        stored = _read(home, fingerprint)
    except (NotFound, Damaged):
        return False
    clean = stored.clean_labels
    same_labels = clean_labels is None or (clean is not None and np.array_equal(clean, clean_labels))
    return same_labels and has_right_arrays(home, fingerprint, stored)


def has_right_arrays(home: Path, fingerprint: str, stored: Dataset) -> bool:
    """Whether the arrays of a stored dataset are as registered, apart from forgotten samples."""
    if not stored.forgotten:
        return stored.digest() == fingerprint
    return stored.digest(stored.forgotten) == description_of(folder_of(home, fingerprint)).get("digest")


def is_blank(stored: Dataset) -> bool:
    """Whether nothing is left of the forgotten samples of a stored dataset. Raises Damaged."""
    x = {"train": stored.x_train, "test": stored.x_test}
    return all(
        not x[split][list(gone)].any()
        and all(_is_empty(column, gone) for column in stored.columns.part(split).values())
        for split in SPLITS
        if (gone := stored.forgotten.part(split))
    )


def _is_empty(column: Column, places: Sequence[int]) -> bool:
    values: Any = column[list(places)]
    return not np.any(values != "") if values.dtype.kind == "U" else bool(np.isnan(values).all())


def _read(home: Path, fingerprint: str) -> Dataset:
    """A stored dataset with its columns in memory. Raises like `open_dataset`."""
    stored = open_dataset(home, fingerprint)
    return replace(stored, columns=SampleColumns(*(dict(stored.columns.part(split)) for split in SPLITS)))


def _described(dataset: Dataset, home: Path, fingerprint: str) -> Dataset:
    """A dataset that replaces a damaged one: where that one can still tell more, it keeps its columns and notes."""
    try:
        damaged = _read(home, fingerprint)
    except (NotFound, Damaged):
        return dataset
    return replace(dataset, columns=dataset.columns or damaged.columns, notes=dataset.notes or damaged.notes)


def _write(dataset: Dataset, folder: Path) -> None:
    """Write a dataset's folder; another that is there gives way to it. Raises OSError."""
    scratch = _scratch(folder)
    replaced = scratch.with_name(f"{scratch.name}-replaced")
    try:
        for name in ARRAYS:
            np.save(scratch / f"{name}.npy", getattr(dataset, name))
        if dataset.clean_labels is not None:
            np.save(scratch / "clean_labels.npy", dataset.clean_labels)
        _write_descriptions(dataset, scratch)
        scratch.chmod(stat.S_IMODE(folder.parent.stat().st_mode))  # for those who may use its neighbours
        sync_all(scratch)
        with suppress(FileNotFoundError):
            folder.rename(replaced)
        try:
            place_folder(scratch, folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process wrote the same dataset
                raise
    finally:
        for left in (scratch, replaced):
            shutil.rmtree(left, ignore_errors=True)


def set_aside(home: Path, fingerprint: str) -> bool:
    """Take a dataset's folder away in one step, for `clear_aside` to delete; whether it was there. Raises OSError."""
    folder = folder_of(home, fingerprint)
    try:
        folder.rename(folder.with_name(f"{ASIDE}{fingerprint}-{secrets.token_hex(4)}"))
    except FileNotFoundError:
        return False
    sync(folder.parent)
    return True


def clear_aside(home: Path) -> None:
    """Delete the folders that were set aside, now or before a crash. Raises OSError."""
    for folder in (home / "datasets").glob(f"{ASIDE}*"):
        with suppress(FileNotFoundError):  # another process deletes it too
            shutil.rmtree(folder)


def size_of(home: Path, fingerprint: str) -> int:
    """The bytes of a stored dataset's files; 0 if they are not in this home."""
    folder = folder_of(home, fingerprint)
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())


def open_dataset(home: Path, fingerprint: str) -> Dataset:
    """Open a stored dataset with memory-mapped, read-only arrays; columns are read when they are first asked for.

    Raises NotFound, or Damaged for unusable files.
    """
    folder = folder_of(home, fingerprint)
    if not folder.is_dir():
        raise NotFound(
            f"The samples of dataset {fingerprint[:12]} are not in {folder.parent}; add the dataset again there: "
            "memscore datasets add NAME"
        )
    try:
        description = description_of(folder)
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        clean = folder / "clean_labels.npy"
        scaling = description.get("scaling")
        named = description.get("columns", {})
        gone = description.get("forgotten")
        forgotten = NONE if gone is None else Forgotten.of(*(map(int, gone[split]) for split in SPLITS))
        return Dataset(
            **arrays,
            class_names=tuple(description["class_names"]),
            source=description["source"],
            clean_labels=np.load(clean, allow_pickle=False) if clean.exists() else None,
            columns=SampleColumns(
                *(StoredColumns(folder, split, named.get(split, []), len(arrays[f"y_{split}"])) for split in SPLITS)
            ),
            notes=tuple(description.get("notes", ())),
            scaling=None if scaling is None else Scaling.of_json(scaling),
            forgotten=forgotten,
            registered_as=fingerprint if forgotten else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise _damaged(folder, error) from error


def description_of(folder: Path) -> dict[str, Any]:
    """What is stored of a dataset besides arrays and columns. Raises OSError, ValueError."""
    return dict(json.loads((folder / DESCRIPTION).read_text()))


class StoredColumns(Mapping[str, Column]):
    """The columns of one part of a stored dataset, read from a Parquet file when first asked for.

    Raises Damaged if the file does not hold the columns `names` of `samples` values.
    """

    def __init__(self, folder: Path, split: Split, names: list[str], samples: int) -> None:
        self.folder = folder
        self.split: Split = split
        self.column_names = names
        self.samples = samples

    def __len__(self) -> int:
        return len(self.column_names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.column_names)

    def __contains__(self, name: object) -> bool:
        return name in self.column_names

    def __getitem__(self, name: str) -> Column:
        if name not in self.column_names:  # a dataset without columns has no file of them
            raise KeyError(name)
        return self._read[name]

    @cached_property
    def _read(self) -> dict[str, Column]:
        from pyarrow import ArrowException, parquet  # its import takes longer than opening the arrays

        try:
            table: Any = parquet.read_table(column_file(self.folder, self.split))
            columns = {name: _array(table[name]) for name in self.column_names}
        except (OSError, ValueError, KeyError, ArrowException) as error:
            raise _damaged(self.folder, error) from error
        if any(len(column) != self.samples for column in columns.values()):
            raise _damaged(self.folder, ValueError("its columns do not have one value for each sample"))
        return columns


def _array(column: Any) -> Column:
    """An Arrow column as an array of float64 or str."""
    if str(column.type) == "double":
        return np.array(column.to_numpy(), np.float64)
    return np.array(column.to_pylist(), np.str_)


def column_file(folder: Path, split: Split) -> Path:
    """The file of the columns of one part, in a dataset's folder."""
    return folder / COLUMN_FILES[split]


def _damaged(folder: Path, error: Exception) -> Damaged:
    return Damaged(f"The stored dataset in {folder} cannot be read ({error}); add the dataset again, which repairs it.")


def _scratch(folder: Path) -> Path:
    """A new folder beside that of a dataset, for parts of it."""
    try:
        make_folder(folder.parent)
        return Path(tempfile.mkdtemp(prefix=f"{WRITING}{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise StoreError(f"The folder {folder.parent} cannot be written ({reason(error)}).") from error


def _write_descriptions(dataset: Dataset, folder: Path, earlier: dict[str, Any] | None = None) -> None:
    """Write everything but the arrays; what the dataset lacks stays as in an `earlier` description. Raises OSError."""
    description = {**(earlier or {}), "class_names": dataset.class_names, "source": dataset.source}
    if dataset.notes:
        description["notes"] = dataset.notes
    if dataset.scaling is not None:
        description["scaling"] = dataset.scaling.as_json()
    if dataset.forgotten:
        description["forgotten"] = {split: list(dataset.forgotten.part(split)) for split in SPLITS}
        description["digest"] = dataset.digest()
    if dataset.columns:
        description["columns"] = {split: list(dataset.columns.part(split)) for split in SPLITS}
        for split in SPLITS:
            if part := dataset.columns.part(split):
                write_column_file(part, column_file(folder, split))
    (folder / DESCRIPTION).write_text(strict_json.dumps(description))


def write_column_file(columns: Mapping[str, Column], file: Path) -> None:
    """Write the columns of one part. Raises OSError."""
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({name: pyarrow.array(column) for name, column in columns.items()})
    parquet.write_table(table, file)


def _replace_descriptions(dataset: Dataset, folder: Path) -> None:
    """Replace columns and notes of a stored dataset, its description last."""
    scratch = _scratch(folder)
    try:
        _write_descriptions(dataset, scratch, description_of(folder))
        for name in (*COLUMN_FILES.values(), DESCRIPTION):
            if (scratch / name).exists():
                sync(scratch / name)
                os.replace(scratch / name, folder / name)
                sync(folder)
    except ValueError as error:
        raise _damaged(folder, error) from error
    except OSError as error:
        raise StoreError(f"The dataset could not be written to {folder} ({reason(error)}).") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
