"""Sketches: bits agree as angles to the centre of a class do, whatever a class has in common."""

import numpy as np
import pytest

from memscore.study.sketches import BITS, WIDTH, Sketch, projection


def sketched(train: np.ndarray, test: np.ndarray, y_train: np.ndarray, y_test: np.ndarray, number: int = 0) -> Sketch:
    matrix = projection(train.shape[1], number)
    products = [(part @ matrix).astype(np.float32) for part in (train, test)]
    return Sketch.of(products[0], products[1], y_train.astype(np.int32), y_test.astype(np.int32))


def agreement(sketch: Sketch) -> np.ndarray:
    train, test = (np.unpackbits(part, axis=1) for part in (sketch.train, sketch.test))
    return (train[:, None] == test[None]).mean(axis=2)


def test_projections_are_nearly_normal_and_depend_on_the_trial_alone():
    matrix = projection(300, 3)
    assert matrix.shape == (300, BITS)
    assert abs(matrix.mean()) < 0.06  # standard error .014
    assert matrix.var() == pytest.approx(16, rel=0.03)
    assert (matrix**4).mean() / 16**2 == pytest.approx(3 - 2 / 64, abs=0.1)
    assert np.array_equal(matrix, projection(300, 3))
    assert np.array_equal(matrix[:7], projection(7, 3))
    assert abs((matrix * projection(300, 4)).mean()) < 0.3


def test_bits_agree_as_angles_between_representations_do():
    random = np.random.default_rng(0)
    train = random.standard_normal((400, 64))
    train -= train.mean(axis=0)
    test = 0.7 * train[:20] + random.standard_normal((20, 64))
    labels = np.zeros(400, np.int32), np.zeros(20, np.int32)
    found = agreement(sketched(train, test, *labels))
    cosine = (train / np.linalg.norm(train, axis=1)[:, None]) @ (test / np.linalg.norm(test, axis=1)[:, None]).T
    expected = 1 - np.arccos(cosine) / np.pi
    assert np.abs(found - expected).mean() < 0.03  # of independent bits .025, and below
    assert np.abs((found - expected).mean()) < 0.01


def test_what_the_samples_of_a_class_share_changes_no_bit():
    random = np.random.default_rng(1)
    labels, test_labels = np.arange(60) % 3, np.arange(12) % 3
    train, test = random.integers(-50, 50, (60, 16)), random.integers(-50, 50, (12, 16))
    shared = random.integers(-500, 500, (3, 16))
    one = sketched(train, test, labels, test_labels)
    other = sketched(train + shared[labels], test + shared[test_labels], labels, test_labels)
    differing = [np.unpackbits(a ^ b).mean() for a, b in ((one.train, other.train), (one.test, other.test))]
    assert max(differing) < 0.001  # ties with the centre


def test_test_samples_of_an_unknown_class_have_empty_sketches():
    found = sketched(np.eye(4), np.ones((3, 4)), np.array([0, 0, 2, 2]), np.array([2, 1, 5]))
    assert found.test.shape == (3, WIDTH)
    assert not found.test[1:].any()


@pytest.mark.parametrize("count", [0, 1])
def test_classes_of_one_sample_have_sketches(count: int):
    found = sketched(np.ones((1, 3)), np.ones((count, 3)), np.zeros(1), np.zeros(count))
    assert (found.train.shape, found.test.shape) == ((1, WIDTH), (count, WIDTH))
