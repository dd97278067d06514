"""Image files read into one array: first their common shape, then the pixels."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memscore.arrays import Images
from memscore.datasets.options import Track, unseen
from memscore.errors import InvalidDataset

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # the only decoders that are tried
GREY = ("1", "L", "LA")
COLOUR = ("RGB", "RGBA", "P", "CMYK", "YCbCr")

Shape = tuple[int, int, int]


def common_shape(
    paths: Sequence[Path], resize: int | None, *, always_colour: bool = False, track: Track = unseen
) -> Shape:
    """Height, width and channels of the images, from their file headers.

    One channel if all images are grey, unless `always_colour`; otherwise three. Raises InvalidDataset for a file that
    is not an image, does not have 8 bits a channel, or, without `resize`, differs in size from the first.
    """
    first, size, grey = paths[0], (0, 0), not always_colour
    for path in track(paths, "reading headers"):
        with _opened(path) as image:
            if path is first:
                size = image.size
            elif image.size != size and resize is None:
                raise InvalidDataset(
                    f"The images differ in size: {first} has {size[0]}x{size[1]} pixels and {path} "
                    f"{image.size[0]}x{image.size[1]}; give --resize N to make them all NxN."
                )
            if image.mode not in GREY + COLOUR:
                raise InvalidDataset(
                    f"{path} has pixels of mode {image.mode}; save it in grey or RGB, 8 bits a channel."
                )
            grey = grey and image.mode in GREY
    width, height = size if resize is None else (resize, resize)
    return height, width, 1 if grey else 3


def read_images(paths: Sequence[Path], shape: Shape, resize: int | None, track: Track = unseen) -> Images:
    """The images, uint8 [n, H, W, C], in the order of the paths.

    With `resize`, the short side is scaled to it (bilinear, antialiased) and the centre square is kept. Transparency
    is dropped, and EXIF rotation is not applied. Raises InvalidDataset that names the file that cannot be decoded.
    """
    try:
        images = np.empty((len(paths), *shape), np.uint8)
    except MemoryError as error:
        raise InvalidDataset(
            f"{len(paths)} images do not fit into memory ({error}); give a smaller --resize."
        ) from error
    for index, path in enumerate(track(paths, "decoding")):
        with _opened(path) as image:
            images[index] = _pixels(image, "L" if shape[2] == 1 else "RGB", resize).reshape(shape)
    return images


def _pixels(image: Image, mode: str, resize: int | None) -> Images:
    from PIL import Image, ImageOps

    if "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode != mode:
        image = image.convert(mode)
    if resize is not None and image.size != (resize, resize):
        image = ImageOps.fit(image, (resize, resize), Image.Resampling.BILINEAR)
    return np.asarray(image)


@contextmanager
def _opened(path: Path) -> Generator[Image]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; only pixels matter
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except InvalidDataset:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InvalidDataset(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS} pixels; make it smaller before you add it."
        ) from error
    except FileNotFoundError as error:
        raise InvalidDataset(f"There is no file {path}.") from error
    except Exception as error:  # each of Pillow's decoders raises its own exceptions for a damaged file
        reason = "not a known image format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise InvalidDataset(f"{path} cannot be decoded ({reason}); repair or remove it.") from error
