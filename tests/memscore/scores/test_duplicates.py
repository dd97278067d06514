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


def clusters(random: np.random.Generator, count: int, *shape: int) -> np.ndarray:
    """Images of smooth shapes in few clusters, so that many pairs are close to the threshold."""
    centres = np.cumsum(random.normal(0, 25, (5, *shape)), axis=1) + 128
    noise = random.normal(0, 1, (count, *shape)) * random.choice([1, 3, 6, 12], (count, *[1] * len(shape)))
    return np.clip(centres[np.arange(count) % 5] + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(9, 7, 1), (32, 32, 3), (5, 40, 1), (3, 3, 70)])
def test_all_pairs_of_images_that_correlate_are_found_whatever_their_labels(shape: tuple[int, int, int]):
    random = np.random.default_rng(0)
    x, x_test = clusters(random, 60, *shape), clusters(random, 20, *shape)
    y, y_test = (random.integers(0, 3, len(one)).astype(np.int32) for one in (x, x_test))
    found = {(one.split, one.index, one.other): one.correlation for one in near_duplicates(x, y, x_test, y_test)}

    def correlated(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.corrcoef(first.reshape(len(first), -1), second.reshape(len(second), -1))[: len(first), len(first) :]

    expected: dict[tuple[str, int, int], float] = {}
    for split, others in (("train", x), ("test", x_test)):
        for mine in (x, x[:, :, ::-1]):
            matrix = correlated(mine, others)
            for i, j in zip(*np.nonzero(matrix >= 0.995), strict=True):
                if split == "test" or i < j:
                    expected.setdefault((split, int(i), int(j)), float(matrix[i, j]))
    assert len(expected) > 20
    assert found.keys() == expected.keys()
    assert all(abs(found[key] - expected[key]) < 1e-9 for key in expected)


def test_all_pairs_of_features_that_are_close_are_found_whatever_their_labels():
    random = np.random.default_rng(0)
    centres = random.normal(size=(8, 100))
    x = (centres[np.arange(80) % 8] + random.normal(size=(80, 100)) * random.choice([0.03, 0.07, 0.1], (80, 1))).astype(
        np.float32
    )
    x[11] = 3 * x[3]  # in the same direction, and no copy
    y = random.integers(0, 3, 80).astype(np.int32)
    found = {(one.index, one.other) for one in near_duplicates(x, y, x[:0], y[:0])}
    products, squares = x @ x.T, np.square(x).sum(axis=1)
    close = 2 * products / (squares[:, None] + squares)
    expected = {(int(i), int(j)) for i, j in zip(*np.nonzero(close >= 0.995), strict=True) if i < j}
    assert len(expected) > 20
    assert found == expected


def test_of_equal_samples_the_first_alone_is_compared_with_others(images):
    x_train, y_train, x_test, y_test = images
    x_train[[10, 20]] = x_train[0]
    x_train[30] = x_train[0] // 2 + 60
    found = near_duplicates(x_train, y_train, x_test, y_test)
    assert [(one.index, one.other, one.kind) for one in found] == [(0, 10, "equal"), (0, 20, "equal"), (0, 30, "near")]
    equal = near_duplicates(x_train, y_train, x_test, y_test, near=False)
    assert [(one.index, one.other) for one in equal] == [(0, 10), (0, 20)]


def planted(columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [60, columns], of which 50 to 54 equal 0 to 4 and 55 to 59 differ from 5 to 9 by 1 % noise."""
    random = np.random.default_rng(1)
    x = random.normal(size=(60, columns)).astype(np.float32)
    x[50:55] = x[:5]
    x[55:60] = x[5:10] + 0.01 * random.normal(size=(5, columns)).astype(np.float32)
    return x, (np.arange(60) % 5).astype(np.int32)


def test_equal_and_near_features_are_found_and_no_others():
    x, labels = planted(64)
    found = near_duplicates(x, labels, x[:3], labels[:3])
    pairs = {(one.split, one.index, one.other): one.kind for one in found}
    within = {("train", i, 50 + i): "equal" if i < 5 else "near" for i in range(10)}
    assert pairs == within | {("test", i, i): "equal" for i in range(3)}
    assert all(one.correlation >= 0.995 for one in found)


def test_few_features_have_equal_copies_only():
    """With two features, many pairs are as close as copies by chance."""
    x, labels = planted(2)
    found = near_duplicates(x, labels, x[:0], labels[:0])
    assert [(one.index, one.other, one.kind) for one in found] == [(i, 50 + i, "equal") for i in range(5)]
