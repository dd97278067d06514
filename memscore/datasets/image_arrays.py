"""Arrays of images in any usual form as uint8 [n, H, W, C]."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Images
from memscore.errors import InvalidDataset

CHANNELS = (1, 3, 4)
ROWS = 1_000  # images converted at once


def images_of(x_train: npt.NDArray[Any], x_test: npt.NDArray[Any]) -> tuple[Images, Images, tuple[str, ...]]:
    """Images uint8 [n, H, W, C] and [q, H, W, C], and notes on what was converted.

    Each array is [n, H, W], [n, H, W, C], or [n, C, H, W] where that cannot be meant otherwise; of bytes, of other
    integers up to 255 or 65,535, of floats in [0, 1] or [0, 255], or booleans. Both parts are converted alike. Raises
    InvalidDataset for any other array.
    """
    for name, images in (("x_train", x_train), ("x_test", x_test)):
        if images.ndim not in (3, 4) or 0 in (images.shape if name == "x_train" else images.shape[1:]):
            raise InvalidDataset(
                f"{name} has shape {images.shape}; images must be [n, H, W] or [n, H, W, C], not empty, and features "
                "[n, d]."
            )
    if x_train.shape[1:] != x_test.shape[1:]:
        raise InvalidDataset(
            f"x_train has images of shape {x_train.shape[1:]} and x_test of {x_test.shape[1:]}; give both the same "
            "shape."
        )
    train, test, turned = _channels_last(x_train, x_test)
    (train, test), converted = _bytes(train, test)
    return np.ascontiguousarray(train), np.ascontiguousarray(test), (*turned, *converted)


def _channels_last(
    train: npt.NDArray[Any], test: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], tuple[str, ...]]:
    if train.ndim == 3:
        return train[..., None], test[..., None], ()
    first, height, width = train.shape[1:]
    if width <= max(CHANNELS):
        return train, test, ()
    if first in CHANNELS:
        note = f"Images came channels first, {first}x{height}x{width}, and were turned to {height}x{width}x{first}."
        return train.transpose(0, 2, 3, 1), test.transpose(0, 2, 3, 1), (note,)
    if first == height and width < height:
        return train, test, (f"Pictures show the first three of the {width} channels.",)
    raise InvalidDataset(
        f"x_train has shape {train.shape}, which looks channels first, or lacks an axis; give images as "
        "[n, H, W, C], such as x_train.transpose(0, 2, 3, 1)."
    )


def _bytes(*parts: npt.NDArray[Any]) -> tuple[list[Images], tuple[str, ...]]:
    """The parts as uint8, scaled alike."""
    kinds = {part.dtype.kind for part in parts if part.size}
    if all(part.dtype == np.uint8 for part in parts if part.size):
        return [part.astype(np.uint8, copy=False) for part in parts], ()
    dtype = parts[0].dtype
    if kinds - set("biuf"):
        raise InvalidDataset(f"x_train has dtype {dtype}; images must be uint8, 0 to 255, or other numbers.")
    if kinds == {"b"}:
        return [part.astype(np.uint8) * np.uint8(255) for part in parts], ("Images of booleans became 0 and 255.",)
    lowest = min(float(part.min()) for part in parts if part.size)
    highest = max(float(part.max()) for part in parts if part.size)
    if not lowest >= 0 or not highest < np.inf:
        raise InvalidDataset(
            f"x_train and x_test have values from {lowest:g} to {highest:g}; give images as they were before they were "
            "normalized: uint8, or floats in [0, 1] or [0, 255]."
        )
    if "f" in kinds and highest <= 1:
        return [_scaled(part, 255) for part in parts], (f"Images of {dtype} in [0, 1] were rounded to 0..255.",)
    if highest <= 255:
        rounded = " were rounded to" if "f" in kinds else " became"
        return [_scaled(part, 1) for part in parts], (f"Images of {dtype}{rounded} uint8, 0..255.",)
    if "f" not in kinds and highest <= 65_535:
        note = f"Images of {dtype} in 0..65535 were divided by 257, to 0..255."
        return [_scaled(part, 1 / 257) for part in parts], (note,)
    raise InvalidDataset(
        f"x_train and x_test have values up to {highest:g}; give images as uint8, uint16, or floats in [0, 1] or "
        "[0, 255]."
    )


def _scaled(images: npt.NDArray[Any], factor: float) -> Images:
    """Images times a factor, rounded."""
    made = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), ROWS):
        part = slice(start, start + ROWS)
        made[part] = np.rint(images[part].astype(np.float64) * factor)
    return made
