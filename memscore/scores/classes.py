"""Summary of a score table by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64
from memscore.messages.summaries import ClassScores
from memscore.scores.tables import ScoreTable


def by_class(scores: ScoreTable, names: Sequence[str]) -> list[ClassScores]:
    """Summarise the scores of each class, by label; set sizes are at the paper's thresholds."""
    labels, test_labels = scores["label"], scores["test_label"]
    classes = len(names)

    def count(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(labels[chosen], minlength=classes)

    samples, test_samples = np.bincount(labels, minlength=classes), np.bincount(test_labels, minlength=classes)
    means = {name: _means(scores[name], labels, classes) for name in ("mem", "p_in", "p_out")}
    test = _means(scores["test_p"], test_labels, classes)
    atypical, typical = count(scores.atypical()), count(scores.typical())
    undefined = count(~np.isfinite(scores["mem"]))
    return [
        ClassScores(
            label=label,
            name=names[label],
            samples=int(samples[label]),
            mem_mean=_number(means["mem"][label]),
            atypical=int(atypical[label]),
            typical=int(typical[label]),
            undefined=int(undefined[label]),
            in_accuracy=_number(means["p_in"][label]),
            held_out_accuracy=_number(means["p_out"][label]),
            test_samples=int(test_samples[label]),
            test_accuracy=_number(test[label]),
        )
        for label in range(classes)
    ]


def _means(values: npt.NDArray[Any], labels: npt.NDArray[Any], classes: int) -> Float64:
    """The mean of the defined values in each class, NaN if there are none: float64 [classes]."""
    defined = np.isfinite(values)
    sums = np.bincount(labels[defined], values[defined].astype(np.float64), minlength=classes)
    counts = np.bincount(labels[defined], minlength=classes)
    return np.divide(sums, counts, out=np.full(classes, np.nan), where=counts > 0)


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
