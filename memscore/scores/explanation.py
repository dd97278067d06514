"""Explanation of a training sample's score: in words, and by its influences and its rivals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from memscore.arrays import Indices
from memscore.scores.tables import PairsTable, ScoreTable


@dataclass(frozen=True)
class Rank:
    """A sample's rank by mem: 1 is the most memorized, None if mem is undefined. `tied` counts other equal samples."""

    rank: int | None
    among: int
    tied: int = 0

    def __str__(self) -> str:
        tied = f" (tied with {self.tied:,} other{'s'[: self.tied > 1]})" if self.tied else ""
        return f"{self.rank:,} of {self.among:,}{tied}"


@dataclass(frozen=True)
class Rival:
    """A training sample that influences some of the same test samples as another.

    `shared` counts these test samples; `overlap` sums over them the smaller of the two influences.
    """

    index: int
    shared: int
    overlap: float


def places(table: ScoreTable, index: int) -> tuple[Rank, Rank]:
    """The rank of a training sample among all samples, and within its class."""
    mem, same = table["mem"], table["label"] == table["label"][index]
    value = mem[index]

    def rank(of: np.ndarray) -> Rank:
        if np.isnan(value):
            return Rank(None, len(of))
        return Rank(1 + int((of > value).sum()), len(of), int((of == value).sum()) - 1)

    return rank(mem), rank(mem[same])


def in_words(table: ScoreTable, index: int, class_name: str) -> str:
    """Describe a sample's score in one sentence."""
    mem, low, high = (float(table[name][index]) for name in ("mem", "mem_low", "mem_high"))
    if math.isnan(mem):
        return "Its mem is undefined: it was never held out, or never trained on; run more trials."
    overall, in_class = places(table, index)
    found = f"mem {mem:.3f}" + ("" if math.isnan(low) else f" (95 % interval {low:.3f} to {high:.3f})")
    place = f"rank {overall} in memorization, {in_class} in class {class_name}."
    n_in, n_out = int(table["n_in"][index]), int(table["n_out"][index])
    if not n_in or not n_out:
        return f"Imported without counts: {found}; {place}"
    right_in, right_out = (round(float(table[p][index]) * n) for p, n in (("p_in", n_in), ("p_out", n_out)))
    return (
        f"Right in {right_in} of {n_in} trials that trained on it, and in {right_out} of {n_out} that did not: "
        f"{found}; {place}"
    )


def influenced(pairs: PairsTable, index: int) -> Indices:
    """Rows of the pairs table in which a training sample influences a test sample: those that hold first.

    Each group strongest first.
    """
    rows = pairs.of_train(index)
    return rows[np.argsort(~pairs.holding[rows], kind="stable")]


def others(pairs: PairsTable, index: int, tests: Indices) -> Indices:
    """Rows in which other training samples influence any of these test samples, strongest first."""
    rows = np.concatenate([np.zeros(0, np.int64), *(pairs.of_test(int(test)) for test in np.unique(tests))])
    return np.sort(rows[pairs["train_index"][rows] != index])


def rivals(pairs: PairsTable, index: int, limit: int, *, holding: bool = False) -> list[Rival]:
    """The nearest rivals of a training sample over all test samples it influences, greatest overlap first.

    holding: count only pairs that hold, if pairs were tested at all; most others are chance.
    """
    own = influenced(pairs, index)
    holding = holding and pairs.tested
    if holding:
        own = own[pairs.holding[own]]
    beside = others(pairs, index, pairs["test_index"][own])
    if holding:
        beside = beside[pairs.holding[beside]]
    by_test = own[np.argsort(pairs["test_index"][own])]
    place = np.searchsorted(pairs["test_index"][by_test], pairs["test_index"][beside])
    smaller = np.minimum(pairs["infl"][by_test[place]], pairs["infl"][beside])
    found, rival = np.unique(pairs["train_index"][beside], return_inverse=True)
    shared = np.bincount(rival, minlength=len(found))
    overlap = np.bincount(rival, smaller, len(found)).round(6)  # so that equal values tie
    nearest = np.lexsort((found, -overlap))[:limit]
    return [Rival(int(found[one]), int(shared[one]), float(overlap[one])) for one in nearest]
