"""IDX files, the format of MNIST and Fashion-MNIST: https://yann.lecun.com/exdb/mnist (bottom of the page)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from memscore.counted import counted
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.official import OfficialFiles, keep_classes, locate
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
UNSIGNED_BYTES = 8  # the code of the element type in the header


def load_idx_dataset(name: str, official: str, class_names: tuple[str, ...], options: SourceOptions) -> Dataset:
    """Read the four IDX files, plain or .gz, or download those of torchvision's class `official`.

    Only the download needs torchvision.
    """
    files = OfficialFiles(
        name,
        subfolder=f"{official}/raw",
        wanted=", ".join(f"{file}.gz" for file in FILES) + " (or the same without .gz)",
        count=len(FILES),
        missing=lambda folder: [file for file in FILES if not _file(folder, file).is_file()],
        download=lambda scratch: _download(official, scratch),
    )
    folder = locate(files, options)
    x_train, y_train, x_test, y_test = (read_idx(_file(folder, file)) for file in FILES)
    described = options.described(name)
    dataset = build_dataset(x_train, y_train, x_test, y_test, source=described, class_names=class_names)
    return keep_classes(dataset, options.classes)


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes, gzipped if the name ends in .gz. Raises InvalidDataset."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            zeros, kind, dimensions = struct.unpack(">HBB", file.read(4))
            if zeros != 0 or kind != UNSIGNED_BYTES:
                raise InvalidDataset(f"{path} is not an IDX file of unsigned bytes.")
            shape = struct.unpack(f">{dimensions}I", file.read(4 * dimensions))
            content = file.read(math.prod(shape) + 1)  # one more, to detect trailing bytes
    except (OSError, EOFError, zlib.error, struct.error, OverflowError, MemoryError) as error:
        raise InvalidDataset(f"{path} is damaged or truncated ({error}); download it again.") from error
    if len(content) != math.prod(shape):
        raise InvalidDataset(
            f"{path} is damaged or truncated: its header announces {counted(math.prod(shape), 'byte')}, but there are "
            f"{'more' if len(content) > math.prod(shape) else len(content)}; download it again."
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _file(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.is_file() else folder / f"{name}.gz"


def _download(official: str, scratch: Path) -> Path:
    from torchvision import datasets
    from torchvision.datasets.utils import download_url

    published: type[datasets.MNIST] = getattr(datasets, official)
    for name, md5 in published.resources:
        for mirror in published.mirrors:
            try:
                download_url(f"{mirror}{name}", scratch, filename=name, md5=md5)
                break
            except (OSError, RuntimeError):
                if mirror == published.mirrors[-1]:
                    raise
    return scratch
