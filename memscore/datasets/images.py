"""Image files as one array: their common shape first, then every pixel."""

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
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # only these decoders are tried, whatever a file holds
GREY = ("1", "L", "LA")
COLOUR = ("RGB", "RGBA", "P", "CMYK", "YCbCr")

Shape = tuple[int, int, int]


def common_shape(
    paths: Sequence[Path], resize: int | None, *, always_colour: bool = False, track: Track = unseen
) -> Shape:
    """Height, width and channels of the images, from the headers of their files.

    One channel if all images are grey, unless `always_colour`; otherwise three. Raises InvalidDataset for a file that
    is no image, has pixels of another kind than 8 bits a channel, or, without `resize`, another size than the first.
    """
    first, size, grey = paths[0], (0, 0), not always_colour
    for path in track(paths, "reading headers"):
        with _opened(path) as image:
            if path is first:
                size = image.size
            elif image.size != size and resize is None:
                raise InvalidDataset(
                    f"The images are not of one size: {first} has {size[0]}x{size[1]} pixels and {path} "
                    f"{image.size[0]}x{image.size[1]}; give --resize N to bring them all to NxN."
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

    With `resize` the short side is brought to it (bilinear, antialiased) and the middle square is kept. Transparency
    is dropped, EXIF rotation is not applied. Raises InvalidDataset and names the file that cannot be decoded.
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
            warnings.simplefilter("ignore")  # about metadata; the pixels are what counts
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                yield image
    except InvalidDataset:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise InvalidDataset(
            f"{path} has more than {Image.MAX_IMAGE_PIXELS} pixels; make it smaller before it is added."
        ) from error
    except FileNotFoundError as error:
        raise InvalidDataset(f"There is no file {path}.") from error
    except Exception as error:  # each of Pillow's decoders has exceptions of its own for a damaged file
        reason = "no image of a known format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise InvalidDataset(f"{path} cannot be decoded ({reason}); mend or remove it.") from error
