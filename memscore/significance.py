"""p-values and q-values of pairs: Fisher's exact test with mid-p, and Benjamini-Hochberg over a histogram.

Given its margins, S of a pair is hypergeometric if the subset does not matter, so its p-value depends on
(n_in, y, S) alone. Pairs that share these are one *cell*; counting the pairs of each cell is enough for exact
q-values, in memory that does not grow with the number of pairs.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from memscore.statistics import Floats, Integers

CELLS = 1 << 24
"""Cells of the largest table of exact p-values (two arrays of 128 MB)."""


class PairTest:
    """The one-sided test "training on i does not help j" for all pairs of n training and q test samples.

    n_in int64 [n] and test_correct y int64 [q] count trials, out of `trials` t. `p` float64 [cells] is the
    p-value of each cell, P[S' > S] + P[S' = S] / 2 for hypergeometric S'; `count` int64 [cells] is the histogram
    that `add` fills. Pairs of a sample that was always or never trained on have no cell.
    """

    def __init__(self, n_in: Integers, test_correct: Integers, trials: int) -> None:
        self.trials = trials
        self.defined = (n_in > 0) & (n_in < trials)
        self.inside = np.unique(n_in[self.defined])
        self.row = np.searchsorted(self.inside, n_in)
        self.correct, self.column = np.unique(test_correct, return_inverse=True)
        self.lowest = np.maximum(0, self.inside[:, None] + self.correct[None, :] - trials)
        highest = np.minimum(self.inside[:, None], self.correct[None, :])
        self.width = int((highest - self.lowest).max(initial=0)) + 1
        tails = [mid_p_tails(trials, int(inside), self.correct, self.width) for inside in self.inside]
        self.p = np.concatenate([tail.ravel() for tail in tails]) if tails else np.empty(0)
        self.count = np.zeros(len(self.p), np.int64)
        offset = np.arange(self.lowest.size).reshape(self.lowest.shape) * self.width
        self.base = offset - self.lowest

    def cells(self, joint: npt.NDArray[np.number], train: Integers, test: Integers) -> npt.NDArray[np.intp]:
        """The cells of S [a, b] of the training samples `train` [a] and test samples `test` [b]."""
        base = (
            self.base[self.row[train]][:, self.column[test]]
            if len(self.inside) > 1
            else self.base[0, self.column[test]]
        )
        return np.add(joint, base, dtype=np.int64, casting="unsafe")

    def cells_of(self, joint: Integers, train: Integers, test: Integers) -> npt.NDArray[np.intp]:
        """The cells of single pairs: S, training and test sample of each, [k]."""
        return joint + self.base[self.row[train], self.column[test]]

    def add(self, cells: npt.NDArray[np.intp]) -> None:
        """Count pairs."""
        np.add.at(self.count, cells.ravel(), 1)

    def q_values(self) -> Floats:
        """q-values [cells] over all pairs counted; NaN in cells without a pair."""
        present = np.flatnonzero(self.count)
        q = np.full(len(self.p), np.nan)
        q[present] = benjamini_hochberg(self.p[present], self.count[present])
        return q


def benjamini_hochberg(p: Floats, count: Integers | None = None) -> Floats:
    """q-values of p-values [k]: the smallest false-discovery rate at which each would be reported.

    Benjamini and Hochberg (1995). With `count` [k], p[i] stands for count[i] > 0 equal p-values.
    """
    order = np.argsort(p, kind="stable")
    rank = np.arange(1, len(p) + 1) if count is None else np.cumsum(count[order])
    scaled = p[order] * (rank[-1] if len(rank) else 0) / rank
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def mid_p_tails(trials: int, inside: int, correct: Integers, width: int) -> Floats:
    """P[S > s] + P[S = s] / 2 for s = lowest, lowest + 1, ...: float64 [len(correct), width].

    S is the number of right ones among `inside` of `trials` trials of which `correct` [k] are right, and its
    lowest possible value max(0, inside + correct - trials); 0 beyond the highest.
    """
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    held_out = trials - inside
    within = log_factorial[: inside + 1] + log_factorial[inside::-1]  # by s
    without = log_factorial[: held_out + 1] + log_factorial[held_out::-1]  # by y - s
    constant = within[0] + without[0] - log_factorial[trials] + log_factorial[correct] + log_factorial[trials - correct]
    lowest = np.maximum(0, correct - held_out)
    steps = np.arange(width)
    s = np.minimum(lowest[:, None] + steps, np.minimum(inside, correct)[:, None])
    mass = np.exp(constant[:, None] - within[s] - without[correct[:, None] - s])
    mass[steps > (np.minimum(inside, correct) - lowest)[:, None]] = 0
    above = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1] - mass
    return np.clip(above + mass / 2, 0, 1)
