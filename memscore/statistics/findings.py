"""What holds among the pairs of the same class: weighted q-values and posteriors of influence, and checks of both.

The pairs of a class are added one after another; cells of two histograms determine what is found, in memory that does
not grow with the number of pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64, Int32, Int64, UInt8
from memscore.statistics import effects
from memscore.statistics.counts import Counts, SoftCounts
from memscore.statistics.effects import CELLS, Posterior, effect_cells
from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.shifts import LEAST_TRIALS, Outcomes, Permutation, Shifts, both, correlations, shifts
from memscore.statistics.significance import PairTest, benjamini_hochberg
from memscore.statistics.similarity import Similarity, weights
from memscore.statistics.weighted import WeightedTest

MARGINS_ENOUGH = 2 / 3
"""Share of the trials that must have margins for soft correctness to say more than bits: it is worth 1.5 trials."""

LEVEL = 0.05
"""The false-discovery rate at which placebo pairs are counted."""

LEAST_WEIGHT = 1e-9
"""Weights of empty bins, which nothing uses."""

LIKELY = 0.5
"""Pairs with a posterior probability above this are compared between the halves of the trials."""

Cells = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Found:
    """Of pairs [a, b]: cells int32 of the weighted test and of effects, -1 if undefined; infl and its variance."""

    tested: Cells
    sized: Cells
    infl: Float64
    variance: Float64


class Findings:
    """The weighted test and the posterior of all pairs that are added, of these bins of similarity by class."""

    def __init__(self, source: Source, bins: Sequence[UInt8]) -> None:
        self.source = source
        self.bins = bins
        self.permutation = Permutation(source.tested)
        self.bends = self.permutation if source.sized is source.tested else Permutation(source.sized)
        self.test = WeightedTest()
        self.effects = np.zeros(CELLS, np.int64)
        self.weights: dict[int, Float64] = {}

    def add(self, at: int, rows: Int64, train: Int64, test: Int64) -> Found:
        """Count the pairs of class `at`: those of its `rows` [a], training samples `train` [a], with all of `test` [b].

        Pairs of an undefined training sample are left out.
        """
        sized, found = self.add_sized(at, rows, train, test)
        return Found(self.add_tested(at, rows, train, test), sized, found.infl, found.variance)

    def add_tested(self, at: int, rows: Int64, train: Int64, test: Int64) -> Cells:
        """Count pairs as `add` does, in the weighted test alone; returns their cells."""
        defined = self.source.tested.defined[train]
        if not defined.all():
            cells = np.full((len(rows), len(test)), -1, np.int32)
            cells[defined] = self.add_tested(at, rows[defined], train[defined], test)
            return cells
        source = self.source
        if source.exact is None:
            i, j = train[:, None], test[None, :]
            p = self.permutation.p_values(correlations(source.joint[at][rows], source.tested, i, j), i, j)
        else:
            p = source.exact.p[source.exact.cells(source.bits[at][rows], train, test)]
        if at not in self.weights:
            self.weights[at] = np.maximum(weights(self.bins[at]), LEAST_WEIGHT)
        cells = self.test.cells(p, self.weights[at][self.bins[at][rows]])
        self.test.add(cells)
        return cells.astype(np.int32)

    def add_sized(self, at: int, rows: Int64, train: Int64, test: Int64) -> tuple[Cells, Shifts]:
        """Count pairs as `add` does, for the posterior alone; returns their cells and shifts, NaN where undefined."""
        cells, found = self.sized(at, rows, train, test)
        np.add.at(self.effects, cells[cells >= 0], 1)
        return cells, found

    def sized(self, at: int, rows: Int64, train: Int64, test: Int64) -> tuple[Cells, Shifts]:
        """The cells and shifts of pairs, which are not counted; -1 and NaN where undefined."""
        defined = self.source.tested.defined[train]
        if not defined.all():
            shape = len(rows), len(test)
            cells, infl, variance = np.full(shape, -1, np.int32), *np.full((2, *shape), np.nan)
            cells[defined], some = self.sized(at, rows[defined], train[defined], test)
            infl[defined], variance[defined] = some.infl, some.variance
            return cells, Shifts(infl, variance)
        source, i, j = self.source, train[:, None], test[None, :]
        joint = source.joint[at][rows]
        if source.sized is not source.tested:
            joint = both(joint, source.bits[at][rows])
        found = shifts(joint, source.sized, i, j)
        if not source.margins:
            inside = source.sized.n_in[i].astype(np.float64)
            added = 1 / (inside * (source.sized.trials - inside))  # as if one more trial were wrong
            found = Shifts(found.infl, found.variance + added)
        # Between that of the residuals, too small where the shift is large by chance, and that of the outcome.
        variance = found.variance + np.square(found.infl) / (2 * max(1, source.sized.trials - 2))
        return effect_cells(found.infl, variance, self.bends.bend(i, j), self.bins[at][rows]), found

    def posterior(self, threshold: float) -> Posterior:
        """The posterior of P(infl > threshold) from all pairs added."""
        return effects.fit(self.effects, self.source.sized.trials, threshold)


@dataclass(frozen=True)
class Source:
    """What findings rest on: margins where enough trials have them, otherwise bits.

    tested: the outcomes that are tested; sized: those that effects are estimated from. joint and bits: S of each class,
    of soft correctness (or bits again) and of bits. exact: the test by mid-p values that is used for bits.
    """

    margins: bool
    tested: Outcomes
    sized: Outcomes
    joint: list[Int32]
    bits: list[Int32]
    exact: PairTest | None

    @classmethod
    def of(cls, counts: Counts) -> Source | None:
        """The source of all trials; None if there are too few."""
        return cls.best(counts.soft, counts.joint, counts.statistics)

    @classmethod
    def of_halves(cls, counts: Counts) -> tuple[Source, Source] | None:
        """The sources of the even and of the odd blocks, of the first classes; None if either has too few trials."""
        joint_odd = [mine - even for mine, even in zip(counts.joint, counts.joint_even, strict=False)]
        even = cls.best(counts.soft_even, counts.joint_even, counts.even)
        odd = cls.best(counts.soft - counts.soft_even, joint_odd, counts.odd)
        return None if even is None or odd is None else (even, odd)

    @classmethod
    def best(cls, soft: SoftCounts, bits: list[Int32], statistics: SufficientStatistics) -> Source | None:
        """The better source of these sums; None if there are too few trials."""
        if statistics.trials < LEAST_TRIALS:
            return None
        if soft.trials >= max(LEAST_TRIALS, MARGINS_ENOUGH * statistics.trials):
            tested = Outcomes.of_soft(soft)
            sized = Outcomes.of_both(soft) if soft.trials == statistics.trials else tested
            return cls(True, tested, sized, soft.joint, bits, None)
        tested = Outcomes.of_bits(statistics)
        exact = PairTest(statistics.n_in, statistics.test_correct, statistics.trials)
        return cls(False, tested, tested, bits, bits, exact)


@dataclass(frozen=True)
class FalseShare:
    """What a test finds at LEVEL among real pairs and as many placebo pairs, of which no finding is true."""

    real: int
    placebo: int

    @property
    def share(self) -> float:
        """The estimated share of false findings: real pairs without influence are about as many as placebo pairs."""
        return min(1.0, 2 * self.placebo / max(1, self.real + self.placebo))


@dataclass(frozen=True)
class PlaceboCheck:
    """The false share of the exact test on bits, and of the weighted test, over `pairs` placebo pairs."""

    pairs: int
    exact: FalseShare
    weighted: FalseShare


def placebo_check(counts: Counts, similarity: Similarity) -> PlaceboCheck | None:
    """Test the placebo pairs together with the real pairs of the same classes; None without either or a source."""
    source, placebo = Source.of(counts), counts.placebo
    if source is None or placebo is None:
        return None
    groups = counts.groups[: len(placebo.joint)]
    bins = similarity.bins
    phantoms: list[Int64] = np.split(np.arange(len(placebo.n_in)), np.cumsum(placebo.sizes)[:-1])
    pairs = sum(joint.size for joint in placebo.joint)

    correct, trials = counts.statistics.test_correct, counts.trials
    real, made = (PairTest(n_in, correct, trials) for n_in in (counts.statistics.n_in, placebo.n_in))
    for group, train, joint, made_joint in zip(groups, phantoms, counts.joint, placebo.joint, strict=False):
        rows = real.defined[group.train]
        real.add(real.cells(joint[rows], group.train[rows], group.test))
        rows = made.defined[train]
        made.add(made.cells(made_joint[rows], train[rows], group.test))
    count = np.concatenate([real.count, made.count])
    held = np.flatnonzero(count)
    found = held[benjamini_hochberg(np.concatenate([real.p, made.p])[held], count[held]) <= LEVEL]
    of_real = found < len(real.p)
    exact = FalseShare(int(count[found[of_real]].sum()), int(count[found[~of_real]].sum()))

    n_in = placebo.soft_n_in if source.margins else placebo.n_in
    tested = replace(source.tested, n_in=n_in)
    joints = placebo.soft_joint if source.margins else placebo.joint
    phantom = Source(source.margins, tested, tested, joints, placebo.joint, None if source.margins else made)
    mine, theirs = Findings(replace(source, sized=source.tested), bins), Findings(phantom, bins)
    for at, (group, train) in enumerate(zip(groups, phantoms, strict=True)):
        rows = np.arange(len(train))
        mine.add_tested(at, rows, group.train, group.test)
        theirs.add_tested(at, rows, train, group.test)
    together = WeightedTest()
    together.count = mine.test.count + theirs.test.count
    significant = together.q_values(2 * pairs) <= LEVEL
    weighted = FalseShare(int(mine.test.count[significant].sum()), int(theirs.test.count[significant].sum()))
    return PlaceboCheck(pairs, exact, weighted)


@dataclass(frozen=True)
class HalvesCheck:
    """Pairs that one half of the trials finds likely, both ways: the mean infl it predicts, and what the other finds.

    found rests on bits alone; error is its standard error, of independent pairs.
    """

    pairs: int
    predicted: float
    found: float
    error: float


def halves_check(counts: Counts, similarity: Similarity, threshold: float) -> HalvesCheck | None:
    """Compare the posterior of each half of the trials with the bits of the other; None if no pair is likely."""
    halves = Source.of_halves(counts)
    if halves is None:
        return None
    predicted: list[Float64] = []
    found: list[Float64] = []
    variances: list[Float64] = []
    odd = [mine - even for mine, even in zip(counts.joint, counts.joint_even, strict=False)]
    for source, joints, other in ((halves[0], odd, counts.odd), (halves[1], counts.joint_even, counts.even)):
        findings = Findings(source, similarity.bins)
        sized = [
            findings.add_sized(at, np.arange(len(group.train)), group.train, group.test)[0]
            for at, group in enumerate(counts.groups[: len(source.joint)])
        ]
        posterior = findings.posterior(threshold)
        likely = posterior.strong > LIKELY
        outcomes = Outcomes.of_bits(other)
        for group, cells, joint in zip(counts.groups, sized, joints, strict=False):
            rows, columns = np.nonzero((cells >= 0) & likely[cells] & outcomes.defined[group.train][:, None])
            one = shifts(joint[rows, columns], outcomes, group.train[rows], group.test[columns])
            predicted.append(posterior.mean[cells[rows, columns]])
            found.append(one.infl)
            variances.append(one.variance)
    count = sum(map(len, found))
    if not count:
        return None
    error = float(np.sqrt(np.concatenate(variances).sum())) / count
    return HalvesCheck(count, float(np.concatenate(predicted).mean()), float(np.concatenate(found).mean()), error)
