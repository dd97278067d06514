"""A dataset: training and test images with labels in a fixed order, identified by a fingerprint."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Images, Labels
from memscore.counted import counted
from memscore.errors import InvalidDataset

MAX_CLASSES = 65_536
MIN_TRAIN_SAMPLES = 10  # a block of ten trials holds each out in turn


@dataclass(frozen=True)
class Dataset:
    """Validated arrays in a fixed order.

    x_train uint8 [n, H, W, C], y_train int32 [n], x_test uint8 [q, H, W, C], y_test int32 [q]; one class
    name per label. `source` describes the origin; `clean_labels` int32 [n] is set if labels were flipped on
    purpose.
    """

    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    class_names: tuple[str, ...]
    source: str
    clean_labels: Labels | None = None

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def flipped(self) -> npt.NDArray[np.bool_]:
        """Mask of the training labels that were flipped on purpose, bool [n]."""
        if self.clean_labels is None:
            return np.zeros(len(self.y_train), np.bool_)
        return self.y_train != self.clean_labels

    @property
    def fingerprint(self) -> str:
        """SHA-256 over images and labels in order; class names and source do not count."""
        state = hashlib.sha256(b"memscore dataset 1")
        for array in (self.x_train, self.y_train, self.x_test, self.y_test):
            state.update(f"{array.dtype.str}{array.shape}".encode())
            state.update(np.ascontiguousarray(array).data)
        return state.hexdigest()


def build_dataset(
    x_train: npt.NDArray[Any],
    y_train: npt.NDArray[Any],
    x_test: npt.NDArray[Any],
    y_test: npt.NDArray[Any],
    *,
    source: str,
    class_names: tuple[str, ...] | None = None,
) -> Dataset:
    """Validate a user's arrays and convert them to the types of `Dataset`.

    Images are uint8 [n, H, W, C] or [n, H, W]; labels have any integer type, from 0 to the number of classes
    minus one, and each class occurs in the training set. Raises InvalidDataset with the reason.
    """
    train, test = _images("x_train", x_train), _images("x_test", x_test)
    if train.shape[1:] != test.shape[1:]:
        raise InvalidDataset(
            f"x_train has images of shape {train.shape[1:]} and x_test of {test.shape[1:]}; give both the same shape."
        )
    train_labels = _labels("y_train", y_train, "x_train", len(train))
    test_labels = _labels("y_test", y_test, "x_test", len(test))
    classes = int(train_labels.max()) + 1 if class_names is None else len(class_names)
    if classes > MAX_CLASSES:
        raise InvalidDataset(f"y_train has labels up to {classes - 1}; at most {MAX_CLASSES} classes are possible.")
    for name, labels in (("y_train", train_labels), ("y_test", test_labels)):
        if labels.min() < 0 or labels.max() >= classes:
            raise InvalidDataset(
                f"{name} has labels from {labels.min()} to {labels.max()}; with {counted(classes, 'class')} they must "
                f"lie in 0..{classes - 1}."
            )
    if classes < 2 or len(train_labels) < MIN_TRAIN_SAMPLES:
        raise InvalidDataset(
            f"There are {counted(len(train_labels), 'training sample')} of {counted(classes, 'class')}; at least "
            f"{MIN_TRAIN_SAMPLES} samples and two classes are needed."
        )
    absent = np.flatnonzero(np.bincount(train_labels, minlength=classes) == 0)
    if len(absent):
        raise InvalidDataset(f"No training sample has label {absent[0]}; number the classes 0..C-1 without gaps.")
    names = class_names or tuple(str(label) for label in range(classes))
    return Dataset(train, train_labels, test, test_labels, names, source)


def _images(name: str, images: npt.NDArray[Any]) -> Images:
    if images.dtype != np.uint8:
        raise InvalidDataset(f"{name} has dtype {images.dtype}; images must be uint8, 0 to 255.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or 0 in images.shape:
        raise InvalidDataset(f"{name} has shape {images.shape}; images must be [n, H, W] or [n, H, W, C], not empty.")
    return np.ascontiguousarray(images)


def _labels(name: str, labels: npt.NDArray[Any], images_name: str, count: int) -> Labels:
    if labels.dtype.kind not in "iu":
        raise InvalidDataset(f"{name} has dtype {labels.dtype}; labels must be integers.")
    if labels.shape != (count,):
        raise InvalidDataset(
            f"{name} has shape {labels.shape}, but {images_name} has {counted(count, 'image')}; give one label per "
            "image."
        )
    if labels.max() > np.iinfo(np.int32).max or labels.min() < np.iinfo(np.int32).min:
        raise InvalidDataset(f"{name} has labels that do not fit 32 bits; number the classes 0..C-1.")
    return labels.astype(np.int32)
