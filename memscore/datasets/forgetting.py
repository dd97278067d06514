"""Overwrites samples in all files of a home folder, so that only their labels are left.

The description comes first: from then on, whoever reads the files takes these samples for forgotten, even if a crash
leaves the rest undone. Repeating finishes it. Arrays are overwritten in their place, also for processes that have them
mapped; columns, which are compressed, are written again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from memscore import strict_json
from memscore.datasets import storage
from memscore.datasets.columns import SampleColumns, Split
from memscore.datasets.dataset import SPLITS, Dataset, without_names
from memscore.datasets.forgotten import Forgotten
from memscore.errors import Damaged, NotFound, StoreError
from memscore.files import atomic_write, reason, sync

STALE_SECONDS = 86_400.0  # without a change, what an earlier version was writing to is what a crash has left

MOST_SEARCHED = 2**33
"""Bytes of a dataset in which copies of forgotten samples are looked for."""

DOWNLOADED = {
    "cifar10": ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
    "cifar100": ("cifar-100-python", "cifar-100-python.tar.gz"),
    "fashion_mnist": ("FashionMNIST",),
    "mnist": ("MNIST",),
    "tiny_imagenet": ("tiny-imagenet-200", "tiny-imagenet-200.zip"),
}
"""Where published datasets are below the folder of downloads."""


def overwrite(home: Path, fingerprint: str, wanted: Forgotten) -> bool:
    """Leave nothing of the samples `wanted`, on the disk when this returns; whether the dataset is in this home.

    Call it `storage.alone`. Raises Damaged for files that cannot be read, StoreError for those that cannot be written.
    """
    folder = storage.folder_of(home, fingerprint)
    try:
        _remove_scratch(folder)
        try:
            stored = storage.open_dataset(home, fingerprint)
        except NotFound:
            return False
        if wanted - stored.forgotten:
            stored = _mark(home, folder, stored, stored.forgotten | wanted)
        for split in SPLITS:
            _overwrite_array(folder / f"x_{split}.npy", stored.forgotten.part(split))
        _overwrite_columns(folder, stored)
        _remove_downloads(home / "downloads", stored.source)
    except OSError as error:
        raise StoreError(
            f"The samples cannot be overwritten in {folder} ({reason(error)}); when they can, run the command again."
        ) from error
    return True


def copies_of(home: Path, fingerprint: str, wanted: Forgotten, others: Mapping[str, str]) -> list[str]:
    """Where else the content of these samples is, such as "train 3 of pets", in datasets of at most MOST_SEARCHED.

    others: the names of the datasets in this home by fingerprint, this one included. Only samples that are equal in all
    values are found.
    """
    stored = storage.open_dataset(home, fingerprint)
    asked: dict[bytes, str] = {}
    for split in SPLITS:
        for index in wanted.part(split):
            sample: Any = _samples(stored, split)[index]
            if sample.any():
                asked[np.ascontiguousarray(sample).tobytes()] = f"{split} {index}"
    found: list[str] = []
    for other, name in others.items():
        with suppress(NotFound, Damaged):
            dataset = stored if other == fingerprint else storage.open_dataset(home, other)
            if dataset.x_train.nbytes + dataset.x_test.nbytes > MOST_SEARCHED:
                continue
            found += [f"{split} {index} of {name}" for split, index in _equal(dataset, asked, stored)]
    mine = {f"{split} {index} of {others.get(fingerprint, '')}" for split in SPLITS for index in wanted.part(split)}
    return [one for one in found if one not in mine]


def _equal(dataset: Dataset, asked: dict[bytes, str], like: Dataset) -> list[tuple[Split, int]]:
    """The samples of a dataset whose bytes are among those asked for."""
    if dataset.x_train.shape[1:] != like.x_train.shape[1:] or dataset.x_train.dtype != like.x_train.dtype:
        return []
    return [
        (split, index)
        for split in SPLITS
        for index, sample in enumerate(_samples(dataset, split))
        if np.ascontiguousarray(sample).tobytes() in asked
    ]


def _samples(dataset: Dataset, split: Split) -> Any:
    return dataset.x_train if split == "train" else dataset.x_test


def _mark(home: Path, folder: Path, stored: Dataset, forgotten: Forgotten) -> Dataset:
    """Say in a dataset's description that these samples are forgotten, and what the arrays will be without them.

    Arrays that are damaged already get no such digest, so that the damage is still found.
    """
    description = storage.description_of(folder)
    sound = storage.has_right_arrays(home, folder.name, stored)
    description["digest"] = stored.digest(forgotten) if sound else None
    description["forgotten"] = {split: list(forgotten.part(split)) for split in SPLITS}
    description["notes"] = without_names(stored.notes, stored.columns, forgotten)
    with atomic_write(folder / storage.DESCRIPTION) as scratch:
        scratch.write_text(strict_json.dumps(description))
    return storage.open_dataset(home, folder.name)


def _overwrite_array(file: Path, gone: tuple[int, ...]) -> None:
    """Write zeros over samples, in place."""
    if not gone:
        return
    array: Any = np.load(file, mmap_mode="r+", allow_pickle=False)
    array[list(gone)] = 0
    array.flush()
    sync(file)


def _overwrite_columns(folder: Path, stored: Dataset) -> None:
    """Write the columns of both parts without what they say of forgotten samples."""
    blank = SampleColumns(*(dict(stored.columns.part(split)) for split in SPLITS)).blanked(
        stored.forgotten.train, stored.forgotten.test
    )
    for split in SPLITS:
        if blank.part(split) and stored.forgotten.part(split):
            with atomic_write(storage.column_file(folder, split)) as scratch:
                storage.write_column_file(blank.part(split), scratch)


def _remove_scratch(folder: Path) -> None:
    """Remove what killed processes have left of their writing: of this dataset, and of earlier versions' writing."""
    for scratch in folder.glob(".*"):
        scratch.unlink(missing_ok=True)
    for scratch in folder.parent.glob(f"{storage.WRITING}*"):
        named = scratch.name.removeprefix(storage.WRITING)
        with suppress(FileNotFoundError):
            stale = len(named) < len(folder.name) and time.time() - scratch.stat().st_mtime > STALE_SECONDS
            if stale or named.startswith(f"{folder.name}-"):
                shutil.rmtree(scratch)


def _remove_downloads(downloads: Path, source: str) -> None:
    """Remove the files that a published dataset was read from, if they were downloaded into the home."""
    for name in DOWNLOADED.get(source.partition(",")[0], ()):
        place = downloads / name
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
