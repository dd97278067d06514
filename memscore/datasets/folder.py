"""Datasets from a folder of image files: DIR/CLASS/*, or DIR/train/CLASS/* with or without a test part."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.images import LEFT_OUT_BELOW, SUFFIXES, Picture, Unreadable, decode
from memscore.datasets.official import refuse_more_classes
from memscore.datasets.options import SourceOptions
from memscore.datasets.wording import NO_TEST_PART, count, listed, was
from memscore.errors import InvalidDataset
from memscore.files import reason

Sample = tuple[Path, int]  # an image file and its label

TRAIN_FOLDERS = ("train", "training")
TEST_FOLDERS = ("test", "testing")
VALIDATION_FOLDERS = ("val", "valid", "validation", "dev")
CLUTTER = ("desktop.ini", "thumbs.db")  # which Windows leaves in folders of images


def load_folder(root: Path, options: SourceOptions) -> Dataset:
    """Read a folder of class folders; samples are sorted by class, then by file name.

    The class folders are in a folder train, beside the test part in a folder test, or else val, or directly in `root`.
    Without a test part, `test_share` of each class becomes the test part, chosen only by name, or there is none. The
    column `file` has the files' paths in `root`. Raises InvalidDataset with the reason.
    """
    train_folder, test_folder, notes = _parts(root)
    names, stray = _class_names(train_folder)
    if test_folder is not None:
        if options.test_share is not None:
            raise InvalidDataset(
                f"{root} has a folder {test_folder.name}; --test-share is for folders without a test part."
            )
        test_names, of_test = _class_names(test_folder)
        stray += of_test
        if test_names != names:
            odd = sorted(set(names) ^ set(test_names))[0]
            raise InvalidDataset(f"{odd} is a class in only one of {train_folder} and {test_folder}; put it in both.")
    if stray:
        notes.append(
            f"{count(len(stray), 'file')} beside the class folders {was(len(stray))} left out: {listed(stray, 10)}."
        )
    refuse_more_classes(options.classes, len(names))
    names = names[: options.classes]
    unusable: list[Unreadable] = []
    train = samples_in([train_folder / name for name in names], unusable)
    test: list[Sample] = []
    if test_folder is not None:
        test = samples_in([test_folder / name for name in names], unusable)
    elif options.test_share is not None:
        train, test = split(train, options.test_share)
        notes.append(
            f"{len(test)} of {len(train) + len(test)} images, {options.test_share:g} of each class, became the test "
            "part, chosen by their names."
        )
    else:
        notes.append(NO_TEST_PART)
    source = options.described(f"folder:{os.path.basename(os.path.abspath(root))}")
    return load_samples(train, test, tuple(names), source, options, root=root, unusable=unusable, notes=notes)


def load_samples(
    train: list[Sample],
    test: list[Sample],
    names: tuple[str, ...],
    source: str,
    options: SourceOptions,
    *,
    root: Path,
    unusable: Sequence[Unreadable] = (),
    left_out_below: float = LEFT_OUT_BELOW,
    notes: Sequence[str] = (),
    always_colour: bool = False,
) -> Dataset:
    """Load a dataset from image files, in their order, with their paths in `root` as the column `file`.

    Files that cannot be read are left out as `images.decode` does. Raises InvalidDataset for files that cannot be used.
    """
    samples = train + test
    read = decode(
        [Picture.of_file(path) for path, _ in samples],
        options.resize,
        always_colour=always_colour,
        unusable=unusable,
        left_out_below=left_out_below,
        track=options.track,
    )
    labels = np.array([samples[index][1] for index in read.kept], np.int64)
    files = np.array([_shown(samples[index][0], root) for index in read.kept], np.str_)
    of_train = read.kept < len(train)
    absent = sorted(set(range(len(names))) - set(labels[of_train].tolist()))
    if absent:
        raise InvalidDataset(f"No training image of the class {names[absent[0]]} can be read; every class needs one.")
    return build_dataset(
        read.images[of_train],
        labels[of_train],
        read.images[~of_train],
        labels[~of_train],
        source=source,
        class_names=names,
        columns=SampleColumns({"file": files[of_train]}, {"file": files[~of_train]}),
        notes=(*notes, *read.notes),
    )


def samples_in(class_folders: list[Path], unusable: list[Unreadable] | None = None) -> list[Sample]:
    """The image files of each folder, sorted by name, labelled with the folder's position.

    Hidden files are skipped; any other file that is no image is added to `unusable`, or refused without it. Raises
    InvalidDataset for a folder without images, and for one that has folders of its own.
    """
    samples: list[Sample] = []
    for label, folder in enumerate(class_folders):
        files: list[Sample] = []
        for path in _visible(folder):
            if path.name.lower() in CLUTTER:
                continue
            if path.is_dir():
                raise InvalidDataset(f"{path} is a folder; put images directly in the folder of their class.")
            why = _not_an_image(path)
            if why is None:
                files.append((path, label))
            elif unusable is None:
                raise InvalidDataset(f"{path} cannot be used ({why}); repair or remove it.")
            else:
                unusable.append(Unreadable(str(path), why))
        if not files:
            raise InvalidDataset(f"{folder} has no images; every class needs at least one.")
        samples += files
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
        number = min(max(round(share * len(own)), 1), len(own) - 1)
        chosen = set(sorted(own, key=lambda sample: _hash(sample[0]))[:number])
        train += [sample for sample in own if sample not in chosen]
        test += [sample for sample in own if sample in chosen]
    return train, test


def _parts(root: Path) -> tuple[Path, Path | None, list[str]]:
    """The folders that hold the class folders of training and test images, and notes. Raises InvalidDataset."""
    if not root.is_dir():
        raise InvalidDataset(f"There is no folder {root}; write folder:DIR with the path of a folder of images.")
    there = {path.name.lower(): path for path in _visible(root) if path.is_dir()}

    def first(names: tuple[str, ...]) -> Path | None:
        return next((there[name] for name in names if name in there), None)

    train, test, validation = first(TRAIN_FOLDERS), first(TEST_FOLDERS), first(VALIDATION_FOLDERS)
    if train is None or _holds_images(train):  # a class may be called train
        known = (*TEST_FOLDERS, *VALIDATION_FOLDERS)
        if not there or set(there) <= set(known):
            raise InvalidDataset(
                f"There are no class folders in {root}; folder:DIR is a folder with CLASS/*, or with train/CLASS/* and "
                "test/CLASS/*."
            )
        return root, None, []
    if test is None and validation is not None:
        return train, validation, [f"The folder {validation.name} is the test part."]
    if test is None or validation is None:
        return train, test, []
    return train, test, [f"The folder {validation.name} was left out, since {test.name} is the test part."]


def _holds_images(folder: Path) -> bool:
    return any(path.suffix.lower() in SUFFIXES and path.is_file() for path in _visible(folder))


def _not_an_image(path: Path) -> str | None:
    """Why a file in a class folder cannot be an image, as a clause; None if it may be one."""
    if not path.is_file():
        return "not a file, perhaps a broken link"
    if path.suffix.lower() not in SUFFIXES:
        return "without the suffix of an image"
    return None


def _shown(path: Path, root: Path) -> str:
    """A file's path in the folder, where bytes that are not UTF-8 are replaced."""
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "replace")


def _hash(path: Path) -> bytes:
    return hashlib.sha256(os.fsencode(f"{path.parent.name}/{path.name}")).digest()


def _class_names(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the class folders, and of the files beside them. Raises InvalidDataset, also for images there."""
    entries = _visible(folder)
    stray = [path for path in entries if not path.is_dir()]
    images = [path for path in stray if path.suffix.lower() in SUFFIXES]
    if images:
        raise InvalidDataset(
            f"{images[0]} is an image beside the class folders; {folder} may only contain a folder for each class."
        )
    names = [path.name for path in entries if path.is_dir()]
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InvalidDataset(f"The name of the folder {str(folder / name)!r} is not UTF-8; rename it.") from error
    if not names:
        raise InvalidDataset(f"{folder} is empty; it must contain a folder for each class.")
    return names, [path.name for path in stray if path.name.lower() not in CLUTTER]


def _visible(folder: Path) -> list[Path]:
    """The content of a folder, sorted by name, without hidden files."""
    try:
        visible = (path for path in folder.iterdir() if not path.name.startswith("."))
        return sorted(visible, key=lambda path: path.name)
    except OSError as error:
        raise InvalidDataset(f"The folder {folder} cannot be read ({reason(error)}).") from error
