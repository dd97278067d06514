"""p-values and q-values of pairs: Fisher's exact test with mid-p, and Benjamini-Hochberg over a histogram.

Given its margins, S of a pair is hypergeometric under the null hypothesis, so its p-value depends only on
(n_in, y, S). Pairs that share these form a *cell*; counting the pairs in each cell is enough for exact
q-values, in memory that does not grow with the number of pairs.
"""

from __future__ import annotations

from math import erfc, pi, sqrt

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64, Int64

CELLS = 1 << 24
"""Maximum cells of exact p-values; above it, most columns use the normal approximation (uniform designs only)."""

EXACT_TRIALS = 500
"""With fewer trials, p-values are always exact."""

EXACT_MARGIN = 100
"""A test sample that fewer trials classify correctly, or wrongly, always has exact p-values."""

STEPS = 1024
REACH = 37
"""The normal approximation bins normal scores from -37 to 37 in steps of 1 / 1024."""


class PairTest:
    """The one-sided test of "training on i does not help j" for all pairs of n training and q test samples.

    n_in int64 [n] and test_correct y int64 [q] count trials, out of `trials` t. `p` float64 [cells] is the
    p-value of each cell, P[S' > S] + P[S' = S] / 2 for hypergeometric S'; `count` int64 [cells] is the histogram
    that `add` fills. Pairs of a sample that was trained on always or never have no cell: `defined` [n] is False.

    With many values of n_in and many trials, the p-values of most columns come from `normal_score`, rounded
    down to a grid: they are off by a factor of 0.98 to 1.10 at most (docs/scores.md).
    """

    def __init__(self, n_in: Int64, test_correct: Int64, trials: int) -> None:
        self.trials, self.n_in, self.test_correct = trials, n_in, test_correct
        self.defined = (n_in > 0) & (n_in < trials)
        self.inside = np.unique(n_in[self.defined])
        self.row = np.searchsorted(self.inside, n_in)
        correct = np.unique(test_correct)
        if trials >= EXACT_TRIALS and len(self.inside) * len(correct) * self._width(correct) > CELLS:
            correct = correct[np.minimum(correct, trials - correct) < EXACT_MARGIN]
        self.approximate = ~np.isin(test_correct, correct)
        self.column = np.where(self.approximate, 0, np.searchsorted(correct, test_correct))
        width = self._width(correct)
        shape = len(self.inside), len(correct)
        offset = np.arange(shape[0] * shape[1]).reshape(shape) * width
        self.base = offset - np.maximum(0, self.inside[:, None] + correct - trials)
        self.exact_cells = offset.size * width
        tails = [mid_p_tails(trials, int(inside), correct, width).ravel() for inside in self.inside]
        if self.approximate.any():
            scores = np.arange(-REACH * STEPS, REACH * STEPS + 1) / STEPS
            tails.append(np.array([erfc(score / sqrt(2)) / 2 for score in scores.tolist()]))
        self.p = np.concatenate([np.empty(0), *tails])
        self.count = np.zeros(len(self.p), np.int64)

    def _width(self, correct: Int64) -> int:
        """The largest number of values that S can take, over all pairs with y among `correct`."""
        inside = self.inside[:, None]
        possible = np.minimum(inside, correct) - np.maximum(0, inside + correct - self.trials) + 1
        return int(possible.max(initial=0))

    def cells(self, joint: npt.NDArray[np.number], train: Int64, test: Int64) -> npt.NDArray[np.int64]:
        """The cells int64 [a, b] of S [a, b] of the training samples `train` [a] and test samples `test` [b]."""
        return self.cells_of(joint, train[:, None], test[None, :])

    def cells_of(self, joint: npt.NDArray[np.number], train: Int64, test: Int64) -> npt.NDArray[np.int64]:
        """The cells of single pairs, from S, training and test sample of each: arrays that broadcast."""
        if not self.base.size:
            return self._score_cells(joint, train, test)
        rows = self.row[train] if len(self.inside) > 1 else 0
        cells = np.add(joint, self.base[rows, self.column[test]], dtype=np.int64, casting="unsafe")
        if self.approximate.any():
            chosen = np.nonzero(np.broadcast_to(self.approximate[test], joint.shape))
            train, test = (np.broadcast_to(index, joint.shape)[chosen] for index in (train, test))
            cells[chosen] = self._score_cells(joint[chosen], train, test)
        return cells

    def _score_cells(self, joint: npt.NDArray[np.number], train: Int64, test: Int64) -> npt.NDArray[np.int64]:
        score = normal_score(joint.astype(np.int64), self.n_in[train], self.test_correct[test], self.trials)
        step = np.floor(np.clip(score, -REACH, REACH) * STEPS).astype(np.int64)
        return self.exact_cells + REACH * STEPS + step

    def add(self, cells: npt.NDArray[np.int64]) -> None:
        """Count pairs."""
        np.add.at(self.count, cells.ravel(), 1)

    def q_values(self) -> Float64:
        """q-values [cells] over all counted pairs; NaN in empty cells."""
        present = np.flatnonzero(self.count)
        q = np.full(len(self.p), np.nan)
        q[present] = benjamini_hochberg(self.p[present], self.count[present])
        return q


def benjamini_hochberg(p: Float64, count: Int64 | None = None) -> Float64:
    """q-values of p-values [k]: the smallest false-discovery rate at which each would be reported.

    Benjamini and Hochberg (1995). With `count` [k], p[i] represents count[i] > 0 equal p-values; the result is
    bit-identical to sorting them all.
    """
    order = np.argsort(p, kind="stable")
    # Equal p-values share the rank of the last of them, as the smallest q-value of equals counts for all.
    rank = np.arange(1, len(p) + 1) if count is None else np.cumsum(count[order])
    scaled = p[order] * (rank[-1] if len(rank) else 0) / rank
    q = np.empty_like(p)
    # From the largest p-value down: where a larger one may be reported, so may a smaller one.
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def mid_p_tails(trials: int, inside: int, correct: Int64, width: int) -> Float64:
    """P[S > s] + P[S = s] / 2 for s = lowest, lowest + 1, ...: float64 [len(correct), width].

    S is the number of correct trials among `inside` of `trials` trials, of which `correct` [k] are correct; its
    lowest possible value is max(0, inside + correct - trials). The result is 0 beyond the highest value.
    """
    # Factorials beyond 170 overflow float64; their logarithms do not.
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    held_out = trials - inside
    within = log_factorial[: inside + 1] + log_factorial[inside::-1]  # by s
    without = log_factorial[: held_out + 1] + log_factorial[held_out::-1]  # by y - s
    constant = within[0] + without[0] - log_factorial[trials] + log_factorial[correct] + log_factorial[trials - correct]
    lowest = np.maximum(0, correct - held_out)
    steps = np.arange(width)
    # Rows have different highest values: beyond its own a row repeats it, to index nothing outside, with mass 0.
    s = np.minimum(lowest[:, None] + steps, np.minimum(inside, correct)[:, None])
    mass = np.exp(constant[:, None] - within[s] - without[correct[:, None] - s])
    mass[steps > (np.minimum(inside, correct) - lowest)[:, None]] = 0
    # Summed from the far end, not as 1 less the lower tail, in which small p-values would lose all their digits.
    above = np.cumsum(mass[:, ::-1], axis=1)[:, ::-1] - mass
    return np.clip(above + mass / 2, 0, 1)


def upper_tails(trials: int, inside: int, correct: Int64, least: Int64) -> Float64:
    """P[S >= least] for each of `correct` [k] and `least` [k], float64 [k]; S and other counts as in `mid_p_tails`."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    whole = log_factorial[trials] - log_factorial[inside] - log_factorial[trials - inside]
    found = np.zeros(len(correct))
    for row in range(len(correct)):
        right = int(correct[row])
        s = np.arange(max(int(least[row]), right - (trials - inside), 0), min(inside, right) + 1)
        split = log_factorial[s] + log_factorial[right - s]
        rest = log_factorial[inside - s] + log_factorial[trials - inside - right + s]
        found[row] = np.exp(log_factorial[right] + log_factorial[trials - right] - split - rest - whole).sum()
    return np.minimum(found, 1)


def normal_score(joint: Int64, n_in: Int64, correct: Int64, trials: int) -> Float64:
    """The z for which 1 - Phi(z) approximates the mid-p value of pairs, elementwise; margins must not be 0 or t.

    Barndorff-Nielsen's r* = r + log(u / r) / r: r is the signed root of the likelihood ratio of the 2 x 2 table
    and u is Skovgaard's (1987) for the conditional test, with 2 tanh(psi / 2) instead of the log odds ratio psi,
    which turns a sum over integers with mid-p into the integral. Near the mean, where r is 0, the first
    Cornish-Fisher term replaces it.
    """
    k = np.arange(trials + 1.0)
    entropy = k * np.log(np.maximum(k, 1))
    logarithm = np.log(np.maximum(k, 1 / (2 * pi)))  # sqrt(2 pi k) approximates k! / (k / e)**k: 1 at 0
    right, left = joint, n_in - joint
    outside = trials - n_in
    right_out, left_out = correct - joint, outside - correct + joint
    wrong = trials - correct
    ratio = entropy[right] + entropy[left] + entropy[right_out] + entropy[left_out] + entropy[trials]
    ratio -= entropy[n_in] + entropy[outside] + entropy[correct] + entropy[wrong]
    mean = n_in * correct / trials
    r = np.copysign(np.sqrt(2 * np.maximum(ratio, 0)), joint - mean)  # rounding can leave the ratio just below 0
    inner, outer = logarithm[right] + logarithm[left_out], logarithm[left] + logarithm[right_out]
    margins = logarithm[n_in] + logarithm[outside] + logarithm[correct] + logarithm[wrong] - logarithm[trials]
    u = 2 * np.tanh((inner - outer) / 2) * np.exp((inner + outer - margins) / 2)
    deviation = np.exp((margins - 2 * logarithm[trials]) / 2) * sqrt(trials / (trials - 1))
    z = (joint - mean) / deviation
    skewness = (trials - 2.0 * correct) * (trials - 2.0 * n_in) / (deviation * trials * (trials - 2))
    with np.errstate(divide="ignore", invalid="ignore"):  # r is 0 at the mean, where the other term is taken
        adjusted: Float64 = r + np.log(u / r) / r
    near_mean: Float64 = z - skewness * (z * z - 1) / 6
    return np.where(np.abs(z) < 0.3, near_mean, adjusted)
