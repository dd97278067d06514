"""A dataset: training and test samples with labels in a fixed order, identified by a fingerprint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from memscore.arrays import Indices, Labels, Samples
from memscore.counted import counted
from memscore.datasets.columns import SampleColumns, Split, checked
from memscore.datasets.features import Scaling, standardized_features
from memscore.datasets.forgotten import NONE, Forgotten
from memscore.datasets.image_arrays import images_of
from memscore.datasets.labels import classes_of
from memscore.datasets.leakage import telling
from memscore.errors import Conflict, InvalidDataset
from memscore.study.randomness import random_order
from memscore.texts import fault_of, harmless

LONGEST_NAME = 500  # of a class
MIN_TRAIN_SAMPLES = 10  # a block of ten trials holds each out in turn

Kind = Literal["images", "features"]
NO_COLUMNS = SampleColumns()
IDENTIFYING = ("id", "file", "text", "group", "thumbnail")  # columns that may tell who a sample is
SPLITS: tuple[Split, ...] = ("train", "test")
ROWS = 4096  # samples hashed at once where some are taken for zeros


@dataclass(frozen=True)
class Dataset:
    """Validated arrays in a fixed order.

    x_train and x_test are either images, uint8 [n, H, W, C] and [q, H, W, C], or standardized features, float32 [n, d]
    and [q, d]; y_train int32 [n] and y_test int32 [q]; one class name per label. q is 0 without a test part. `source`
    describes the origin; `clean_labels` int32 [n] is set if labels were flipped on purpose. `columns` describe single
    samples; `notes` are sentences on what reading changed, skipped or found; `scaling` is how features were
    standardized. Samples that are `forgotten` are zeros without columns; `registered_as` is then the fingerprint that
    the dataset had with them. `places` are the rows of a table or an archive that the training and the test samples
    were read from, known only while they are being read.
    """

    x_train: Samples
    y_train: Labels
    x_test: Samples
    y_test: Labels
    class_names: tuple[str, ...]
    source: str
    clean_labels: Labels | None = None
    columns: SampleColumns = NO_COLUMNS
    notes: tuple[str, ...] = ()
    scaling: Scaling | None = None
    forgotten: Forgotten = NONE
    registered_as: str | None = None
    places: tuple[Indices, Indices] | None = None

    @property
    def kind(self) -> Kind:
        """Whether the samples are images or features."""
        return kind_of(self.x_train.shape[1:])

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
        """SHA-256 over samples and labels in order; class names, source, columns and notes do not count.

        A dataset keeps its fingerprint when samples of it are forgotten.
        """
        return self.digest() if self.registered_as is None else self.registered_as

    def digest(self, without: Forgotten = NONE) -> str:
        """The fingerprint of the arrays as they are, with zeros for the samples `without`."""
        state = hashlib.sha256(b"memscore dataset 1")
        samples = ((self.x_train, without.train), (self.y_train, ()), (self.x_test, without.test), (self.y_test, ()))
        for array, blank in samples:
            state.update(f"{array.dtype.str}{array.shape}".encode())
            if not blank:
                state.update(np.ascontiguousarray(array).data if array.size else b"")
                continue
            for first in range(0, len(array), ROWS):
                part = np.array(array[first : first + ROWS])
                part[[index - first for index in blank if first <= index < first + ROWS]] = 0
                state.update(part.data)
        return state.hexdigest()

    def blanked(self, forgotten: Forgotten) -> Dataset:
        """The dataset after samples of it were forgotten: zeros in their places, and nothing in their columns."""
        x_train, x_test = np.array(self.x_train), np.array(self.x_test)
        x_train[list(forgotten.train)] = 0
        x_test[list(forgotten.test)] = 0
        return replace(
            self,
            x_train=x_train,
            x_test=x_test,
            columns=self.columns.blanked(forgotten.train, forgotten.test),
            notes=without_names(self.notes, self.columns, forgotten),
            forgotten=forgotten,
            registered_as=self.fingerprint,
        )

    def without(self, samples: Forgotten, fingerprint: str) -> Dataset:
        """The dataset of this fingerprint, with the same arrays, in which these samples count as forgotten too."""
        return replace(self, forgotten=self.forgotten | samples, registered_as=fingerprint) if samples else self

    def require_whole(self, name: str) -> None:
        """Raises Conflict if samples were forgotten: what is trained now would see other data than the fingerprint."""
        if self.forgotten:
            raise Conflict(refused(name, len(self.forgotten)))

    def select(self, train: npt.NDArray[Any] | slice, test: npt.NDArray[Any] | slice) -> Dataset:
        """The dataset of the samples in two index arrays or masks. Features keep the scaling of the whole."""
        gone_train, gone_test = np.zeros(len(self.y_train), np.bool_), np.zeros(len(self.y_test), np.bool_)
        gone_train[list(self.forgotten.train)] = True
        gone_test[list(self.forgotten.test)] = True
        return replace(
            self,
            x_train=self.x_train[train],
            y_train=self.y_train[train],
            x_test=self.x_test[test],
            y_test=self.y_test[test],
            clean_labels=None if self.clean_labels is None else self.clean_labels[train],
            columns=self.columns.select(train, test),
            forgotten=Forgotten.of(
                np.flatnonzero(gone_train[train]).tolist(), np.flatnonzero(gone_test[test]).tolist()
            ),
            registered_as=None,
            places=None if self.places is None else (self.places[0][train], self.places[1][test]),
        )


def refused(name: str, forgotten: int) -> str:
    """Why nothing more is trained on a dataset, as a sentence that says what to do."""
    was = "sample was" if forgotten == 1 else "samples were"
    return (
        f"Nothing more is trained on dataset {name!r}, since {forgotten:,} of its {was} removed on request, and its "
        "scores stay as they are; to train on the rest, write that and add it under another name: memscore datasets "
        f"export {name} --output FILE"
    )


def without_names(notes: Sequence[str], columns: SampleColumns, forgotten: Forgotten) -> tuple[str, ...]:
    """The notes, except those that name a forgotten sample."""
    names = {
        str(columns.part(split)[column][index]).strip()
        for split in SPLITS
        for column in columns.part(split)
        if column in IDENTIFYING
        for index in forgotten.part(split)
    } - {""}
    named = [re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for name in names]
    return tuple(note for note in notes if not any(one.search(note) for one in named))


def kind_of(shape: Sequence[int]) -> Kind:
    """Whether samples of this shape are images, [H, W, C], or features, [d]."""
    return "images" if len(shape) == 3 else "features"


def build_dataset(
    x_train: npt.NDArray[Any],
    y_train: npt.NDArray[Any],
    x_test: npt.NDArray[Any] | None = None,
    y_test: npt.NDArray[Any] | None = None,
    *,
    source: str,
    class_names: Sequence[str] | None = None,
    columns: SampleColumns = NO_COLUMNS,
    notes: Sequence[str] = (),
    test_share: float | None = None,
    seed: int = 0,
    feature_names: Sequence[str] | None = None,
    places: tuple[Indices, Indices] | None = None,
) -> Dataset:
    """Validate a user's arrays and convert them to the types of `Dataset`; `notes` gain a sentence for each conversion.

    Images are [n, H, W], [n, H, W, C] or, where that is unambiguous, [n, C, H, W]: uint8, uint16, floats in [0, 1] or
    [0, 255], or booleans (`image_arrays`). Features are numbers [n, d] (`features`). Labels are integers with or
    without gaps, texts, booleans or one-hot rows (`labels`); each class occurs in the training set. `columns` describe
    the samples as they are given. Without x_test and y_test, `test_share` of each class becomes the test part, chosen
    by `seed` and position, or none does if it is None. `places` are where the samples given were read from. Raises
    InvalidDataset with the reason.
    """
    if (x_test is None) != (y_test is None):
        given, absent = ("y_test", "x_test") if x_test is None else ("x_test", "y_test")
        raise InvalidDataset(f"There is {given} but no {absent}; give both, or neither.")
    x_train, y_train = _array("x_train", x_train), _array("y_train", y_train)
    if x_train.ndim < 2 or 0 in x_train.shape:
        raise InvalidDataset(
            f"x_train has shape {x_train.shape}; images must be [n, H, W] or [n, H, W, C], features [n, d], not empty."
        )
    if x_test is None or y_test is None:
        x_test, y_test = x_train[:0], y_train[:0]
    elif test_share is not None:
        raise InvalidDataset("There is a test part; a share of the samples for testing is for data without one.")
    x_test, y_test = _array("x_test", x_test), _array("y_test", y_test)
    classes = classes_of(y_train, y_test, (len(x_train), len(x_test)), class_names)
    for name in classes.names:
        fault = fault_of(name, LONGEST_NAME)
        if fault is not None:
            raise InvalidDataset(f"The class name {harmless(name)[:100]!r} {fault}; give the class another name.")
    require_distinct(classes.names)
    train_samples, known = len(classes.train), len(classes.names)
    if known < 2 or train_samples < MIN_TRAIN_SAMPLES:
        raise InvalidDataset(
            f"There are {counted(train_samples, 'training sample')} of {counted(known, 'class')}; at least "
            f"{MIN_TRAIN_SAMPLES} samples and two classes are needed."
        )
    columns, cut = checked(columns, len(x_train), len(x_test))
    said = [*notes, *classes.notes, *cut]
    y_of_train, y_of_test = classes.train, classes.test
    if test_share is not None:
        train, test, split = _split(classes.train, test_share, seed)
        places = None if places is None else (places[0][train], places[0][test])
        x_train, x_test, columns = x_train[train], x_train[test], columns.split(train, test)
        y_of_train, y_of_test = classes.train[train], classes.train[test]
        said.append(split)
    if x_train.ndim != x_test.ndim:
        raise InvalidDataset(
            f"x_train has samples of shape {x_train.shape[1:]} and x_test of {x_test.shape[1:]}; give both the same "
            "shape."
        )
    scaling = None
    if x_train.ndim == 2:
        samples, test_samples, scaling, changed = standardized_features(x_train, x_test, feature_names)
        changed += telling(samples, y_of_train, scaling.columns, feature_names)
    else:
        samples, test_samples, changed = images_of(x_train, x_test)
    return Dataset(
        samples,
        y_of_train,
        test_samples,
        y_of_test,
        tuple(classes.names),
        source,
        columns=columns,
        notes=(*said, *changed),
        scaling=scaling,
        places=places,
    )


def require_distinct(names: Sequence[str]) -> None:
    """Raises InvalidDataset unless each class can be told from the others by its name, in one line of a table."""
    seen: dict[str, int] = {}
    for label, name in enumerate(names):
        if not name.strip():
            raise InvalidDataset(f"The name of class {label} is empty; give each class a name.")
        if len(name.splitlines()) > 1 or name.splitlines()[0] != name:
            raise InvalidDataset(f"The class name {name[:100]!r} has a line break; give the class another name.")
        if name in seen:
            raise InvalidDataset(f"Classes {seen[name]} and {label} are both named {name!r}; give each its own name.")
        seen[name] = label


def _array(name: str, values: Any) -> npt.NDArray[Any]:
    """The values as an array with at least one axis. Raises InvalidDataset for rows of different lengths."""
    try:
        array: npt.NDArray[Any] = np.asarray(values)
    except ValueError as error:
        raise InvalidDataset(
            f"{name} is not an array: its rows differ in length or kind; give all the same."
        ) from error
    return array if array.ndim else array[None]


def _split(labels: Labels, share: float, seed: int) -> tuple[Indices, Indices, str]:
    """The training samples and the round(share * n) of each class of n for testing, ascending, and a note."""
    if not 0 < share < 1:
        raise InvalidDataset(f"The share of samples for testing must be between 0 and 1, not {share:g}.")
    order = random_order(len(labels), "test part", seed)
    chosen = np.zeros(len(labels), np.bool_)
    single = 0
    for label in range(int(labels.max()) + 1):
        own = order[labels[order] == label]
        single += len(own) == 1
        chosen[own[: min(max(round(share * len(own)), 1), len(own) - 1)]] = True
    train, test = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    if len(train) < MIN_TRAIN_SAMPLES:
        raise InvalidDataset(
            f"Only {len(train)} samples would be left for training; at least {MIN_TRAIN_SAMPLES} are needed."
        )
    note = f"{len(test)} of {len(labels)} samples, {share:g} of each class, became the test part."
    if single:
        note = f"{note[:-1]}; {single} {'class has' if single == 1 else 'classes have'} one sample and none there."
    return train, test, note
