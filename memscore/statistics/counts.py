"""Additive integer counts that determine a study's tables, so that a rebuild never re-reads a trial.

M [t, n] is membership, Y [t, q] correctness on the test samples; S = M^T Y is kept for same-class pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Int64, Labels
from memscore.errors import InvalidInput
from memscore.statistics.estimates import SufficientStatistics
from memscore.study.evidence import Evidence
from memscore.study.spec import BLOCK

BUFFER = 1 << 24
"""Elements of the largest temporary array used in counting: 64 MB in single precision."""

CERTAIN = 255
"""The byte that encodes a probability of 1."""


@dataclass(frozen=True)
class ClassGroup:
    """The indices of one class's samples: train int64 [n_c] and test int64 [q_c], ascending."""

    label: int
    train: Int64
    test: Int64


def class_groups(train_labels: Labels, test_labels: Labels) -> list[ClassGroup]:
    """The classes with both training and test samples, by label, from labels [n] and [q]."""
    train, test = _by_label(train_labels), _by_label(test_labels)
    return [ClassGroup(label, train[label], test[label]) for label in train if label in test]


@dataclass(frozen=True)
class ProbabilityCounts:
    """Sums of true-class probabilities in bytes, 255 for 1, over the trials that recorded them.

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
    def empty(cls, samples: int, test_samples: int) -> ProbabilityCounts:
        """The sums over zero trials."""
        none, test_none = np.zeros(samples, np.int64), np.zeros(test_samples, np.int64)
        return cls(0, none, none, none, none, none, test_none, test_none)

    @classmethod
    def of(cls, membership: Bools, train: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8]) -> ProbabilityCounts:
        """Count t trials: membership [t, n], probabilities train [t, n] and test [t, q]."""
        inside = np.where(membership, train, np.uint8(0))
        outside = np.where(membership, np.uint8(0), train)
        return cls(
            len(membership),
            membership.sum(axis=0, dtype=np.int64),
            *_sums(inside),
            *_sums(outside),
            *_sums(test),
        )

    def __add__(self, other: ProbabilityCounts) -> ProbabilityCounts:
        return ProbabilityCounts(
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
        """Trials with recorded probabilities that held the sample out, int64 [n]."""
        return self.trials - self.n_in


@dataclass
class Counts:
    """The counts of a study, independent of the order and portions in which its trials are added.

    train_labels int32 [n], test_labels int32 [q]; groups: the classes; joint: S int32 [n_c, q_c] of each class.
    even, odd: the per-sample counts of even-numbered and odd-numbered blocks, two halves for checks.
    weighted_correct int64 [q]: the sum over trials of subset size times Y, which is S summed over all n samples.
    full_trials: trials on all samples, not counted elsewhere; full_correct int64 [q]: how many of them are correct.
    """

    train_labels: Labels
    test_labels: Labels
    groups: list[ClassGroup]
    joint: list[npt.NDArray[np.int32]]
    even: SufficientStatistics
    odd: SufficientStatistics
    weighted_correct: Int64
    full_trials: int
    full_correct: Int64
    probability: ProbabilityCounts

    @classmethod
    def empty(cls, train_labels: Labels, test_labels: Labels) -> Counts:
        """The counts of zero trials on a dataset with the labels [n] and [q]."""
        n, q = len(train_labels), len(test_labels)
        groups = class_groups(train_labels, test_labels)
        return cls(
            np.asarray(train_labels, np.int32),
            np.asarray(test_labels, np.int32),
            groups,
            [np.zeros((len(group.train), len(group.test)), np.int32) for group in groups],
            SufficientStatistics.empty(n, q),
            SufficientStatistics.empty(n, q),
            np.zeros(q, np.int64),
            0,
            np.zeros(q, np.int64),
            ProbabilityCounts.empty(n, q),
        )

    @classmethod
    def of(cls, evidence: Evidence, train_labels: Labels, test_labels: Labels) -> Counts:
        """Count the evidence."""
        counts = cls.empty(train_labels, test_labels)
        counts.add(evidence)
        return counts

    @property
    def statistics(self) -> SufficientStatistics:
        """The per-sample counts of all trials."""
        return self.even + self.odd

    @property
    def trials(self) -> int:
        """The number of trials counted, without full trials."""
        return self.even.trials + self.odd.trials

    def add(self, evidence: Evidence) -> None:
        """Count more trials, in place. The caller ensures that no trial is counted twice."""
        if not evidence.trials:
            return
        odd = evidence.numbers // BLOCK % 2 == 1
        if not odd.all():
            self.even += SufficientStatistics.of(evidence.select(np.flatnonzero(~odd)) if odd.any() else evidence)
        if odd.any():
            self.odd += SufficientStatistics.of(evidence if odd.all() else evidence.select(np.flatnonzero(odd)))
        self.weighted_correct += np.einsum(
            "t,tq->q", evidence.membership.sum(axis=1, dtype=np.int64), evidence.test_correct
        )
        for group, joint in zip(self.groups, self.joint, strict=True):
            _add_joint(joint, evidence, group)
        if evidence.train_probability is not None and evidence.test_probability is not None:
            step = max(1, BUFFER // (4 * len(self.train_labels)))
            for first in range(0, evidence.trials, step):
                rows = slice(first, first + step)
                self.probability += ProbabilityCounts.of(
                    evidence.membership[rows], evidence.train_probability[rows], evidence.test_probability[rows]
                )

    def add_full(self, test_correct: Bools) -> None:
        """Count full trials, in place, from their correctness on the test samples, bool [f, q]."""
        self.full_trials += len(test_correct)
        self.full_correct += test_correct.sum(axis=0, dtype=np.int64)

    def __add__(self, other: Counts) -> Counts:
        """The sum of both counts. Raises InvalidInput if their labels differ."""
        if not (
            np.array_equal(self.train_labels, other.train_labels)
            and np.array_equal(self.test_labels, other.test_labels)
        ):
            raise InvalidInput("Counts of datasets with different labels cannot be added.")
        return Counts(
            self.train_labels,
            self.test_labels,
            self.groups,
            [mine + theirs for mine, theirs in zip(self.joint, other.joint, strict=True)],
            self.even + other.even,
            self.odd + other.odd,
            self.weighted_correct + other.weighted_correct,
            self.full_trials + other.full_trials,
            self.full_correct + other.full_correct,
            self.probability + other.probability,
        )


def _add_joint(joint: npt.NDArray[np.int32], evidence: Evidence, group: ClassGroup) -> None:
    """joint += M^T Y for a class, a few rows at a time; single precision is exact below 2**24 trials."""
    correct = evidence.test_correct[:, group.test].astype(np.float32)
    step = max(1, BUFFER // max(evidence.trials, len(group.test)))
    for first in range(0, len(group.train), step):
        membership = evidence.membership[:, group.train[first : first + step]].astype(np.float32)
        joint[first : first + step] += (membership.T @ correct).astype(np.int32)


def _by_label(labels: Labels) -> dict[int, Int64]:
    order = np.argsort(labels, kind="stable")
    values, firsts = np.unique(labels[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, firsts[1:]), strict=True))


def _sums(values: npt.NDArray[np.uint8]) -> tuple[Int64, Int64]:
    """Sums of values and of their squares over the first axis."""
    squares = values.astype(np.uint16) ** 2
    return values.sum(axis=0, dtype=np.int64), squares.sum(axis=0, dtype=np.int64)
