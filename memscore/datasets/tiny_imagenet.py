"""Tiny ImageNet: 100,000 training and 10,000 validation images of 200 classes, in colour, 64x64."""

from __future__ import annotations

import os
from pathlib import Path

from memscore.datasets.dataset import Dataset
from memscore.datasets.folder import Sample, load_samples, samples_in
from memscore.datasets.official import named_folder, refuse_more_classes
from memscore.datasets.options import SourceOptions
from memscore.errors import InvalidDataset
from memscore.files import reason

SUBFOLDER = "tiny-imagenet-200"
WANTED = f"the folder {SUBFOLDER} (the content of tiny-imagenet-200.zip from http://cs231n.stanford.edu)"


def load_tiny_imagenet(options: SourceOptions) -> Dataset:
    """x uint8 [n, 64, 64, 3]; the validation images are the test set, since the official test set has no labels.

    Classes are sorted by WordNet id, samples by class, then by file name. Grey images are converted to colour. Raises
    InvalidDataset if files are missing or inconsistent.
    """
    root = named_folder("tiny_imagenet", WANTED, options)
    folder = root if (root / "train").is_dir() else root / SUBFOLDER
    if not folder.is_dir():
        raise InvalidDataset(f"tiny_imagenet is not in {root}: put {WANTED} there, or give its folder with --root.")
    every = sorted({words[0] for _, words in _lines(folder / "wnids.txt", fields=1)})
    refuse_more_classes(options.classes, len(every))
    wnids = every[: options.classes]
    train = samples_in([folder / "train" / wnid / "images" for wnid in wnids])
    test = _validation_samples(folder / "val", wnids, set(every))
    names = {words[0]: words[1] for _, words in _lines(folder / "words.txt", fields=2)}
    return load_samples(
        train,
        test,
        tuple(names.get(wnid, wnid) for wnid in wnids),
        options.described("tiny_imagenet"),
        options,
        root=folder,
        left_out_below=0,
        always_colour=True,
    )


def _validation_samples(folder: Path, wnids: list[str], every: set[str]) -> list[Sample]:
    """The annotated images of the classes, sorted by class, then by file name."""
    annotations = folder / "val_annotations.txt"
    labels: dict[str, int] = {}
    lines = _lines(annotations, fields=2)
    try:
        there = set(os.listdir(folder / "images"))
    except OSError as error:
        raise InvalidDataset(f"The folder {folder / 'images'} cannot be read ({reason(error)}).") from error
    label_of = {wnid: label for label, wnid in enumerate(wnids)}
    for number, (name, wnid, *_) in lines:
        if wnid not in every:
            raise InvalidDataset(f"{annotations}, line {number}: {wnid} is not in wnids.txt.")
        if name not in there:
            raise InvalidDataset(f"{annotations}, line {number}: there is no file {folder / 'images' / name}.")
        if name in labels:
            raise InvalidDataset(f"{annotations}, line {number}: {name} is listed twice.")
        if wnid in label_of:
            labels[name] = label_of[wnid]
    samples = [(folder / "images" / name, label) for name, label in sorted(labels.items(), key=lambda one: one[::-1])]
    without = set(range(len(wnids))) - set(labels.values())
    if without:
        raise InvalidDataset(f"{annotations} lists no image of class {wnids[min(without)]}.")
    return samples


def _lines(path: Path, fields: int) -> list[tuple[int, list[str]]]:
    """The number and tab-separated fields of every line that is not empty. Raises InvalidDataset."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidDataset(f"There is no file {path}; Tiny ImageNet's official layout includes it.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDataset(f"{path} cannot be read ({error}).") from error
    lines = [(number, line.split("\t")) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    for number, words in lines:
        if len(words) < fields:
            raise InvalidDataset(f"{path}, line {number}: there are fewer than {fields} tab-separated fields.")
    if not lines:
        raise InvalidDataset(f"{path} is empty.")
    return lines
