"""The gallery: of each class the most memorized images and typical ones beside them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from memscore.arrays import Indices
from memscore.report.cards import Album, Card
from memscore.scores.tables import TYPICAL, is_typical

IMAGES = 400
"""Images aimed at in all; with many classes each still has FEWEST."""

FEWEST, MOST = 3, 12
"""Images of a class."""

CLASSES = 200
"""Classes shown; of more, those with the largest share of atypical samples."""

FIRST = 10
"""Images of the first look."""


@dataclass(frozen=True)
class ClassPart:
    """One class: how many of its training samples have a score, how many are atypical or typical, and its images."""

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
        """Whether all of the least memorized images shown are typical."""
        return all(card.typical for card in self.least)


@dataclass(frozen=True)
class Gallery:
    """The classes by label, of which `left_out` are not shown."""

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
        """Atypical images of all classes for a first look: the most memorized of each, then the second, up to FIRST."""
        rounds = itertools.zip_longest(*(one.most for one in self.by_share))
        cards = [card for cards in rounds for card in cards if card is not None and card.atypical]
        return cards[:FIRST]

    @property
    def by_share(self) -> list[ClassPart]:
        """The classes with a score, the most memorized first."""
        return sorted((one for one in self.classes if one.samples), key=lambda one: (-one.share, one.number))


def gallery(album: Album) -> Gallery:
    """Choose the images of each class; their number is bounded."""
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
    """Typical samples first, and of them those that models know best without training on them; then by mem."""
    mem = album.scores["mem"][members]
    known = np.nan_to_num(album.scores["p_out"][members], nan=0.0)
    typical = is_typical(mem, TYPICAL)
    return members[np.lexsort((members, np.where(typical, np.abs(mem), mem), -known * typical, ~typical))]
