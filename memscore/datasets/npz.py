"""Datasets from a NumPy file: x_train, y_train, and optionally x_test, y_test, class_names and columns of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from memscore.datasets.columns import Column, SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.errors import InvalidDataset

TRAIN = ("x_train", "y_train")
TEST = ("x_test", "y_test")
NAMES = ("class_names", "feature_names")


def load_npz(path: Path, test_share: float | None = None) -> Dataset:
    """Read and validate an .npz file without unpickling.

    An array NAME_train, and NAME_test, of one value a sample becomes the column NAME: id_train, text_train and so on.
    Without x_test and y_test, `test_share` of each class becomes the test part, or there is none. Raises InvalidDataset
    with the reason.
    """
    loaded = read_npz(path)
    required = (*TRAIN, *TEST) if any(name in loaded for name in TEST) else TRAIN
    if missing := [name for name in required if name not in loaded]:
        needed = f"it must contain {', '.join(TRAIN)}, and {' and '.join(TEST)} if there is a test part"
        raise InvalidDataset(f"{path} lacks {', '.join(missing)}; {needed}.")
    class_names, feature_names = (
        tuple(str(one) for one in loaded[name].ravel()) if name in loaded else None for name in NAMES
    )
    x_test, y_test = (loaded.get(name) for name in TEST)
    samples, of_test = (0 if one is None else np.atleast_1d(one).shape[0] for one in (loaded["x_train"], x_test))
    return build_dataset(
        loaded["x_train"],
        loaded["y_train"],
        x_test,
        y_test,
        source=f"npz:{path.name}",
        class_names=class_names,
        columns=SampleColumns(_columns(loaded, "_train", TRAIN), _columns(loaded, "_test", TEST)),
        test_share=test_share,
        feature_names=feature_names,
        places=(np.arange(samples), np.arange(samples, samples + of_test)),
    )


def read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays in an .npz file that a dataset is made of, by name. Raises InvalidDataset with the reason."""
    if not path.is_file():
        raise InvalidDataset(f"There is no file {path}; write npz:FILE with the path of an .npz file.")
    try:
        with path.open("rb") as file, NpzFile(file, allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files if _wanted(name)}
    except Exception as error:  # an array's header is a Python literal, and parsing it can raise anything
        reason = "it holds Python objects" if "allow_pickle" in str(error) else _first_line(error)
        raise InvalidDataset(f"{path} is not a readable .npz file of plain arrays: {reason}.") from error
    for name, array in loaded.items():
        if not isinstance(array, np.ndarray):  # NumPy returns bytes if the magic of an array is missing
            raise InvalidDataset(f"{name} in {path} is not an array; write the file with numpy.savez.")
    return loaded


def _wanted(name: str) -> bool:
    return name in NAMES or name.endswith(("_train", "_test"))


def _columns(loaded: dict[str, npt.NDArray[Any]], ending: str, but: tuple[str, ...]) -> dict[str, Column]:
    """The arrays that describe the samples of one part."""
    return {name.removesuffix(ending): loaded[name] for name in loaded if name.endswith(ending) and name not in but}


def _first_line(error: Exception) -> str:
    """An error's message, without the text it quotes from the file."""
    return (str(error).partition("\n")[0][:200] or type(error).__name__).rstrip(".")
