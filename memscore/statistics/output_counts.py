"""Additive integer counts of what models say beyond correctness: probabilities, margins and predicted classes.

Margins are decoded ones (`memscore.study.margins`), in 256ths: sums of integers do not depend on order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Int32, Int64, UInt8
from memscore.study.evidence import Mistakes
from memscore.study.margins import Codes, decode

TARGETS = 20
"""The first trials, whose margins are kept whole: models for membership inference to be tried on."""

_SHIFT = 16


@dataclass(frozen=True)
class ValueCounts:
    """Sums of a whole number that models give each sample, and of its squares, over the trials that recorded it.

    n_in, sum_in, squares_in, sum_out, squares_out int64 [n]; test_sum, test_squares int64 [q].
    """

    trials: int
    n_in: Int64
    sum_in: Int64
    squares_in: Int64
    sum_out: Int64
    squares_out: Int64
    test_sum: Int64
    test_squares: Int64

    @classmethod
    def empty(cls, samples: int, test_samples: int) -> Self:
        """The sums over zero trials."""
        none, test_none = np.zeros(samples, np.int64), np.zeros(test_samples, np.int64)
        return cls(0, none, none, none, none, none, test_none, test_none)

    @classmethod
    def of_values(cls, membership: Bools, train: UInt8 | Int32, test: UInt8 | Int32) -> Self:
        """Count t trials: membership [t, n], values train [t, n] and test [t, q]."""
        inside = np.where(membership, train, train.dtype.type(0))
        return cls(
            len(membership),
            membership.sum(axis=0, dtype=np.int64),
            *sums(inside),
            *sums(train - inside),
            *sums(test),
        )

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.trials + other.trials,
            self.n_in + other.n_in,
            self.sum_in + other.sum_in,
            self.squares_in + other.squares_in,
            self.sum_out + other.sum_out,
            self.squares_out + other.squares_out,
            self.test_sum + other.test_sum,
            self.test_squares + other.test_squares,
        )

    @property
    def n_out(self) -> Int64:
        """Trials with recorded values that held the sample out, int64 [n]."""
        return self.trials - self.n_in


class ProbabilityCounts(ValueCounts):
    """Sums of true-class probabilities in bytes, 255 for 1."""

    @classmethod
    def of(cls, membership: Bools, train: UInt8, test: UInt8) -> Self:
        """Count t trials: membership [t, n], probabilities train [t, n] and test [t, q]."""
        return cls.of_values(membership, train, test)


class MarginCounts(ValueCounts):
    """Sums of margins in 256ths, and of their squares."""

    @classmethod
    def of(cls, membership: Bools, train: Codes, test: Codes) -> Self:
        """Count t trials: membership [t, n], codes train [t, n] and test [t, q]."""
        return cls.of_values(membership, decode(train), decode(test))


@dataclass
class Votes:
    """How many trials predicted each wrong class for each sample, as far as any did.

    Counts of pairs of sample and class; samples and classes that no trial paired take no memory.
    """

    keys: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    counts: Int64 = field(default_factory=lambda: np.empty(0, np.int64))
    waiting: list[Int64] = field(default_factory=list[Int64])

    def add(self, mistakes: Mistakes, membership: Bools | None = None) -> None:
        """Count mistakes, in place; with membership bool [t, n], only those of trials that held the sample out."""
        sample, predicted = mistakes.sample, mistakes.predicted
        if membership is not None:
            held_out = ~membership[mistakes.trial, sample]
            sample, predicted = sample[held_out], predicted[held_out]
        self.waiting.append((sample << _SHIFT) | predicted)
        # Sorting all keys for each block would cost more with every block: they wait until they are a quarter.
        if sum(map(len, self.waiting)) > max(1 << 16, len(self.keys) // 4):
            self._settle()

    def found(self) -> tuple[Int64, Int64, Int64]:
        """Sample, wrong class and number of trials, int64 [k] each, ascending by sample, then by class."""
        self._settle()
        return self.keys >> _SHIFT, self.keys & ((1 << _SHIFT) - 1), self.counts

    def leading(self, samples: int) -> tuple[Int64, Int64]:
        """The wrong class that most trials predicted for each of n samples, and their number, int64 [n] each.

        Of equals, the lower class; -1 and 0 where no trial predicted a wrong class.
        """
        sample, predicted, counts = self.found()
        label, most = np.full(samples, -1, np.int64), np.zeros(samples, np.int64)
        order = np.lexsort((predicted, -counts, sample))
        first = order[np.diff(sample[order], prepend=-1) > 0]
        label[sample[first]], most[sample[first]] = predicted[first], counts[first]
        return label, most

    def __add__(self, other: Votes) -> Votes:
        self._settle()
        other._settle()
        keys, place = np.unique(np.concatenate([self.keys, other.keys]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        return Votes(keys, counts)

    def _settle(self) -> None:
        if self.waiting:
            keys, counts = np.unique(np.concatenate(self.waiting), return_counts=True)
            self.waiting = []
            both = self + Votes(keys, counts.astype(np.int64))
            self.keys, self.counts = both.keys, both.counts


@dataclass
class TargetMargins:
    """Membership bool [n] and codes int8 [n] of the first trials that recorded margins, at most TARGETS, by number."""

    trials: dict[int, tuple[Bools, Codes]] = field(default_factory=dict[int, tuple[Bools, Codes]])

    def add(self, numbers: npt.NDArray[np.int64], membership: Bools, train: Codes) -> None:
        """Keep the targets among t trials, in place: numbers [t], membership [t, n], codes [t, n]."""
        for number, row in sorted((int(number), row) for row, number in enumerate(numbers)):
            if len(self.trials) >= TARGETS and number > max(self.trials):
                break
            self.trials[number] = membership[row].copy(), train[row].copy()
            self.trials = _first(self.trials)

    def ordered(self) -> Mapping[int, tuple[Bools, Codes]]:
        """The targets by ascending number."""
        return dict(sorted(self.trials.items()))

    def __add__(self, other: TargetMargins) -> TargetMargins:
        return TargetMargins(_first({**self.trials, **other.trials}))


def _first(trials: dict[int, tuple[Bools, Codes]]) -> dict[int, tuple[Bools, Codes]]:
    """Of these trials, the TARGETS with the smallest numbers."""
    return {number: trials[number] for number in sorted(trials)[:TARGETS]}


def sums(values: UInt8 | Int32) -> tuple[Int64, Int64]:
    """Sums of values [t, ...] and of their squares over the first axis; squares of bytes need two, of margins four."""
    square = np.uint16 if values.dtype == np.uint8 else np.int32
    return values.sum(axis=0, dtype=np.int64), np.square(values, dtype=square).sum(axis=0, dtype=np.int64)
