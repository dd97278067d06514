"""Datasets from a folder of image files: train/CLASS/* and test/CLASS/*."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

import numpy as np

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.images import SUFFIXES, common_shape, read_images
from memscore.datasets.official import refuse_more_classes
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset
from memscore.files import reason

Sample = tuple[Path, int]  # an image file and its label


def load_folder(root: Path, options: SourceOptions) -> Dataset:
    """Read a folder of class folders; samples are sorted by class, then by file name.

    Without a folder test, `test_share` of each class becomes the test set, chosen only by name. Raises InvalidDataset
    with the reason.
    """
    train_folder, test_folder = root / "train", root / "test"
    if not train_folder.is_dir():
        raise InvalidDataset(
            f"There is no folder {train_folder}; folder:DIR is a folder with train/CLASS/* and test/CLASS/*."
        )
    names = _class_names(train_folder)
    if test_folder.is_dir():
        if options.test_share is not None:
            raise InvalidDataset(f"{root} has a folder test; --test-share is for folders without one.")
        if _class_names(test_folder) != names:
            odd = sorted(set(names) ^ set(_class_names(test_folder)))[0]
            raise InvalidDataset(f"{odd} is a class in only one of {train_folder} and {test_folder}; put it in both.")
    elif options.test_share is None:
        raise InvalidDataset(f"There is no folder {test_folder}; create it, or give --test-share, such as 0.2.")
    refuse_more_classes(options.classes, len(names))
    names = names[: options.classes]
    train = samples_in([train_folder / name for name in names])
    if options.test_share is None:
        test = samples_in([test_folder / name for name in names])
    else:
        train, test = split(train, options.test_share)
    return load_samples(
        train,
        test,
        tuple(names),
        options.described(f"folder:{os.path.basename(os.path.abspath(root))}"),
        options,
    )


def load_samples(
    train: list[Sample],
    test: list[Sample],
    names: tuple[str, ...],
    source: str,
    options: SourceOptions,
    *,
    always_colour: bool = False,
) -> Dataset:
    """Load a dataset from image files, in their order. Raises InvalidDataset for files that cannot be used."""
    paths, labels = [path for path, _ in train + test], np.array([label for _, label in train + test])
    shape = common_shape(paths, options.resize, always_colour=always_colour, track=options.track)
    images = read_images(paths, shape, options.resize, options.track)
    count = len(train)
    return build_dataset(
        images[:count], labels[:count], images[count:], labels[count:], source=source, class_names=names
    )


def samples_in(class_folders: list[Path]) -> list[Sample]:
    """The image files of each folder, sorted by name, labelled with the folder's position.

    Hidden files are skipped; any other file without an image suffix is refused, and so is an empty folder.
    """
    samples: list[Sample] = []
    for label, folder in enumerate(class_folders):
        files = _visible(folder)
        for path in files:
            if not path.is_file():
                kind = "a folder" if path.is_dir() else "not a file (a broken link?)"
                raise InvalidDataset(f"{path} is {kind}; put images directly in the folder of their class.")
            if path.suffix.lower() not in SUFFIXES:
                raise InvalidDataset(
                    f"{path} has no image suffix; move it elsewhere, or convert it to one of {', '.join(SUFFIXES)}."
                )
        if not files:
            raise InvalidDataset(f"{folder} has no images; every class needs at least one.")
        samples += [(path, label) for path in files]
    return samples


def split(samples: list[Sample], share: float) -> tuple[list[Sample], list[Sample]]:
    """Split into training and test samples: in each class of n, the round(share * n) smallest hashes are for testing.

    The hash is SHA-256 of CLASS/NAME, so the split depends only on names, and adding or removing a file moves few
    others. Each class keeps at least one sample on each side; raises InvalidDataset for a class with only one.
    """
    train: list[Sample] = []
    test: list[Sample] = []
    for _, group in itertools.groupby(samples, key=lambda sample: sample[1]):
        own = list(group)
        if len(own) < 2:
            raise InvalidDataset(f"{own[0][0].parent} has only one image; --test-share needs two in each class.")
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        chosen = set(sorted(own, key=lambda sample: _hash(sample[0]))[:count])
        train += [sample for sample in own if sample not in chosen]
        test += [sample for sample in own if sample in chosen]
    return train, test


def _hash(path: Path) -> bytes:
    return hashlib.sha256(os.fsencode(f"{path.parent.name}/{path.name}")).digest()


def _class_names(folder: Path) -> list[str]:
    entries = _visible(folder)
    for path in entries:
        if not path.is_dir():
            raise InvalidDataset(f"{path} is not a folder; {folder} may only contain a folder for each class.")
        try:
            path.name.encode()
        except UnicodeEncodeError as error:
            raise InvalidDataset(f"The name of the folder {str(path)!r} is not UTF-8; rename it.") from error
    if not entries:
        raise InvalidDataset(f"{folder} is empty; it must contain a folder for each class.")
    return [path.name for path in entries]


def _visible(folder: Path) -> list[Path]:
    """The content of a folder, sorted by name, without hidden files."""
    try:
        visible = (path for path in folder.iterdir() if not path.name.startswith("."))
        return sorted(visible, key=lambda path: path.name)
    except OSError as error:
        raise InvalidDataset(f"The folder {folder} cannot be read ({reason(error)}).") from error
