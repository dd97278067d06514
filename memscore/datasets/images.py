"""Images from files and from bytes, read into one array: first their common shape, then the pixels."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from memscore.arrays import Images, Indices
from memscore.datasets.options import Track, unseen
from memscore.datasets.wording import count, listed, was
from memscore.errors import InvalidDataset

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # the only decoders that are tried
GREY = ("1", "L", "LA", "La")
COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")
ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # grey of 16 bits; "I" is how some versions of Pillow open it
DEEPEST = 65_535
LEFT_OUT_BELOW = 0.05
"""From this share of unreadable images on, a dataset is refused: then its format is the likelier cause."""
SHOWN = 20  # unreadable images that a sentence names
ORIENTATION = 0x0112  # the EXIF tag; 1 is upright
KINDS = {"1": "black and white", "L": "grey", "LA": "grey", "La": "grey", "P": "with a palette", "PA": "with a palette"}
KINDS |= dict.fromkeys(DEEP, "grey")

Shape = tuple[int, int, int]


class Picture(NamedTuple):
    """An image to read: its name for messages, and a file, the bytes of one, or an image that Pillow opened."""

    name: str
    content: Any

    @classmethod
    def of_file(cls, path: Path) -> Picture:
        """An image file."""
        return cls(str(path), path)


class Unreadable(NamedTuple):
    """An image that cannot be used, and why, as a clause."""

    name: str
    reason: str


class _Seen:
    """What pictures have that the array cannot hold, counted."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self.counts: Counter[str] = Counter()
        self.converted: Counter[str] = Counter()

    def note(self, image: Image, *, deep: bool) -> None:
        """Count one image, which has been decoded; `deep` if it has 16 bits a channel."""
        mode = image.mode
        self.counts["alpha"] += mode in ALPHA or "transparency" in image.info
        with suppress(Exception):  # damaged metadata: the pixels are there all the same
            self.counts["rotated"] += image.getexif().get(ORIENTATION, 1) not in (0, 1)
            self.counts["frames"] += getattr(image, "n_frames", 1) > 1
        self.counts["deep"] += deep
        if mode not in ("RGB", "RGBA", "RGBa", "RGBX") and (self.colour or mode == "1"):
            self.converted[KINDS.get(mode, mode)] += 1

    def notes(self) -> tuple[str, ...]:
        """A sentence for each kind of change."""
        said: list[str] = []
        if number := self.counts["alpha"]:
            said.append(f"The transparency of {count(number, 'image')} was dropped.")
        if number := self.counts["rotated"]:
            said.append(
                f"{count(number, 'image')} {'has' if number == 1 else 'have'} an EXIF rotation, which was not applied."
            )
        if number := self.counts["frames"]:
            said.append(f"Of {count(number, 'image')} with several frames, only the first was used.")
        if number := self.counts["deep"]:
            said.append(f"{count(number, 'image')} of 16 bits a channel {was(number)} reduced to 8.")
        if self.converted:
            kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.converted.items()))
            said.append(f"Images converted to {'colour' if self.colour else 'grey'}: {kinds}.")
        return tuple(said)


@dataclass(frozen=True)
class Decoded:
    """The images that could be read, uint8 [n, H, W, C], their positions among the pictures, and notes."""

    images: Images
    kept: Indices
    notes: tuple[str, ...]


def decode(
    pictures: Sequence[Picture],
    resize: int | None = None,
    *,
    always_colour: bool = False,
    unusable: Sequence[Unreadable] = (),
    left_out_below: float = LEFT_OUT_BELOW,
    track: Track = unseen,
) -> Decoded:
    """Read pictures in their order; all that cannot be read are found before anything is refused.

    One channel if all images are grey, unless `always_colour`; otherwise three. With `resize`, the short side is scaled
    to it (bilinear, antialiased) and the centre square is kept. Transparency is dropped, EXIF rotation is not applied,
    and of several frames the first is used. Pictures that cannot be read are left out if they and those already found
    `unusable` are a smaller share than `left_out_below`. Raises InvalidDataset otherwise, or, without `resize`, for
    images that differ in size.
    """
    found = list(unusable)
    usable, deep, shape = _common_shape(pictures, resize, always_colour, found, track)
    total = len(pictures) + len(unusable)
    if not usable:
        _refuse_many(found, total, left_out_below)
    try:
        images = np.empty((len(usable), *shape), np.uint8)
    except MemoryError as error:
        raise InvalidDataset(
            f"{len(usable)} images do not fit into memory ({error}); give a smaller --resize."
        ) from error
    seen, kept = _Seen(shape[2] == 3), np.ones(len(usable), np.bool_)
    highest = _highest([pictures[index] for index in deep])
    for place, picture in enumerate(track([pictures[index] for index in usable], "decoding")):
        try:
            with _opened(picture) as image:
                layout = str(getattr(image, "tile", ""))  # which decoding clears
                images[place] = _pixels(image, "L" if shape[2] == 1 else "RGB", resize, highest).reshape(shape)
                seen.note(image, deep=image.mode in DEEP or ";16" in layout)
        except _Unusable as error:
            kept[place] = False
            found.append(Unreadable(picture.name, str(error)))
    _refuse_many(found, total, left_out_below)
    notes = seen.notes()
    if found:
        notes = (
            f"{len(found)} of {total} files cannot be read as images and {was(len(found))} left out: {_shown(found)}.",
            *notes,
        )
    places = np.array(usable, np.int64)
    return Decoded(images if kept.all() else images[kept], places[kept], notes)


class _Unusable(Exception):
    """One image cannot be used; the message is a clause that says why."""


def _common_shape(
    pictures: Sequence[Picture], resize: int | None, always_colour: bool, found: list[Unreadable], track: Track
) -> tuple[list[int], list[int], Shape]:
    """The positions of pictures with a usable header, of those of 16 bits, and the height, width and channels of all.

    Adds the others to `found`. Raises InvalidDataset for a second size without `resize`.
    """
    usable: list[int] = []
    deep: list[int] = []
    first, size, grey = "", (0, 0), not always_colour
    differs = ""
    for index, picture in enumerate(track(pictures, "reading headers")):
        try:
            with _opened(picture) as image:
                if image.mode not in GREY + COLOUR + DEEP:
                    raise _Unusable(f"pixels of mode {image.mode}; save it in grey or RGB, 8 bits a channel")
                if not usable:
                    first, size = picture.name, image.size
                elif image.size != size and resize is None:
                    differs = differs or (
                        f"The images differ in size: {first} has {size[0]}x{size[1]} pixels and {picture.name} "
                        f"{image.size[0]}x{image.size[1]}; give --resize N to make them all NxN."
                    )
                grey = grey and image.mode in GREY + DEEP
                deep += [index] if image.mode in DEEP else []
        except _Unusable as error:
            found.append(Unreadable(picture.name, str(error)))
        else:
            usable.append(index)
    if differs:
        raise InvalidDataset(differs)
    width, height = size if resize is None else (resize, resize)
    return usable, deep, (height, width, 1 if grey else 3)


def _highest(pictures: Sequence[Picture]) -> int:
    """The largest value that these grey images of 16 bits could have, such as 4,095 if a camera used 12 of them."""
    highest = 255
    for picture in pictures:
        try:
            with _opened(picture) as image:
                highest = max(highest, int(np.asarray(image).max()))
        except _Unusable:
            continue  # decoding will find it again
    return min(2 ** highest.bit_length() - 1, DEEPEST)


def _pixels(image: Image, mode: str, resize: int | None, highest: int) -> Images:
    from PIL import Image, ImageOps

    if image.mode in DEEP:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > DEEPEST:
            raise _Unusable("values beyond 16 bits; save it in grey or RGB, 8 bits a channel")
        image = Image.fromarray(np.rint(values * (255 / highest)).astype(np.uint8))
    if "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode != mode:
        image = image.convert(mode)
    if resize is not None and image.size != (resize, resize):
        image = ImageOps.fit(image, (resize, resize), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _refuse_many(found: Sequence[Unreadable], total: int, left_out_below: float) -> None:
    if not found or len(found) < left_out_below * total:
        return
    if len(found) == 1:
        raise InvalidDataset(f"{found[0].name} cannot be used ({found[0].reason}); repair or remove it.")
    raise InvalidDataset(
        f"{len(found)} of {total} files cannot be read as images; repair or remove them: {_shown(found)}."
    )


def _shown(found: Sequence[Unreadable]) -> str:
    return listed([f"{one.name} ({one.reason})" for one in found], SHOWN)


@contextmanager
def _opened(picture: Picture) -> Generator[Image]:
    """The image, undecoded as yet. Raises _Unusable, also for what goes wrong while it is open."""
    from PIL import Image

    content = picture.content
    if content is None:
        raise _Unusable("there is no image")
    if isinstance(content, Image.Image):
        yield content
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata; only pixels matter
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            file = io.BytesIO(content) if isinstance(content, bytes) else content
            with Image.open(file, formats=FORMATS) as image:
                yield image
    except (InvalidDataset, _Unusable):
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _Unusable(f"more than {Image.MAX_IMAGE_PIXELS} pixels; make it smaller") from error
    except FileNotFoundError as error:
        raise _Unusable("there is no such file") from error
    except Exception as error:  # each of Pillow's decoders raises its own exceptions for a damaged file
        unknown = isinstance(error, Image.UnidentifiedImageError)
        why = "not a known image format" if unknown else " ".join(str(error).split()).rstrip(".")
        raise _Unusable(why or type(error).__name__) from error
