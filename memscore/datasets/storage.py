"""Dataset arrays on disk: one folder per fingerprint, written atomically and memory-mapped for reading."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from memscore import strict_json
from memscore.datasets.dataset import Dataset
from memscore.errors import Damaged, NotFound, StoreError
from memscore.files import reason

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def folder_of(home: Path, fingerprint: str) -> Path:
    """The folder of a dataset's arrays."""
    return home / "datasets" / fingerprint


def save(dataset: Dataset, home: Path) -> str:
    """Write the arrays to home/datasets/FINGERPRINT unless they exist; returns the fingerprint."""
    fingerprint = dataset.fingerprint
    folder = folder_of(home, fingerprint)
    if folder.is_dir():
        return fingerprint
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    except OSError as error:
        raise StoreError(f"The folder {folder.parent} cannot be written ({reason(error)}).") from error
    try:
        for name in ARRAYS:
            np.save(scratch / f"{name}.npy", getattr(dataset, name))
        if dataset.clean_labels is not None:
            np.save(scratch / "clean_labels.npy", dataset.clean_labels)
        description = {"class_names": dataset.class_names, "source": dataset.source}
        (scratch / "dataset.json").write_text(strict_json.dumps(description))
        scratch.chmod(0o755)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process wrote the same dataset
                raise
    except OSError as error:
        raise StoreError(f"The dataset could not be written to {folder} ({reason(error)}).") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return fingerprint


def open_dataset(home: Path, fingerprint: str) -> Dataset:
    """Open a stored dataset with memory-mapped, read-only arrays. Raises NotFound, or Damaged for unusable files."""
    folder = folder_of(home, fingerprint)
    if not folder.is_dir():
        raise NotFound(
            f"The images of dataset {fingerprint[:12]} are not in {folder.parent}; add the dataset again there: "
            "memscore datasets add NAME"
        )
    try:
        description = json.loads((folder / "dataset.json").read_text())
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS}
        clean = folder / "clean_labels.npy"
        return Dataset(
            **arrays,
            class_names=tuple(description["class_names"]),
            source=description["source"],
            clean_labels=np.load(clean, allow_pickle=False) if clean.exists() else None,
        )
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(
            f"The stored dataset in {folder} cannot be read ({error}); delete the folder and add the dataset again."
        ) from error
