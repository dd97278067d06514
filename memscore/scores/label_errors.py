"""How likely the label of each training sample is wrong, judged by what held-out trials predict.

A model of the samples that held-out trials mostly assign to another class k than the given one, j. Each is either

- a wrong label: its true class is k. Wrong labels do not depend on the image, so that they are as frequent among images
  that trials agree on as among others: (j, k) has rate[j, k] errors for each sample that trials assign to k, at
  any level of agreement. This is the assumption of confident learning (Northcutt, Jiang and Chuang 2021), held here
  at each level of agreement, not only above one threshold.
- a hard sample with a right label: rarer, the more trials agree.

Margins tell both apart. Where trials assign an image to k, the logit of k is ahead of the next class by a distance that
is known at each level of agreement, from the many samples whose given label trials confirm. The given label of a hard
sample is that next class or a bit behind it; that of a wrong one is any class, further behind. Each kind has a gamma
distribution with a mean linear in that known distance, and never below it.

Expectation maximization fits the rates, the levels of agreement of hard samples and the distributions; no label needs
to be known to be right. How alike pairs of classes are, in errors and in hard samples, is estimated too (empirical
Bayes): where errors are drawn among all classes, a pair whose images are often confused does not look full of them.
The probabilities at the end allow for some hard samples as far from their label as wrong ones: where trials disagree, a
large margin, which images with large features have, is less of a sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import lgamma, log

import numpy as np

from memscore.arrays import Bools, Float64, Indices, Int64
from memscore.scores.tables import ScoreTable
from memscore.statistics.estimates import auroc

PRECISION = 0.95
"""Default of the expected share of wrong labels among the suspected samples."""

EVEN = 0.5
"""Least probability of a suspected sample: it is more likely wrong than right, however sure the others are."""

AGREEMENT = np.array([0.5, 0.7, 0.85, 0.95, 1.0])
"""Bounds of the levels of agreement: shares of held-out trials that predict the leading class."""

ROUNDS = 200
SETTLED = 1e-6

ALIKE = (0.02, 1000.0)
"""Bounds of how alike pairs of classes are: the inverse of their rates' squared coefficient of variation."""

STRAY = 0.05
"""Share of hard samples as far from their label as wrong ones are; keeps a large margin from deciding alone."""

LEAST_HARD, LEAST_WRONG, LARGEST_SHAPE = 0.7, 1.5, 50.0
"""Bounds of the shape of the gamma distributions of hard samples' and wrong labels' margins."""

SMALLEST = 1e-3
"""Least distance, in medians of the margins of right labels."""


@dataclass(frozen=True)
class GivenAndPredicted:
    """The number of suspected samples with this given label that held-out trials assign to the predicted class."""

    given: int
    predicted: int
    count: int


@dataclass(frozen=True)
class LabelErrors:
    """The training samples with a score, likeliest label errors first, and how many of them look mislabelled.

    label_error float64 [n]: the probability that the label is wrong, NaN without votes. order int64 [m]: the samples by
    it, ties by the mean held-out margin of the given label. suspected: the number of samples at its beginning that look
    mislabelled: the largest group of which a share of `precision_wanted` is expected to be, each more likely than not;
    None without votes. precision: the share expected among these, None if there are none. expected: the expected
    number of wrong labels in all. contradicted: the samples beyond the suspected ones that every held-out trial assigns
    to one other class.
    """

    order: Indices
    label_error: Float64
    suspected: int | None
    precision_wanted: float
    precision: float | None
    expected: float | None
    confusion: list[GivenAndPredicted]
    contradicted: int = 0

    @cached_property
    def suspects(self) -> Bools:
        """Mask of the samples that look mislabelled: bool [n]."""
        mask = np.zeros(len(self.label_error), np.bool_)
        mask[self.order[: self.suspected or 0]] = True
        return mask

    def auroc(self, wrong: Bools) -> float | None:
        """How well the order finds the labels known to be wrong [n]: 1 is perfect, 0.5 is chance.

        None if none or all of the ordered samples are wrong.
        """
        ordered = wrong[self.order]
        if ordered.all() or not ordered.any():
            return None
        return auroc(-np.arange(len(ordered), dtype=np.float64), ordered)

    @property
    def cutoff(self) -> float | None:
        """The lowest label_error of a suspected sample; None if there are none."""
        return float(self.label_error[self.order[self.suspected - 1]]) if self.suspected else None


def label_errors(scores: ScoreTable, precision: float = PRECISION) -> LabelErrors:
    """Rank the samples and estimate each label's probability of being wrong.

    Without votes (trials that recorded bits alone, imported scores), samples are ranked by the lower limit of the
    interval of mem, or by mem itself if the scores have no intervals, and nothing is suspected.
    """
    margins = scores["margin_out"].astype(np.float64)
    voted = np.flatnonzero(np.isfinite(margins))
    probability = np.full(len(scores), np.nan)
    rest = by_memorization(scores)
    if not len(voted):
        return LabelErrors(rest, probability, None, precision, None, None, [])
    probability[voted] = _posterior(scores, voted)
    order = voted[np.lexsort((margins[voted], -probability[voted]))]
    mean = np.cumsum(probability[order]) / np.arange(1, len(order) + 1)
    suspected = int(((mean >= precision) & (probability[order] >= EVEN)).sum())
    return LabelErrors(
        np.concatenate([order, rest[~np.isfinite(margins[rest])]]),
        probability,
        suspected,
        precision,
        float(mean[suspected - 1]) if suspected else None,
        float(np.cumsum(probability[order])[-1]),
        _confusion(scores, order[:suspected]),
        int((scores["vote_share"][order[suspected:]] == 1).sum()),
    )


def suggestion(scores: ScoreTable, index: int) -> tuple[int, float] | None:
    """The class other than the label that most held-out trials predict for a sample, and their share; None without."""
    label = int(scores["vote_label"][index])
    return None if label < 0 else (label, float(scores["vote_share"][index]))


def by_memorization(scores: ScoreTable) -> Indices:
    """The samples with a score by the lower limit of the interval of mem, so that few trials do not come first.

    By mem itself if the scores have no intervals.
    """
    key = scores["mem_low"] if np.isfinite(scores["mem_low"]).any() else scores["mem"]
    defined = np.flatnonzero(np.isfinite(key))
    return defined[np.lexsort((scores["p_out"][defined], -key[defined]))]  # stable: ties by index


def _posterior(scores: ScoreTable, voted: Indices) -> Float64:
    """The probability of a wrong label for each of the m samples `voted`, float64 [m]; 0 if trials agree with it."""
    given = scores["label"][voted].astype(np.int64)
    margins = scores["margin_out"][voted].astype(np.float64)
    p_out = scores["p_out"][voted].astype(np.float64)
    share = scores["vote_share"][voted].astype(np.float64)
    winner = np.where(share > p_out, scores["vote_label"][voted], given)
    level = np.searchsorted(AGREEMENT, np.maximum(share, p_out), side="right")
    probability = np.zeros(len(voted))
    wrong, right = np.flatnonzero(winner != given), np.flatnonzero((winner == given) & (margins > 0))
    if not len(wrong) or not len(right):
        return probability
    scale = _scales(margins[right], given[right], int(max(given.max(), winner.max())) + 1)
    ahead = _by_level(margins[right] / scale[given[right]], level[right])
    model = _Mixture(
        np.maximum(-margins[wrong] / scale[winner[wrong]], SMALLEST),
        level[wrong],
        given[wrong],
        winner[wrong],
        ahead[level[wrong]],
        _by_class_and_level(winner, level, len(scale)),
    )
    probability[wrong] = model.fit()
    return probability


def _scales(margins: Float64, given: Int64, classes: int) -> Float64:
    """The unit of margins of each class, float64 [classes]: the geometric mean of its median and the median of all.

    Between both, since margins of hard samples differ by class, and those of labels drawn at random less.
    """
    overall = float(np.median(margins))
    medians = np.full(classes, overall)
    order = np.argsort(given, kind="stable")
    found, firsts = np.unique(given[order], return_index=True)
    for label, of_class in zip(found.tolist(), np.split(margins[order], firsts[1:]), strict=True):
        medians[label] = np.median(of_class)
    return np.sqrt(medians * overall)


def _by_class_and_level(winner: Int64, level: Int64, classes: int) -> Int64:
    """The number of samples that trials assign to each class with each level of agreement, int64 [classes, levels]."""
    levels = len(AGREEMENT) + 1
    return np.bincount(winner * levels + level, minlength=classes * levels).reshape(classes, levels)


def _by_level(distance: Float64, level: Int64) -> Float64:
    """Mean of the distances [r] at each level, float64 [levels]; 0 where there are none."""
    levels = len(AGREEMENT) + 1
    count = np.bincount(level, minlength=levels)
    return np.bincount(level, distance, levels) / np.maximum(1, count.astype(np.float64))


@dataclass(frozen=True)
class _Pairs:
    """The p pairs of given and winning class that occur, among all pairs.

    exposure float64 [p]: of how many samples a pair's count is a share. total, squares: the sums of exposure and of its
    square over all pairs, also those that do not occur.
    """

    exposure: Float64
    total: float
    squares: float

    def rates(self, counts: Float64) -> Float64:
        """Each pair's rate [p], from its expected count [p], shrunk towards that of all pairs.

        The posterior mean of a Poisson rate under a gamma prior, which has the mean and variance of all pairs' rates.
        """
        mean = max(float(counts.sum()) / self.total, 1e-12)
        poisson = mean * self.total
        excess = float((counts * (counts - 2 * mean * self.exposure)).sum()) + mean**2 * self.squares - poisson
        alike = min(max(mean**2 * self.squares / max(excess, 1e-12), ALIKE[0]), ALIKE[1])
        return (counts + alike) / (self.exposure + alike / mean)


@dataclass(frozen=True)
class _Mixture:
    """Wrong labels and hard samples among the w samples that trials assign to another class.

    distance float64 [w]: how far their margins are below 0; level, given, winner int64 [w]. ahead float64 [w]: mean
    margin of right labels at their level. assigned int64 [classes, levels].
    """

    distance: Float64
    level: Int64
    given: Int64
    winner: Int64
    ahead: Float64
    assigned: Int64

    def fit(self) -> Float64:
        """The probability of a wrong label for each sample, float64 [w], by expectation maximization."""
        classes, levels = self.assigned.shape
        exposed = self.assigned.astype(np.float64)
        of_class = exposed.sum(axis=1)
        found, place = np.unique(self.given * classes + self.winner, return_inverse=True)
        others = classes - 1
        wrong_pairs = _Pairs(
            of_class[found % classes], float(of_class.sum()) * others, float((of_class**2).sum()) * others
        )
        hard_pairs = _Pairs(np.ones(len(found), np.float64), float(classes * others), float(classes * others))
        error = 0.5 * np.minimum(1, self.distance / np.median(self.distance))
        far = wrong = rare = near = np.zeros(len(error))
        for _ in range(ROUNDS):
            hard = 1 - error
            rates = wrong_pairs.rates(np.bincount(place, error).astype(np.float64))
            hards = hard_pairs.rates(np.bincount(place, hard).astype(np.float64))
            at_level = (np.bincount(self.level, hard, levels) + 0.5) / (float(hard.sum()) + 0.5 * levels)
            far, near = self._margins(error, LEAST_WRONG), self._margins(hard, LEAST_HARD)
            wrong = np.log(rates[place] * exposed[self.winner, self.level]) + far
            rare = np.log(hards[place] * at_level[self.level])
            right = rare + near
            before, error = error, 1 / (1 + np.exp(np.clip(right - wrong, -700, 700)))
            if float(np.abs(error - before).max()) < SETTLED:
                break
        right = rare + np.logaddexp(log(STRAY) + far, log(1 - STRAY) + near)
        return 1 / (1 + np.exp(np.clip(right - wrong, -700, 700)))

    def _margins(self, weights: Float64, least: float) -> Float64:
        """Logarithm of the density of each sample's distance under the gamma distribution of these weights [w].

        Its mean rises with `ahead`, by at most as much, and is at least that: the given label is not the winner, so it
        is at best the next class. Its shape is the same at all levels, and bounded below by `least`.
        """
        weights = weights / max(float(weights.sum()), SMALLEST)
        ahead, distance = float((weights * self.ahead).sum()), float((weights * self.distance).sum())
        rise = float((weights * (self.ahead - ahead) * (self.distance - distance)).sum())
        slope = min(max(rise / max(float((weights * (self.ahead - ahead) ** 2).sum()), SMALLEST**2), 0), 1)
        mean = np.maximum(distance + slope * (self.ahead - ahead), np.maximum(self.ahead, SMALLEST))
        variance = float((weights * (self.distance / mean - 1) ** 2).sum())
        shape = min(max(1 / max(variance, SMALLEST**2), least), LARGEST_SHAPE)
        rate = shape / mean
        return shape * np.log(rate) - lgamma(shape) + (shape - 1) * np.log(self.distance) - rate * self.distance


def _confusion(scores: ScoreTable, suspected: Indices) -> list[GivenAndPredicted]:
    """Suspected samples by given and predicted class, the most frequent pair first."""
    found, counts = np.unique(
        np.stack([scores["label"][suspected], scores["vote_label"][suspected]]), axis=1, return_counts=True
    )
    return [
        GivenAndPredicted(int(found[0, row]), int(found[1, row]), int(counts[row]))
        for row in np.argsort(-counts, kind="stable")
    ]
