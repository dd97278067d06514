"""Datasets from a NumPy file: x_train, y_train, x_test, y_test and optionally class_names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.errors import InvalidDataset

REQUIRED = ("x_train", "y_train", "x_test", "y_test")


def load_npz(path: Path) -> Dataset:
    """Read and validate an .npz file without unpickling. Raises InvalidDataset with the reason."""
    if not path.is_file():
        raise InvalidDataset(f"There is no file {path}; write npz:FILE with the path of an .npz file.")
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as arrays:
            missing = [name for name in REQUIRED if name not in arrays]
            if missing:
                raise InvalidDataset(f"{path} lacks {', '.join(missing)}; it must contain {', '.join(REQUIRED)}.")
            loaded = [arrays[name] for name in REQUIRED]
            names = tuple(str(name) for name in arrays["class_names"]) if "class_names" in arrays else None
    except InvalidDataset:
        raise
    except Exception as error:  # an array's header is a Python literal, and parsing it can raise anything
        reason = "it holds Python objects" if "allow_pickle" in str(error) else _first_line(error)
        raise InvalidDataset(f"{path} is not a readable .npz file of plain arrays: {reason}.") from error
    for name, array in zip(REQUIRED, loaded, strict=True):
        if not isinstance(array, np.ndarray):  # NumPy returns bytes if the magic of an array is missing
            raise InvalidDataset(f"{name} in {path} is not an array; write the file with numpy.savez.")
    x_train, y_train, x_test, y_test = loaded
    return build_dataset(x_train, y_train, x_test, y_test, source=f"npz:{path.name}", class_names=names)


def _first_line(error: Exception) -> str:
    """An error's message, without the text it quotes from the file."""
    return (str(error).partition("\n")[0][:200] or type(error).__name__).rstrip(".")
