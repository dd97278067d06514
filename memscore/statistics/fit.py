"""Whether models fit the samples they trained on, which mem presupposes."""

from __future__ import annotations

import numpy as np

from memscore.arrays import Labels
from memscore.statistics.estimates import SufficientStatistics
from memscore.study.spec import Recipe

INTERPOLATES = 0.98
"""Mean in-sample accuracy below which mem measures under-fitting rather than memorization."""

LEARNS = 0.05
"""Of the errors that remain if all samples get the most frequent class, the share that models must avoid."""

FIRST_MODELS = 3
"""Models from which the in-sample accuracy of a recipe is judged; a stack trains ten at once."""


def majority_share(labels: Labels) -> float:
    """The share of the most frequent class among labels [n]: the accuracy of models that have learned nothing."""
    return float(np.bincount(labels).max() / len(labels))


def has_learned(in_sample: float, labels: Labels) -> bool:
    """Whether this in-sample accuracy is above what the most frequent class alone gives."""
    chance = majority_share(labels)
    return in_sample > chance + LEARNS * (1 - chance)


def misfit(statistics: SufficientStatistics, labels: Labels, recipe: Recipe, least: float) -> str | None:
    """What is wrong, and what to try, if models reach less than the accuracy `least` in-sample; otherwise None."""
    reached = statistics.in_sample_accuracy
    if reached >= least:
        return None
    if not has_learned(reached, labels):
        return (
            f"the models have learned nothing: their in-sample accuracy is {reached:.3f}, and the most frequent class "
            f"alone gives {majority_share(labels):.3f}. Try a lower learning_rate (now {recipe.learning_rate:g}), such "
            f"as --set learning_rate={recipe.learning_rate / 10:g}."
        )
    return (
        f"the models do not fit what they trained on: their in-sample accuracy is {reached:.3f}, not {least:g}, so mem "
        f"would measure under-fitting. Train longer, such as --set epochs={2 * recipe.epochs}, or use a larger "
        "network; --min-in-sample 0 trains on as it is."
    )
