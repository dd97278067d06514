"""Influence pairs: which training image a test image's prediction depends on, and which pairs exceed chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.report.cards import Album, Card
from memscore.scores.suspects import duplicates
from memscore.scores.tables import ATYPICAL, PairsTable

SHOWN = 12
UNPROVEN = 6  # pairs shown if none holds
Q_SHOWN = 0.05  # false-discovery rate of the pairs shown


@dataclass(frozen=True)
class ShownPair:
    """A training image and a test image; se and q_value are NaN for imported scores, p_strong without posteriors.

    q_value: weighted where the table has weighted ones.
    """

    train: Card
    test: Card
    infl: float
    se: float
    q_value: float
    p_strong: float
    duplicate: bool

    @property
    def tested(self) -> bool:
        """Whether the pair has a q-value."""
        return self.q_value == self.q_value

    @property
    def judged(self) -> bool:
        """Whether it is known how probable an infl above the threshold is."""
        return self.p_strong == self.p_strong


@dataclass(frozen=True)
class Influences:
    """The pairs shown, at most one per test image, strongest first.

    kept: pairs in the table, with infl of at least `floor`; strong: those above 0.15; significant: those that hold,
    with a q-value of at most 5 %; strong_significant: both; test_images: test images in a significant pair. proven:
    False if the pairs shown may be due to chance; tested: False if no pair has a q-value (imported scores). weighted:
    whether the q-values are the weighted ones, of pairs of the same class; margins: whether these rest on margins.
    expected: the number of pairs expected to have an infl above 0.15, None without posteriors.
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
    weighted: bool
    margins: bool
    expected: float | None
    q_shown: float = Q_SHOWN
    threshold: float = ATYPICAL

    @property
    def proven(self) -> bool:
        """Whether the pairs shown are significant at the false-discovery rate."""
        return self.significant > 0

    @property
    def chance(self) -> int:
        """Pairs in the table that are within chance."""
        return self.kept - self.significant


def influences(album: Album, pairs: PairsTable) -> Influences:
    """Choose the pairs that hold; if none does, the largest estimates, which may be due to chance."""
    q_values, infl = pairs["q_weighted" if pairs.weighted else "q_value"], pairs["infl"]
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
                float(pairs["p_strong"][row]),
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
        weighted=pairs.weighted,
        margins=pairs.meta.get("pairs_from") == "margins",
        expected=pairs.meta.get("pairs_expected"),
    )


def _one_a_test_image(pairs: PairsTable, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first of these rows for each test image, strongest first."""
    _, first = np.unique(pairs["test_index"][rows], return_index=True)
    return rows[np.sort(first)]
