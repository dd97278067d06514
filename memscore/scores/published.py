"""Comparison of a study's scores with published ones: Feldman and Zhang's mem and pairs, or C-scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64, Int64
from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.scores.comparison import FEWEST, fisher
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.estimates import Difference, average_ranks, reliability

LABELS = ("label", "test_label")
STRONG = 0.15
"""infl from which pairs are published."""


@dataclass(frozen=True)
class PublishedPairs:
    """Pairs of published influence: train_index, test_index int64 [k] and infl float64 [k]."""

    train_index: Int64
    test_index: Int64
    infl: Float64


@dataclass(frozen=True)
class PublishedScores:
    """Published scores of a dataset's training samples.

    mem float64 [n], NaN for samples without one. held_out_accuracy: that of the published models, None if unknown.
    histogram: where most samples are without one, how many have a mem in each of some equal bins from 0 to 1.
    """

    source: str
    mem: Float64
    held_out_accuracy: float | None
    pairs: PublishedPairs | None = None
    histogram: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Correlation:
    """A correlation of our mem with the published one, and without our estimation errors; each with a 95 % interval.

    reliability: the share of the variance of our mem, or of its ranks, that is not estimation error. corrected: value
    divided by its root; it can exceed 1 by chance. Errors of the published scores are not corrected for.
    """

    value: float
    interval: tuple[float, float]
    reliability: float | None
    corrected: float | None
    corrected_interval: tuple[float, float] | None


@dataclass(frozen=True)
class PairsAgreement:
    """How many of the published pairs the study finds.

    found: those among ours at a false-discovery rate of 5 %, of which there are `significant`. strongest: those among
    as many of our strongest pairs, by q-value, as were published; by_chance: how many these would be if they were drawn
    at random among all pairs of one class.
    """

    published: int
    found: int
    significant: int
    strongest: int
    by_chance: float

    @property
    def share_found(self) -> float:
        """The share of the published pairs that are found."""
        return self.found / self.published


@dataclass(frozen=True)
class PublishedComparison:
    """Agreement of a study with published scores over the `samples` that have both.

    kolmogorov: the largest difference of the two distribution functions of mem. mean_mem and held_out_accuracy: ours,
    then the published. histogram_kolmogorov: the difference over all samples, between our mem and a published histogram
    at the edges of its bins; None without one.
    """

    source: str
    samples: int
    pearson: Correlation | None
    spearman: Correlation | None
    kolmogorov: float
    mean_mem: tuple[float, float]
    held_out_accuracy: tuple[float | None, float | None]
    pairs: PairsAgreement | None
    histogram_kolmogorov: float | None = None
    notes: list[str] = field(default_factory=list[str])


def compare_published(scores: ScoreTable, pairs: PairsTable | None, published: PublishedScores) -> PublishedComparison:
    """Compare a study with published scores of the same training samples in the same order.

    Raises InvalidInput if fewer than three samples have both scores.
    """
    shared = np.isfinite(scores["mem"]) & np.isfinite(published.mem)
    samples = int(shared.sum())
    if samples < FEWEST:
        raise InvalidInput(f"They share {counted(samples, 'sample')} with a score; {FEWEST} are needed.")
    mine, theirs = scores["mem"][shared].astype(np.float64), published.mem[shared]
    notes: list[str] = []
    if samples < len(scores):
        notes.append(f"Only {samples:,} of {len(scores):,} samples have a score in both; the others are left out.")
    by_error, by_halves = _reliability(scores, shared), _rank_reliability(scores, shared)
    if by_error is None:
        notes.append(
            "mem is the same for all samples compared."
            if np.ptp(mine) == 0
            else "The study has no standard errors, so correlations cannot be corrected for its errors."
        )
    held_out = scores.meta.get("held_out_accuracy")
    return PublishedComparison(
        published.source,
        samples,
        _correlation(mine, theirs, by_error),
        _correlation(average_ranks(mine), average_ranks(theirs), by_halves if by_halves is not None else by_error),
        kolmogorov(mine, theirs),
        (float(mine.mean()), float(theirs.mean())),
        (None if held_out is None else float(held_out), published.held_out_accuracy),
        None if pairs is None or published.pairs is None else _pairs(scores, pairs, published.pairs),
        None if published.histogram is None else histogram_distance(scores["mem"], published.histogram),
        notes,
    )


def kolmogorov(one: Float64, other: Float64) -> float:
    """The largest difference of two empirical distribution functions, of values [a] and [b]."""
    edges = np.unique(np.concatenate([one, other]))
    shares = [np.searchsorted(np.sort(values), edges, side="right") / len(values) for values in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def histogram_distance(mem: npt.NDArray[np.floating], counts: Sequence[int]) -> float:
    """The largest difference, at inner edges, of the distributions of mem [n] and of counts in equal bins from 0 to 1.

    NaN of mem are left out.
    """
    known = np.sort(mem[np.isfinite(mem)].astype(np.float64))
    edges = np.arange(1, len(counts)) / len(counts)
    ours = np.searchsorted(known, edges, side="left") / len(known)
    theirs = np.cumsum(counts)[:-1] / sum(counts)
    return float(np.abs(ours - theirs).max())


def _correlation(x: Float64, y: Float64, part: float | None) -> Correlation | None:
    """The correlation, corrected for the reliability `part` of x; its interval by Fisher's z. None if undefined."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    value = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    interval = fisher(value, len(x)) or ((value, value) if len(x) > FEWEST else (-1.0, 1.0))
    if not part:
        return Correlation(value, interval, part, None, None)
    root = sqrt(part)
    return Correlation(value, interval, part, value / root, (interval[0] / root, interval[1] / root))


def _reliability(scores: ScoreTable, chosen: npt.NDArray[np.bool_]) -> float | None:
    columns = ("p_in", "p_out", "mem", "se", "mem_low", "mem_high")
    return reliability(Difference(*(scores[name][chosen].astype(np.float64) for name in columns)))


def _rank_reliability(scores: ScoreTable, chosen: npt.NDArray[np.bool_]) -> float | None:
    """That of the ranks of mem: from two halves of the trials, by Spearman and Brown; None without halves."""
    even, odd = (scores[name][chosen].astype(np.float64) for name in ("mem_even", "mem_odd"))
    both = np.isfinite(even) & np.isfinite(odd)
    if both.sum() < FEWEST or np.ptp(even[both]) == 0 or np.ptp(odd[both]) == 0:
        return None
    half = float(np.corrcoef(average_ranks(even[both]), average_ranks(odd[both]))[0, 1])
    return 2 * half / (1 + half) if half > 0 else None


def _pairs(scores: ScoreTable, pairs: PairsTable, published: PublishedPairs) -> PairsAgreement | None:
    """None if no strong pair was published."""
    strong = published.infl >= STRONG
    if not strong.any():
        return None
    width = 1 + int(max(pairs["test_index"].max(initial=0), published.test_index.max(initial=0)))

    def keys(train: npt.NDArray[np.integer], test: npt.NDArray[np.integer]) -> Int64:
        return train.astype(np.int64) * width + test

    ours = keys(pairs["train_index"], pairs["test_index"])
    theirs = keys(published.train_index[strong], published.test_index[strong])
    significant = pairs.holding
    q = pairs["q_weighted" if pairs.weighted else "q_value"]
    order = np.lexsort((-pairs["infl"], q))  # NaN, of imported scores, is last
    first = order[: len(theirs)]
    classes = 1 + int(max(scores[name].max(initial=0) for name in LABELS))
    train, test = (np.bincount(scores[name], minlength=classes) for name in LABELS)
    every = int((train * test).sum())
    return PairsAgreement(
        len(theirs),
        int(np.isin(theirs, ours[significant]).sum()),
        int(significant.sum()),
        int(np.isin(theirs, ours[first]).sum()),
        len(theirs) * len(first) / every if every else 0.0,
    )
