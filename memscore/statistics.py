"""From evidence to estimates: sufficient statistics, mem and infl, errors, intervals, q-values, checks.

Definitions: Feldman and Zhang (2020), section 3. M [t, n] is membership, C [t, n] correctness on the
training samples, Y [t, q] correctness on the test samples, all 0 or 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from memscore.evidence import Evidence

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SufficientStatistics:
    """Integer counts from which every per-sample score follows; they add when evidence is merged.

    trials t; n_in, correct_in, correct int64 [n]: trials that trained on the sample, those of them that
    classify it correctly, and all trials that do; test_correct int64 [q].
    """

    trials: int
    n_in: Integers
    correct_in: Integers
    correct: Integers
    test_correct: Integers

    @classmethod
    def of(cls, evidence: Evidence) -> SufficientStatistics:
        """Count the evidence."""
        return cls(
            trials=evidence.trials,
            n_in=evidence.membership.sum(axis=0, dtype=np.int64),
            correct_in=(evidence.membership & evidence.train_correct).sum(axis=0, dtype=np.int64),
            correct=evidence.train_correct.sum(axis=0, dtype=np.int64),
            test_correct=evidence.test_correct.sum(axis=0, dtype=np.int64),
        )

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        return SufficientStatistics(
            self.trials + other.trials,
            self.n_in + other.n_in,
            self.correct_in + other.correct_in,
            self.correct + other.correct,
            self.test_correct + other.test_correct,
        )

    @property
    def n_out(self) -> Integers:
        """Trials that held the sample out, int64 [n]."""
        return self.trials - self.n_in

    @property
    def correct_out(self) -> Integers:
        """Trials that held the sample out and classify it correctly, int64 [n]."""
        return self.correct - self.correct_in

    @property
    def in_sample_accuracy(self) -> float:
        """Mean accuracy of the trials on the samples they trained on."""
        return float(self.correct_in.sum() / max(1, self.n_in.sum()))

    @property
    def held_out_accuracy(self) -> float:
        """Mean accuracy of the trials on the training samples they held out."""
        return float(self.correct_out.sum() / max(1, self.n_out.sum()))


@dataclass(frozen=True)
class Difference:
    """A difference of two observed proportions, float64 arrays of one shape; NaN where undefined."""

    first: Floats
    second: Floats
    estimate: Floats
    standard_error: Floats
    low: Floats
    high: Floats


def difference(successes_1: Integers, n_1: Integers, successes_2: Integers, n_2: Integers) -> Difference:
    """p1 - p2 with its standard error and 95 % interval, elementwise.

    The standard error is the unbiased sqrt(p1 (1 - p1) / (n1 - 1) + p2 (1 - p2) / (n2 - 1)); it is NaN
    where a side has fewer than two trials. The estimate and interval are NaN where a side has none.
    """
    p_1, p_2 = _proportion(successes_1, n_1), _proportion(successes_2, n_2)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = p_1 * (1 - p_1) / (n_1 - 1) + p_2 * (1 - p_2) / (n_2 - 1)
    error = np.sqrt(np.where((n_1 > 1) & (n_2 > 1), variance, np.nan))
    low, high = newcombe(successes_1, n_1, successes_2, n_2)
    return Difference(p_1, p_2, p_1 - p_2, error, low, high)


def wilson(successes: Integers, n: Integers, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson's score interval of a proportion: (low, high), NaN where n is 0."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = _proportion(successes, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n.astype(np.float64) ** 2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def newcombe(
    successes_1: Integers, n_1: Integers, successes_2: Integers, n_2: Integers, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Newcombe's hybrid score interval of p1 - p2: (low, high), NaN where a side has no trial.

    Newcombe (1998), method 10: the Wilson limits of each side, combined by squares. Where p is near 0 or
    1, as memorization values are, it keeps its coverage; the Wald interval does not.
    """
    p_1, p_2 = _proportion(successes_1, n_1), _proportion(successes_2, n_2)
    low_1, high_1 = wilson(successes_1, n_1, confidence)
    low_2, high_2 = wilson(successes_2, n_2, confidence)
    low = p_1 - p_2 - np.hypot(p_1 - low_1, high_2 - p_2)
    high = p_1 - p_2 + np.hypot(high_1 - p_1, p_2 - low_2)
    return low, high


def memorization(statistics: SufficientStatistics) -> Difference:
    """mem of each training sample (paper, equation 1): p_in - p_out, arrays [n]."""
    return difference(statistics.correct_in, statistics.n_in, statistics.correct_out, statistics.n_out)


def joint_counts(membership: npt.NDArray[np.bool_], test_correct: npt.NDArray[np.bool_]) -> Integers:
    """S = M^T Y, int64 [n, q]: trials that trained on i and classify j correctly. Exact below 2**24 trials."""
    return np.rint(membership.T.astype(np.float32) @ test_correct.astype(np.float32)).astype(np.int64)


def influence(joint: Integers, n_in: Integers, test_correct: Integers, trials: int) -> Difference:
    """infl of each pair (paper, equation 2) from S [n, q], n_in [n] and column sums of Y [q]: arrays [n, q]."""
    n_1 = np.broadcast_to(n_in[:, None], joint.shape)
    return difference(joint, n_1, test_correct[None, :] - joint, trials - n_1)


def positive_influence_p(joint: Integers, n_in: Integers, test_correct: Integers, trials: int) -> Floats:
    """One-sided mid-p value of each pair against "the subset does not matter", float64 [n, q].

    Fisher's exact test with the mid-p correction: given the margins, S is hypergeometric.
    """
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    p = np.empty(joint.shape, np.float64)
    correct_values, column = np.unique(test_correct, return_inverse=True)
    for inside in np.unique(n_in):
        tail = np.stack([_hypergeometric_mid_p(log_factorial, trials, int(inside), int(y)) for y in correct_values])
        rows = n_in == inside
        p[rows] = tail[column[None, :], joint[rows]]
    return p


def benjamini_hochberg(p: Floats) -> Floats:
    """q-values of p-values [k]: the smallest false-discovery rate at which each would be reported."""
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    q = np.empty_like(p)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q


def split_half_ratio(first: Difference, second: Difference) -> float:
    """How far two independent halves of the trials differ, over what their standard errors predict.

    RMS(difference) / sqrt(mean(se1^2 + se2^2)) over the samples defined in both; 1 if the standard error
    is right.
    """
    gap = first.estimate - second.estimate
    expected = first.standard_error**2 + second.standard_error**2
    defined = np.isfinite(gap) & np.isfinite(expected)
    return float(np.sqrt(np.mean(gap[defined] ** 2) / np.mean(expected[defined])))


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Probability that a positive sample scores above a negative one, ties counting one half.

    Samples without a score (NaN) are left out.
    """
    defined = np.isfinite(scores)
    values, is_positive = scores[defined], positive[defined]
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(is_positive.sum())
    negatives = len(values) - positives
    return float((rank[is_positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _proportion(successes: Integers, n: Integers) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, successes / n, np.nan)


def _hypergeometric_mid_p(log_factorial: Floats, trials: int, inside: int, correct: int) -> Floats:
    """P[S > s] + P[S = s] / 2 for s = 0..inside, S the correct ones among `inside` of `trials` drawn."""
    s = np.arange(inside + 1)
    possible = (s <= correct) & (inside - s <= trials - correct)
    k = s[possible]

    def log_choose(n: int, r: Integers) -> Floats:
        return log_factorial[n] - log_factorial[r] - log_factorial[n - r]

    mass = np.zeros(inside + 1)
    log_mass = log_choose(correct, k) + log_choose(trials - correct, inside - k)
    log_mass -= log_choose(trials, np.array([inside]))
    mass[possible] = np.exp(log_mass)
    above = np.cumsum(mass[::-1])[::-1] - mass
    return np.clip(above + mass / 2, 0, 1)
