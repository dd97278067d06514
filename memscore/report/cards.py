"""Cards of the report: samples of the dataset, by their image or in words, with their scores."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from memscore.datasets.columns import NAMES, Column, Split
from memscore.datasets.dataset import Dataset
from memscore.datasets.forgotten import INSTEAD
from memscore.naming import class_name, legible
from memscore.scores.tables import ATYPICAL, TYPICAL, ScoreTable, is_atypical, is_typical

LOSSLESS = 40  # largest side in pixels for lossless images
LARGEST = 112  # larger images are reduced to this side in pixels
WORDS = 160  # most characters that are shown in place of an image
SHOWN_COLUMNS = 6


@dataclass(frozen=True)
class Card:
    """One sample: its index, label, mem with the 95 % interval, and the results of its trials.

    `uri` is its image, None if it has none: `words` then say what it is. `called` is its id or the name of its file,
    empty without one. `was` is the label before it was flipped on purpose. NaN means undefined; test samples have no
    scores.
    """

    split: str
    index: int
    uri: str | None
    label: str
    words: str = ""
    called: str = ""
    was: str | None = None
    mem: float = np.nan
    low: float = np.nan
    high: float = np.nan
    right_in: int = 0
    n_in: int = 0
    right_out: int = 0
    n_out: int = 0

    @property
    def alt(self) -> str:
        """The alternative text of the image."""
        kind = "sample" if self.uri is None else "image"
        return f"{self.split} {kind} {self.index}, labelled {self.label}"

    @property
    def scored(self) -> bool:
        """Whether mem is defined."""
        return self.mem == self.mem

    @property
    def atypical(self) -> bool:
        """Whether mem is above the paper's threshold."""
        return bool(is_atypical(np.array([self.mem], np.float32), ATYPICAL)[0])

    @property
    def typical(self) -> bool:
        """Whether mem is below the paper's threshold."""
        return bool(is_typical(np.array([self.mem], np.float32), TYPICAL)[0])

    @property
    def ranged(self) -> bool:
        """Whether mem has an interval."""
        return self.low == self.low


@dataclass(frozen=True)
class Album:
    """Makes cards from the dataset's samples."""

    dataset: Dataset
    scores: ScoreTable

    def train(self, index: int) -> Card:
        """The card of a training sample."""
        clean, label = self.dataset.clean_labels, int(self.dataset.y_train[index])
        row = self.scores.row(int(index))
        return Card(
            split="training",
            index=int(index),
            label=self.name(label),
            **self._shown("train", int(index)),
            was=None if clean is None or clean[index] == label else self.name(int(clean[index])),
            mem=row.mem,
            low=row.mem_low,
            high=row.mem_high,
            right_in=_times(row.p_in, row.n_in),
            n_in=row.n_in,
            right_out=_times(row.p_out, row.n_out),
            n_out=row.n_out,
        )

    def trains(self, indices: Iterable[Any]) -> list[Card]:
        """The cards of training samples, in this order."""
        return [self.train(int(index)) for index in indices]

    def test(self, index: int) -> Card:
        """The card of a test sample."""
        label = self.name(int(self.dataset.y_test[index]))
        return Card(split="test", index=int(index), label=label, **self._shown("test", int(index)))

    def _shown(self, split: Split, index: int) -> dict[str, Any]:
        """What a card shows of a sample: its image, or else its text or other columns, and its name.

        Of one that was removed on request, only that.
        """
        columns = self.dataset.columns.part(split)
        if self.dataset.forgotten.has(split, index):
            return {"uri": None, "words": INSTEAD[self.dataset.kind]}
        called = legible(self.dataset.columns.own_name(split, index))
        if self.dataset.kind == "images":
            samples = self.dataset.x_train if split == "train" else self.dataset.x_test
            return {"uri": image_uri(samples[index]), "called": called}
        return {"uri": None, "called": called, "words": self._words(columns, index) or called or f"{split} {index}"}

    def _words(self, columns: Mapping[str, Column], index: int) -> str:
        """The start of a sample's text, or its columns."""
        if "text" in columns:
            text = legible(str(columns["text"][index]))
            return text if len(text) <= WORDS else f"{text[:WORDS]} …"
        others = [name for name in columns if name not in NAMES][:SHOWN_COLUMNS]
        values = [columns[name][index] for name in others]
        shown = [str(value) if isinstance(value, str) else f"{value:.4g}" for value in values]
        return legible(", ".join(f"{name} {value}" for name, value in zip(others, shown, strict=True)))[:WORDS]

    def name(self, label: int) -> str:
        """The class name as displayable text."""
        return class_name(self.dataset.class_names, label)


def image_uri(image: npt.NDArray[np.uint8]) -> str:
    """Encode an image uint8 [H, W, C] as a data URI: PNG if small, otherwise WebP of at most LARGEST pixels a side."""
    pixels = image[:, :, :3] if image.shape[2] >= 3 else image[:, :, 0]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    buffer = io.BytesIO()
    if max(picture.size) <= LOSSLESS:
        kind = "png"
        picture.save(buffer, "PNG", optimize=True)
    else:
        kind = "webp"
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
        picture.save(buffer, "WEBP", quality=88)
    return f"data:image/{kind};base64," + base64.b64encode(buffer.getvalue()).decode()


def _times(share: float, trials: int) -> int:
    return round(share * trials) if trials else 0
