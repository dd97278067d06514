"""Influence pairs: which training image a test image's prediction depends on, and which pairs exceed chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.report.cards import Album, Card
from memscore.scores.suspects import duplicates
from memscore.scores.tables import ATYPICAL, PairsTable

SHOWN = 12
UNPROVEN = 6  # pairs shown if none is significant
Q_SHOWN = 0.05  # false-discovery rate of the pairs shown


@dataclass(frozen=True)
class ShownPair:
    """A training image and a test image; se and q_value are NaN for imported scores."""

    train: Card
    test: Card
    infl: float
    se: float
    q_value: float
    duplicate: bool

    @property
    def tested(self) -> bool:
        """Whether the pair has a q-value."""
        return self.q_value == self.q_value


@dataclass(frozen=True)
class Influences:
    """The pairs shown, at most one per test image, strongest first.

    kept: pairs in the table, with infl of at least `floor`; strong: those above 0.15; significant: those with a q-value
    of at most 5 %; strong_significant: both; test_images: test images in a significant pair. proven: False if the
    pairs shown may be due to chance; tested: False if no pair has a q-value (imported scores).
    """

    pairs: list[ShownPair]
    floor: float
    kept: int
    strong: int
    significant: int
    strong_significant: int
    test_images: int
    duplicates: int
    tested: bool
    q_shown: float = Q_SHOWN
    threshold: float = ATYPICAL

    @property
    def proven(self) -> bool:
        """Whether the pairs shown are significant at the false-discovery rate."""
        return self.significant > 0


def influences(album: Album, pairs: PairsTable) -> Influences:
    """Choose the pairs; if none is significant, the largest estimates, which may be due to chance."""
    q_values, infl = pairs["q_value"], pairs["infl"]
    significant = q_values <= np.float32(Q_SHOWN)
    strong = infl > np.float32(ATYPICAL)
    tested = bool(np.isfinite(q_values).any()) or not len(pairs)
    copies = np.zeros(len(pairs), np.bool_)
    copies[duplicates(pairs)] = True
    if tested and not significant.any():
        rows = _one_a_test_image(pairs, np.flatnonzero(strong))[:UNPROVEN]
    else:
        rows = _one_a_test_image(pairs, np.flatnonzero(significant if tested else infl > 0))[:SHOWN]
    return Influences(
        pairs=[
            ShownPair(
                album.train(int(pairs["train_index"][row])),
                album.test(int(pairs["test_index"][row])),
                float(infl[row]),
                float(pairs["se"][row]),
                float(q_values[row]),
                bool(copies[row]),
            )
            for row in rows
        ],
        floor=float(pairs.meta["floor"]),
        kept=len(pairs),
        strong=int(strong.sum()),
        significant=int(significant.sum()),
        strong_significant=int((strong & significant).sum()),
        test_images=len(np.unique(pairs["test_index"][significant])),
        duplicates=int((copies & (significant | ~np.isfinite(q_values))).sum()),
        tested=tested,
    )


def _one_a_test_image(pairs: PairsTable, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first of these rows for each test image, strongest first."""
    _, first = np.unique(pairs["test_index"][rows], return_index=True)
    return rows[np.sort(first)]
