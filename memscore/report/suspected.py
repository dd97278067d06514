"""Suspected label errors, each with its evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memscore.arrays import Bools, Float64, Indices
from memscore.report.cards import Album, Card
from memscore.report.neighbours import MAJORITY, NEAREST, Vote, Votes, votes
from memscore.scores.label_errors import LabelErrors, label_errors, suggestion
from memscore.scores.suspects import NOT_WRONG, note_on, suspects
from memscore.scores.tables import ScoreTable
from memscore.statistics.estimates import auroc

SHOWN = 24
ASKED = 1000  # maximum suspects to vote on


@dataclass(frozen=True)
class Suspect:
    """A suspect, and with a hint: the suggested label, its votes, and the nearest typical image with that label.

    If trials recorded predictions: the label that most held-out trials predict, the `share` of them, and the
    probability that the label is wrong.
    """

    card: Card
    suggested: str | None = None
    votes: int = 0
    like: Card | None = None
    share: float | None = None
    label_error: float | None = None


@dataclass(frozen=True)
class Suspected:
    """The likeliest label errors among `candidates` atypical samples, likeliest first.

    If trials recorded predictions (`predicted`), among the samples that look mislabelled.

    tied: samples with the same rank as the last one shown. hints: whether labels are suggested; accuracy: share of
    `tested` test images whose label the vote of the nearest typical images predicts, None without a vote.
    planted: labels flipped on purpose, `planted_shown` of them among the suspects shown; auroc: how well mem separates
    planted errors from the others; of the order of suspects if trials recorded predictions.
    """

    suspects: list[Suspect]
    candidates: int
    tied: int
    accuracy: float | None
    tested: int
    hints: bool
    planted: int
    planted_shown: int
    auroc: float | None
    note: str = NOT_WRONG
    predicted: bool = False
    voters: int = NEAREST
    majority: int = MAJORITY

    @property
    def suggested_for_planted(self) -> int:
        """The number of planted errors shown with a suggested label."""
        return sum(one.suggested is not None and one.card.was is not None for one in self.suspects)

    @property
    def suggestions_right(self) -> int:
        """The number of these suggested labels that are the original ones."""
        return sum(one.suggested is not None and one.suggested == one.card.was for one in self.suspects)


def suspected(album: Album) -> Suspected:
    """Rank the atypical samples as `memscore scores suspects` does, with ties broken by votes against their labels.

    With few trials many samples tie: correct in every trial that trained on them, and in none that did not.
    """
    scores, labels = album.scores, album.scores["label"]
    errors = label_errors(scores)
    if errors.suspected is not None:
        return _predicted(album, errors, errors.suspected)
    atypical = scores.atypical()
    ranked = suspects(scores, len(scores))
    ranked = ranked[atypical[ranked]]
    places = _places(scores, ranked)
    asked = ranked[places <= places[min(SHOWN, len(ranked)) - 1]][:ASKED] if len(ranked) else ranked
    found = votes(album.dataset, scores, asked) if len(asked) else None
    against = np.zeros(len(asked))
    if found is not None and found.trusted:
        against += [one.votes * (one.label != label) for one, label in zip(found.votes, labels[asked], strict=True)]
    order = np.lexsort((np.arange(len(asked)), -against, places[: len(asked)]))[:SHOWN]
    chosen = asked[order]
    flipped = album.dataset.flipped
    return Suspected(
        suspects=[_suspect(album, int(asked[row]), found, row) for row in order],
        candidates=int(atypical.sum()),
        tied=int((places == places[order[-1]]).sum()) if len(order) else 0,
        accuracy=None if found is None else found.accuracy,
        tested=0 if found is None else found.tested,
        hints=found is not None and found.trusted,
        planted=int(flipped.sum()),
        planted_shown=int(flipped[chosen].sum()),
        auroc=_auroc(scores["mem"].astype(np.float64), flipped),
    )


def _predicted(album: Album, errors: LabelErrors, count: int) -> Suspected:
    """The samples that look mislabelled by what held-out trials predict."""
    chosen = errors.order[:count][:SHOWN]
    flipped = album.dataset.flipped
    return Suspected(
        suspects=[_with_vote(album, errors, int(index)) for index in chosen],
        candidates=count,
        tied=0,
        accuracy=None,
        tested=0,
        hints=False,
        planted=int(flipped.sum()),
        planted_shown=int(flipped[chosen].sum()),
        auroc=errors.auroc(flipped),
        note=note_on(errors),
        predicted=True,
    )


def _with_vote(album: Album, errors: LabelErrors, index: int) -> Suspect:
    vote, card, error = suggestion(album.scores, index), album.train(index), float(errors.label_error[index])
    if vote is None:
        return Suspect(card, label_error=error)
    return Suspect(card, album.name(vote[0]), share=vote[1], label_error=error)


def _auroc(values: Float64, flipped: Bools) -> float | None:
    """How well values separate planted errors; None without planted errors, or without others."""
    defined = flipped[np.isfinite(values)]
    return auroc(values, flipped) if defined.any() and not defined.all() else None


def _places(scores: ScoreTable, ranked: Indices) -> Indices:
    """The rank of each sample, starting at 0; ties share a rank."""
    keys = np.nan_to_num(np.stack([scores[name][ranked] for name in ("mem_low", "mem", "p_out")]))
    return np.cumsum(np.append(0, np.any(np.diff(keys, axis=1), axis=0)))[: len(ranked)]


def _suspect(album: Album, index: int, found: Votes | None, row: int) -> Suspect:
    card = album.train(index)
    if found is None or not found.trusted or not _speaks(found.votes[row], int(album.dataset.y_train[index])):
        return Suspect(card)
    vote = found.votes[row]
    return Suspect(card, album.name(vote.label), vote.votes, album.train(vote.nearest))


def _speaks(vote: Vote, label: int) -> bool:
    """Whether enough of the nearest images agree on another label."""
    return vote.label != label and vote.votes >= MAJORITY
