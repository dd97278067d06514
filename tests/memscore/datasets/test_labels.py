"""Labels of every kind become the classes 0 to C - 1, or are refused with a sentence."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from memscore.datasets.labels import Classes, classes_of
from memscore.errors import InvalidDataset

NUMBERS = [0, 2, 1, 0, 2]


def mapped(train: Any, test: Any = (), names: Sequence[str] | None = None) -> Classes:
    y_train = np.asarray(train)
    y_test = np.asarray(test) if len(test) else y_train[:0]
    return classes_of(y_train, y_test, (len(y_train), len(y_test)), names)


@pytest.mark.parametrize(
    ("given", "names", "note"),
    [
        (np.array(NUMBERS), ("0", "1", "2"), None),
        (np.array(NUMBERS, np.uint8), ("0", "1", "2"), None),
        (np.array(NUMBERS) + 1, ("1", "2", "3"), "Labels 1..3 became classes 0..2."),
        (
            np.array([5, 900, 7, 5, 900]),
            ("5", "7", "900"),
            "Labels became classes 0..2 in order: 5 is 0, 7 is 1, 900 is 2.",
        ),
        (np.array(NUMBERS)[:, None], ("0", "1", "2"), None),
        (np.eye(3)[NUMBERS], ("0", "1", "2"), None),
        (np.eye(3, dtype=bool)[NUMBERS], ("0", "1", "2"), None),
        (np.array(["ant", "fly", "cat", "ant", "fly"]), ("ant", "cat", "fly"), "ant is 0, cat is 1, fly is 2."),
        (np.array([b"ant", b"fly", b"cat", b"ant", b"fly"]), ("ant", "cat", "fly"), "ant is 0"),
        (np.array(["ant", "fly", "cat", "ant", "fly"], object), ("ant", "cat", "fly"), "ant is 0"),
    ],
)
def test_labels_of_each_kind_become_the_same_classes(given: np.ndarray, names: tuple[str, ...], note: str | None):
    found = mapped(given)
    assert found.train.tolist() == NUMBERS
    assert found.train.dtype == np.int32
    assert found.names == names
    assert (note in found.notes[0]) if note else found.notes == ()


def test_booleans_and_signs_are_two_classes():
    assert mapped([True, False, True]).names == ("False", "True")
    assert mapped([1, -1, 1]).train.tolist() == [1, 0, 1]


def test_class_names_give_texts_their_order_and_numbers_their_names():
    assert mapped(["fly", "ant", "cat"], ["cat"], ["fly", "cat", "ant"]).train.tolist() == [0, 2, 1]
    assert mapped(["fly", "ant", "cat"], ["cat"], ["fly", "cat", "ant"]).test.tolist() == [1]
    found = mapped([1, 2, 3], [3], ["a", "b", "c"])
    assert (found.train.tolist(), found.test.tolist(), found.names) == ([0, 1, 2], [2], ("a", "b", "c"))


def test_a_note_on_many_labels_stays_short():
    labels = np.arange(0, 2000, 2)
    assert mapped(labels).notes[0].endswith("8 is 4 and so on to 1998, which is 999.")


@pytest.mark.parametrize(
    ("train", "test", "names", "sentence"),
    [
        ([0.0, 1.0], (), None, "y_train has dtype float64; labels must be integers, texts or booleans: if these are"),
        ([0.5, 1.0], (), None, "a number to predict is no class"),
        ([0.0, np.nan], (), None, "y_train has no label (None or NaN) for sample 1; leave out samples without a label"),
        ([np.nan, 1, np.nan], (), None, "y_train has no label (None or NaN) for 2 samples, the first of them 0;"),
        ([0, 1], [0, np.nan], None, "y_test has no label (None or NaN) for sample 1;"),
        ([0.5, np.inf], (), None, "a number to predict is no class"),
        ([0, 1, -1], (), None, "y_train has labels from -1 to 1; number classes from 0"),
        (["a", "b"], ["c"], None, "y_test has the label 'c', which no training sample has"),
        (["a", "b"], [0], None, "give the labels of both in the same form"),
        (["a", "b"], (), ["a", "c"], "a label 'b', which is not among the 2 class names"),
        (["a", "b"], (), ["a", "b", "c"], "No training sample has label 2"),
        ([0, 5], (), ["a", "b", "c"], "y_train has labels from 0 to 5; with 3 classes they must lie in 0..2"),
        ([[1, 0], [1, 1]], (), None, "row 1 is not one-hot"),
        ([[1, 0], [0.5, 0.5]], (), None, "row 1 is not one-hot"),
        (np.array(["a", None, "b"], object), (), None, "y_train has no label (None or NaN) for sample 1;"),
        (np.array(["a", 3], object), (), None, "mixes labels of the types int and str"),
        (np.array(["2001-01-01", "2001-01-02"], "datetime64[D]"), (), None, "y_train has dtype datetime64[D]"),
        (np.arange(65_537), (), None, "at most 65536 classes"),
    ],
)
def test_other_labels_are_refused_with_a_sentence(train: Any, test: Any, names: list[str] | None, sentence: str):
    with pytest.raises(InvalidDataset) as error:
        mapped(train, test, names)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
