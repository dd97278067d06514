"""Gallery of the report: the most memorized images of each class, next to typical ones."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from memscore.arrays import Indices
from memscore.report.cards import Album, Card
from memscore.scores.tables import TYPICAL, is_typical

IMAGES = 400
"""Target for the total number of images; with many classes, each still has FEWEST."""

FEWEST, MOST = 3, 12
"""Minimum and maximum images per class."""

CLASSES = 200
"""Maximum classes shown: those with the largest share of atypical samples."""

FIRST = 10
"""Images at the top of the page."""


@dataclass(frozen=True)
class ClassPart:
    """One class: the number of training samples with a score, of atypical and typical ones, and its images."""

    number: int
    name: str
    samples: int
    atypical: int
    typical: int
    most: list[Card]
    least: list[Card]

    @property
    def share(self) -> float:
        """The share of atypical samples among those with a score."""
        return self.atypical / self.samples if self.samples else 0.0

    @property
    def least_typical(self) -> bool:
        """Whether all least memorized images shown are typical."""
        return all(card.typical for card in self.least)


@dataclass(frozen=True)
class Gallery:
    """The classes shown, by label; `left_out` others are not shown."""

    classes: list[ClassPart]
    left_out: int
    most: int
    least: int

    @property
    def ranged(self) -> bool:
        """Whether scores have intervals."""
        return any(card.ranged for one in self.classes for card in one.most)

    @property
    def first(self) -> list[Card]:
        """Up to FIRST atypical images of all classes: the most memorized of each class, then the second, and so on."""
        rounds = itertools.zip_longest(*(one.most for one in self.by_share))
        cards = [card for cards in rounds for card in cards if card is not None and card.atypical]
        return cards[:FIRST]

    @property
    def by_share(self) -> list[ClassPart]:
        """The classes with a score, the most memorized first."""
        return sorted((one for one in self.classes if one.samples), key=lambda one: (-one.share, one.number))


def gallery(album: Album) -> Gallery:
    """Choose a bounded number of images of each class."""
    classes = album.dataset.classes
    mem, labels = album.scores["mem"], album.scores["label"]
    atypical, typical = album.scores.atypical(), album.scores.typical()
    images = min(MOST, max(FEWEST, IMAGES // min(classes, CLASSES)))
    least = max(1, images // 3)
    order = np.lexsort((np.arange(len(mem)), -mem, labels))
    order = order[np.isfinite(mem[order])]
    bounds = np.searchsorted(labels[order], np.arange(classes + 1))
    samples = np.diff(bounds)
    high, low = (np.bincount(labels[mask], minlength=classes) for mask in (atypical, typical))
    shown = np.sort(np.lexsort((np.arange(classes), -high / np.maximum(1, samples)))[:CLASSES])
    parts: list[ClassPart] = []
    for label in shown:
        members = order[bounds[label] : bounds[label + 1]]
        most = members[: images - least]
        rest = _least_memorized(album, members[images - least :])[:least]
        parts.append(
            ClassPart(
                int(label),
                album.name(int(label)),
                int(samples[label]),
                int(high[label]),
                int(low[label]),
                album.trains(most),
                album.trains(rest),
            )
        )
    return Gallery(parts, classes - len(shown), images - least, least)


def _least_memorized(album: Album, members: Indices) -> Indices:
    """Sort typical samples first, those that models classify best without training on them leading; then by mem."""
    mem = album.scores["mem"][members]
    known = np.nan_to_num(album.scores["p_out"][members], nan=0.0)
    typical = is_typical(mem, TYPICAL)
    return members[np.lexsort((members, np.where(typical, np.abs(mem), mem), -known * typical, ~typical))]
