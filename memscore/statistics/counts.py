"""Additive integer counts that determine a study's tables, so that a rebuild never re-reads a trial.

M [t, n] is membership, Y [t, q] correctness on the test samples; S = M^T Y is kept for same-class pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Int32, Int64, Labels, UInt8
from memscore.errors import InvalidInput
from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.output_counts import MarginCounts, ProbabilityCounts, TargetMargins, Votes, sums
from memscore.statistics.placebo import PlaceboCounts, first_classes
from memscore.study.evidence import Evidence, Margins
from memscore.study.margins import soft_correctness
from memscore.study.spec import BLOCK, Design

BUFFER = 1 << 24
"""Elements of the largest temporary array used in counting: 64 MB in single precision."""


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


@dataclass
class SoftCounts:
    """Sums of the soft correctness of test samples, in bytes with 255 for 1, over the trials that recorded margins.

    n_in int64 [n]; test_sum, test_squares, test_cubes int64 [q]; of the correct trials alone test_correct and their
    squares, correct_squares, int64 [q], and their number, correct int64 [q]; joint int32 [n_c, q_c] of each class: sums
    over the trials that trained on the row's sample.
    """

    trials: int
    n_in: Int64
    test_sum: Int64
    test_squares: Int64
    test_cubes: Int64
    test_correct: Int64
    correct_squares: Int64
    correct: Int64
    joint: list[Int32]

    @classmethod
    def empty(cls, samples: int, test_samples: int, sizes: list[tuple[int, int]]) -> SoftCounts:
        """The sums over zero trials, for classes of `sizes` training and test samples."""
        none, test_none = np.zeros(samples, np.int64), np.zeros(test_samples, np.int64)
        joint = [np.zeros(size, np.int32) for size in sizes]
        return cls(0, none, test_none, test_none, test_none, test_none, test_none, test_none, joint)

    def add(self, membership: Bools, soft: UInt8, correct: Bools, groups: list[ClassGroup]) -> None:
        """Count t trials, in place: membership [t, n], soft correctness [t, q] and correctness [t, q]."""
        test_sum, test_squares = sums(soft)
        self.trials += len(soft)
        self.n_in = self.n_in + membership.sum(axis=0, dtype=np.int64)
        self.test_sum = self.test_sum + test_sum
        self.test_squares = self.test_squares + test_squares
        self.test_cubes = self.test_cubes + (soft.astype(np.uint32) ** 3).sum(axis=0, dtype=np.int64)
        right_sum, right_squares = sums(np.where(correct, soft, np.uint8(0)))
        self.test_correct = self.test_correct + right_sum
        self.correct_squares = self.correct_squares + right_squares
        self.correct = self.correct + correct.sum(axis=0, dtype=np.int64)
        for group, joint in zip(groups, self.joint, strict=False):  # there may be joints of fewer classes
            _add_joint(joint, membership, group.train, soft[:, group.test])

    def __add__(self, other: SoftCounts) -> SoftCounts:
        return SoftCounts(
            self.trials + other.trials,
            self.n_in + other.n_in,
            self.test_sum + other.test_sum,
            self.test_squares + other.test_squares,
            self.test_cubes + other.test_cubes,
            self.test_correct + other.test_correct,
            self.correct_squares + other.correct_squares,
            self.correct + other.correct,
            [mine + theirs for mine, theirs in zip(self.joint, other.joint, strict=True)],
        )

    def __sub__(self, part: SoftCounts) -> SoftCounts:
        """What is left without `part`, of the classes that it has."""
        return SoftCounts(
            self.trials - part.trials,
            self.n_in - part.n_in,
            self.test_sum - part.test_sum,
            self.test_squares - part.test_squares,
            self.test_cubes - part.test_cubes,
            self.test_correct - part.test_correct,
            self.correct_squares - part.correct_squares,
            self.correct - part.correct,
            [mine - theirs for mine, theirs in zip(self.joint, part.joint, strict=False)],
        )


@dataclass
class Counts:
    """The counts of a study, independent of the order and portions in which its trials are added.

    train_labels int32 [n], test_labels int32 [q]; groups: the classes; joint: S int32 [n_c, q_c] of each class.
    even, odd: the per-sample counts of even-numbered and odd-numbered blocks, two halves for checks.
    weighted_correct int64 [q]: the sum over trials of subset size times Y, which is S summed over all n samples.
    full_trials: trials on all samples, not counted elsewhere; full_correct int64 [q]: how many of them are correct.
    margin_even, margin_odd, soft, votes (of held-out trials), test_votes, targets: of the trials that recorded margins.
    joint_even, soft_even: S and soft correctness of the even-numbered blocks, for the first classes alone: the
    influences that two halves of the trials find can be compared there.
    placebo: None unless the study's design is given.
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
    margin_even: MarginCounts
    margin_odd: MarginCounts
    soft: SoftCounts
    joint_even: list[npt.NDArray[np.int32]]
    soft_even: SoftCounts
    votes: Votes
    test_votes: Votes
    targets: TargetMargins
    placebo: PlaceboCounts | None

    @classmethod
    def empty(cls, train_labels: Labels, test_labels: Labels, design: Design | None = None) -> Counts:
        """The counts of zero trials on a dataset with the labels [n] and [q]; with `design`, of placebo pairs too."""
        n, q = len(train_labels), len(test_labels)
        groups = class_groups(train_labels, test_labels)
        sizes = [(len(group.train), len(group.test)) for group in groups]
        return cls(
            np.asarray(train_labels, np.int32),
            np.asarray(test_labels, np.int32),
            groups,
            [np.zeros(size, np.int32) for size in sizes],
            SufficientStatistics.empty(n, q),
            SufficientStatistics.empty(n, q),
            np.zeros(q, np.int64),
            0,
            np.zeros(q, np.int64),
            ProbabilityCounts.empty(n, q),
            MarginCounts.empty(n, q),
            MarginCounts.empty(n, q),
            SoftCounts.empty(n, q, sizes),
            [np.zeros(size, np.int32) for size in first_classes(sizes)],
            SoftCounts.empty(n, q, first_classes(sizes)),
            Votes(),
            Votes(),
            TargetMargins(),
            None if design is None else PlaceboCounts.empty(design, sizes),
        )

    @classmethod
    def of(cls, evidence: Evidence, train_labels: Labels, test_labels: Labels, design: Design | None = None) -> Counts:
        """Count the evidence; with `design`, placebo pairs too."""
        counts = cls.empty(train_labels, test_labels, design)
        counts.add(evidence)
        return counts

    @property
    def statistics(self) -> SufficientStatistics:
        """The per-sample counts of all trials."""
        return self.even + self.odd

    @property
    def margins(self) -> MarginCounts:
        """The sums of margins over all trials that recorded them."""
        return self.margin_even + self.margin_odd

    @property
    def trials(self) -> int:
        """The number of trials counted, without full trials."""
        return self.even.trials + self.odd.trials

    def add(self, evidence: Evidence) -> None:
        """Count more trials, in place. The caller ensures that no trial is counted twice."""
        if not evidence.trials:
            return
        odd = evidence.numbers // BLOCK % 2 == 1
        even_half, odd_half = (_part(evidence, chosen) for chosen in (~odd, odd))
        self.even += SufficientStatistics.of(even_half)
        self.odd += SufficientStatistics.of(odd_half)
        self.weighted_correct += np.einsum(
            "t,tq->q", evidence.membership.sum(axis=1, dtype=np.int64), evidence.test_correct
        )
        for joints, part in ((self.joint, evidence), (self.joint_even, even_half)):
            for group, joint in zip(self.groups, joints, strict=False):  # joint_even has the first classes alone
                _add_joint(joint, part.membership, group.train, part.test_correct[:, group.test])
        phantoms = None if self.placebo is None else self.placebo.membership(evidence.numbers)
        if self.placebo is not None and phantoms is not None:
            self.placebo.n_in += phantoms.sum(axis=0, dtype=np.int64)
            self._add_placebo(self.placebo.joint, phantoms, evidence.test_correct)
        if evidence.margins is not None:
            self._add_margins(evidence, evidence.margins, phantoms)
            self.margin_even = self._with_margins(self.margin_even, even_half)
            self.margin_odd = self._with_margins(self.margin_odd, odd_half)
            self._add_soft(self.soft_even, even_half)
        if evidence.train_probability is not None and evidence.test_probability is not None:
            for rows in self._steps(evidence):
                self.probability += ProbabilityCounts.of(
                    evidence.membership[rows], evidence.train_probability[rows], evidence.test_probability[rows]
                )

    def _add_margins(self, evidence: Evidence, margins: Margins, phantoms: Bools | None) -> None:
        soft = self._add_soft(self.soft, evidence)
        if self.placebo is not None and phantoms is not None:
            self.placebo.soft_n_in += phantoms.sum(axis=0, dtype=np.int64)
            self._add_placebo(self.placebo.soft_joint, phantoms, soft)
        self.votes.add(margins.train_mistakes, evidence.membership)
        self.test_votes.add(margins.test_mistakes)
        self.targets.add(evidence.numbers, evidence.membership, margins.train)

    def _add_soft(self, counts: SoftCounts, evidence: Evidence) -> UInt8:
        """Count the soft correctness of trials with margins in `counts`, and return it, uint8 [t, q]."""
        assert evidence.margins is not None
        soft = soft_correctness(evidence.margins.test)
        counts.add(evidence.membership, soft, evidence.test_correct, self.groups)
        return soft

    def _with_margins(self, counts: MarginCounts, evidence: Evidence) -> MarginCounts:
        """The counts with those of more trials with margins, a few at a time."""
        assert evidence.margins is not None
        train, test = evidence.margins.train, evidence.margins.test
        for rows in self._steps(evidence):
            counts += MarginCounts.of(evidence.membership[rows], train[rows], test[rows])
        return counts

    def _steps(self, evidence: Evidence) -> Iterator[slice]:
        """The trials, as many at a time as BUFFER allows."""
        step = max(1, BUFFER // (4 * len(self.train_labels)))
        for first in range(0, evidence.trials, step):
            yield slice(first, first + step)

    def _add_placebo(self, joints: list[Int32], phantoms: Bools, values: Bools | UInt8) -> None:
        first = 0
        for group, joint in zip(self.groups, joints, strict=False):  # placebo pairs may be of fewer classes
            train = np.arange(first, first + len(joint))
            _add_joint(joint, phantoms, train, values[:, group.test])
            first += len(joint)

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
            self.margin_even + other.margin_even,
            self.margin_odd + other.margin_odd,
            self.soft + other.soft,
            [mine + theirs for mine, theirs in zip(self.joint_even, other.joint_even, strict=True)],
            self.soft_even + other.soft_even,
            self.votes + other.votes,
            self.test_votes + other.test_votes,
            self.targets + other.targets,
            None if self.placebo is None or other.placebo is None else self.placebo + other.placebo,
        )


def _part(evidence: Evidence, chosen: Bools) -> Evidence:
    """The evidence of the chosen trials bool [t]; itself, without copies, if these are all."""
    return evidence if chosen.all() else evidence.select(np.flatnonzero(chosen))


def _add_joint(joint: Int32, membership: Bools, train: Int64, values: Bools | UInt8) -> None:
    """joint += M^T V for a class, a few rows at a time, from values [t, q_c] of its test samples.

    Single precision is exact below 2**24, which is 65,793 trials of bytes.
    """
    factors = values.astype(np.float32)
    step = max(1, BUFFER // max(factors.shape))
    for first in range(0, len(train), step):
        rows = membership[:, train[first : first + step]].astype(np.float32)
        joint[first : first + step] += (rows.T @ factors).astype(np.int32)


def _by_label(labels: Labels) -> dict[int, Int64]:
    order = np.argsort(labels, kind="stable")
    values, firsts = np.unique(labels[order], return_index=True)
    return dict(zip(values.tolist(), np.split(order, firsts[1:]), strict=True)) if len(labels) else {}
