"""CIFAR-10 and CIFAR-100: 50,000 training and 10,000 test images in 10 or 100 classes, in colour, 32x32.

The official files are pickles, so they are read only if their MD5 is the published one.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.official import OfficialFiles, keep_classes, locate
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset
from memscore.files import reason

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10


def load_cifar10(options: SourceOptions) -> Dataset:
    """x uint8 [n, 32, 32, 3] in the official order. Raises InvalidDataset if files are missing or not the published."""
    from torchvision.datasets import CIFAR10

    return _load("cifar10", CIFAR10, options)


def load_cifar100(options: SourceOptions) -> Dataset:
    """As `load_cifar10`, with the hundred fine classes."""
    from torchvision.datasets import CIFAR100

    return _load("cifar100", CIFAR100, options)


def _load(name: str, official: type[CIFAR10], options: SourceOptions) -> Dataset:
    """Read or download the files of one of torchvision's dataset classes.

    Unpickling can execute any code, so a file whose MD5 is not the published one is refused without reading it.
    """
    published = _published(official)
    files = OfficialFiles(
        name,
        subfolder=official.base_folder,
        wanted=f"{', '.join(published)} (the content of {official.filename})",
        count=len(published),
        missing=lambda folder: [file for file in published if not (folder / file).is_file()],
        download=lambda scratch: _download(official, scratch),
    )
    folder = locate(files, options)
    refuse_unpublished(folder, published)
    # The same class for files directly in the folder; it checks every MD5 again before unpickling.
    here = type(official.__name__, (official,), {"base_folder": ""})
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", np.exceptions.VisibleDeprecationWarning
        )  # NumPy 2.4.0 to 2.4.4, for pickles from Python 2
        train, test = here(folder, train=True), here(folder, train=False)
    dataset = build_dataset(
        train.data,
        np.asarray(train.targets),
        test.data,
        np.asarray(test.targets),
        source=options.described(name),
        class_names=tuple(train.classes),
    )
    return keep_classes(dataset, options.classes)


def refuse_unpublished(folder: Path, published: dict[str, str]) -> None:
    """Raise InvalidDataset if a file does not have its published MD5."""
    from torchvision.datasets.utils import check_integrity

    for file, md5 in published.items():
        try:
            genuine = check_integrity(folder / file, md5)
        except OSError as error:
            raise InvalidDataset(f"{folder / file} cannot be read ({reason(error)}).") from error
        if not genuine:
            raise InvalidDataset(
                f"{folder / file} is not the published file (its MD5 is not {md5}), so it is not unpickled; "
                "download it again."
            )


def _published(official: type[CIFAR10]) -> dict[str, str]:
    """File names with their MD5."""
    batches = [*official.train_list, *official.test_list]
    return {**dict(batches), official.meta["filename"]: official.meta["md5"]}


def _download(official: type[CIFAR10], scratch: Path) -> Path:
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(official.url, scratch, filename=official.filename, md5=official.tgz_md5)
    return scratch / official.base_folder
