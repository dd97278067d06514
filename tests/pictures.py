"""Small images that the tests of several sources write."""

import io

import numpy as np
from PIL import Image


def pixels(seed: int) -> np.ndarray:
    """An image of noise, uint8 [6, 5, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (6, 5, 3), np.uint8)


def png(seed: int) -> bytes:
    """The same image as the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels(seed)).save(file, "png")
    return file.getvalue()
