"""Copies of images that were put among others on purpose."""

import numpy as np
import pytest

from memscore.scores import duplicates
from memscore.scores.duplicates import near_duplicates


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (80, 40, 36, 3), np.uint8)
    y = (np.arange(80) % 4).astype(np.int32)
    return x[:60].copy(), y[:60].copy(), x[60:].copy(), y[60:].copy()


def test_nothing_is_found_where_there_are_no_copies(images):
    assert near_duplicates(*images) == []


def test_equal_near_and_mirrored_copies_are_found(images):
    x_train, y_train, x_test, y_test = images
    x_test[3], y_test[3] = x_train[7], y_train[7]
    x_test[4], y_test[4] = x_train[9], (y_train[9] + 1) % 4  # equal, with another label
    x_test[5], y_test[5] = x_train[11] // 2 + 60, y_train[11]  # paler
    x_test[6], y_test[6] = x_train[12][:, ::-1], y_train[12]
    x_train[41], y_train[41] = x_train[1], y_train[1]
    x_train[42], y_train[42] = x_train[2][:, ::-1] // 2, y_train[2]
    found = near_duplicates(*images)
    assert [(one.split, one.index, one.other, one.kind) for one in found] == [
        ("test", 7, 3, "equal"),
        ("test", 9, 4, "equal"),
        ("test", 11, 5, "near"),
        ("test", 12, 6, "mirrored"),
        ("train", 1, 41, "equal"),
        ("train", 2, 42, "mirrored"),
    ]
    assert [one.label == one.other_label for one in found] == [True, False, True, True, True, True]
    assert all(0.995 <= one.correlation <= 1 for one in found)
    assert all(np.isnan([one.mem, one.infl]).all() for one in found)


def test_the_size_of_portions_does_not_matter(images, monkeypatch: pytest.MonkeyPatch):
    images[0][30:50] = images[0][:20]
    images[1][30:50] = images[1][:20]
    whole = [(one.index, one.other, one.kind) for one in near_duplicates(*images)]
    assert len(whole) == 20
    monkeypatch.setattr(duplicates, "ROWS", 3)
    assert [(one.index, one.other, one.kind) for one in near_duplicates(*images)] == whole


def test_uniform_images_are_copies_only_if_equal(images):
    images[0][[4, 8]] = 7
    images[0][12] = 9
    assert [(one.index, one.other) for one in near_duplicates(*images)] == [(4, 8)]
