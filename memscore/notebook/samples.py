"""How single samples of a dataset are shown: by name and class, and as a picture, a text or a few of their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from memscore import naming
from memscore.datasets.columns import Split
from memscore.datasets.dataset import Dataset
from memscore.datasets.forgotten import INSTEAD
from memscore.naming import legible
from memscore.report.cards import LARGEST, image_uri
from memscore.scores.html import Html

TEXT = 160
"""Characters shown of a sample's text."""

VALUES = 4
"""Features shown of a sample that has neither text nor picture."""

SIDE = 48
"""Height of a picture, in pixels of the page."""


@dataclass(frozen=True)
class Samples:
    """The samples of a dataset; with None, of one whose arrays are not in the home folder: by number alone."""

    dataset: Dataset | None

    @property
    def named(self) -> bool:
        """Whether training samples have names of their own."""
        return self.dataset is not None and self.dataset.columns.names("train") is not None

    def name(self, split: Split, index: int) -> str:
        """The sample's id or file name, or else its part and number."""
        return f"{split} {index}" if self.dataset is None else legible(self.dataset.columns.name_of(split, index))

    def names(self, split: Split, indices: Iterable[Any]) -> list[str]:
        """The names of several samples."""
        return [self.name(split, int(index)) for index in indices]

    def class_name(self, label: int) -> str:
        """The name of a class, or its number."""
        return naming.class_name(() if self.dataset is None else self.dataset.class_names, label)

    def class_names(self, labels: Iterable[Any]) -> list[str]:
        """The names of several classes; those of negative labels are empty."""
        return [self.class_name(int(label)) for label in labels]

    def text(self, split: Split, index: int) -> str | None:
        """The sample's text, if it has one, or that it was removed on request."""
        if self._gone(split, index):
            return INSTEAD["images" if self.dataset is not None and self.dataset.kind == "images" else "features"]
        texts = None if self.dataset is None else self.dataset.columns.part(split).get("text")
        return None if texts is None else legible(str(texts[index]))

    def image(self, split: Split, index: int) -> npt.NDArray[np.uint8] | None:
        """The sample as an image uint8 [H, W, C], or its thumbnail.

        None if it has neither that can be read, or was removed on request.
        """
        if self.dataset is None or self._gone(split, index):
            return None
        if self.dataset.kind == "images":
            return np.asarray((self.dataset.x_train if split == "train" else self.dataset.x_test)[index])
        paths = self.dataset.columns.part(split).get("thumbnail")
        return None if paths is None else _read(str(paths[index]))

    def _gone(self, split: Split, index: int) -> bool:
        """Whether the sample was removed on request."""
        return self.dataset is not None and self.dataset.forgotten.has(split, index)

    def show(self, split: Split, index: int) -> Html:
        """The sample as HTML: a picture, a text, its first features, or that it was removed on request."""
        image = self.image(split, index)
        if image is not None:
            name = escape(self.name(split, index), quote=True)
            return Html(
                f'<img src="{image_uri(image)}" alt="{name}" title="{name}" '
                f'style="height:{SIDE}px;image-rendering:pixelated">'
            )
        return Html(f'<span style="white-space:normal">{escape(self.words(split, index))}</span>')

    def shows(self, split: Split, indices: Iterable[Any]) -> list[Html]:
        """Several samples as HTML."""
        return [self.show(split, int(index)) for index in indices]

    def words(self, split: Split, index: int) -> str:
        """The sample in words: its text, shortened, or its first features."""
        text = self.text(split, index)
        if text is not None:
            return text if len(text) <= TEXT else f"{text[: TEXT - 1]}…"
        if self.dataset is None or self.dataset.kind == "images":
            return self.name(split, index)
        values = (self.dataset.x_train if split == "train" else self.dataset.x_test)[index]
        rest = ", …" if len(values) > VALUES else ""
        return f"({', '.join(f'{value:.2f}' for value in values[:VALUES])}{rest})"


def _read(path: str) -> npt.NDArray[np.uint8] | None:
    """A picture file below the working folder as uint8 [H, W, 3]; None if it is elsewhere or cannot be read.

    A dataset made by somebody else must not bring pictures from anywhere on this disk into a page that is passed on.
    """
    try:
        file = Path(path).resolve(strict=True)
        if not file.is_relative_to(Path.cwd()) or not file.is_file():
            return None
        with Image.open(file) as picture:
            picture.thumbnail((LARGEST, LARGEST))
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
