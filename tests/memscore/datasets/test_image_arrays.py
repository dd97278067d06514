"""Images of any usual form become uint8 [n, H, W, C], or are refused with a sentence."""

import numpy as np
import pytest

from memscore.datasets.image_arrays import images_of
from memscore.errors import InvalidDataset

BYTES = np.random.default_rng(0).integers(0, 256, (6, 8, 9, 3)).astype(np.uint8)


def converted(images: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    train, test, notes = images_of(images, images[:2])
    np.testing.assert_array_equal(test, train[:2])
    assert train.dtype == np.uint8
    assert train.flags.c_contiguous
    return train, notes


@pytest.mark.parametrize(
    ("images", "note"),
    [
        (BYTES, None),
        (BYTES.astype(np.int64), "Images of int64 became uint8, 0..255."),
        (BYTES.astype(np.float32), "Images of float32 were rounded to uint8, 0..255."),
        (BYTES / 255, "Images of float64 in [0, 1] were rounded to 0..255."),
        (BYTES.astype(np.uint16) * 257, "Images of uint16 in 0..65535 were divided by 257, to 0..255."),
        (BYTES.transpose(0, 3, 1, 2), "Images came channels first, 3x8x9, and were turned to 8x9x3."),
    ],
)
def test_images_of_each_form_become_the_same_bytes(images: np.ndarray, note: str | None):
    train, notes = converted(images)
    np.testing.assert_array_equal(train, BYTES)
    assert notes == (() if note is None else (note,))


def test_an_array_without_channels_gets_one_and_booleans_become_black_and_white():
    assert converted(BYTES[..., 0])[0].shape == (6, 8, 9, 1)
    train, notes = converted(BYTES[..., 0] > 100)
    assert set(np.unique(train)) == {0, 255}
    assert notes == ("Images of booleans became 0 and 255.",)


def test_both_parts_are_scaled_alike():
    """A dark test part within [0, 1] belongs to training images up to 255."""
    train, test, _ = images_of(BYTES.astype(float), np.ones((2, 8, 9, 3)))
    assert test.max() == 1
    assert train.max() == 255


def test_no_test_part_is_no_fault():
    _, test, notes = images_of(BYTES / 255, (BYTES / 255)[:0])
    assert test.shape == (0, 8, 9, 3)
    assert notes == ("Images of float64 in [0, 1] were rounded to 0..255.",)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (BYTES / 127.5 - 1, "as they were before they were normalized"),
        (np.where(BYTES > 250, np.nan, BYTES / 255), "as they were before they were normalized"),
        (BYTES * 1e3, "have values up to 255000"),
        (BYTES.astype(np.int64) * 70_000, "have values up to"),
        (BYTES.astype(complex), "x_train has dtype complex128"),
        (np.zeros((6, 12, 40, 40), np.uint8), "looks channels first"),
        (np.zeros((6, 5, 4, 40), np.uint8), "looks channels first"),
        (np.zeros((6, 2, 2, 2, 3), np.uint8), "x_train has shape (6, 2, 2, 2, 3)"),
        (np.zeros((6, 0, 4), np.uint8), "x_train has shape (6, 0, 4)"),
    ],
)
def test_other_arrays_are_refused_with_a_sentence(images: np.ndarray, sentence: str):
    with pytest.raises(InvalidDataset) as error:
        images_of(images, images[:2])
    assert sentence in str(error.value)
