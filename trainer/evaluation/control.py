"""A control group for atypical test samples: others that models not trained on them find as hard.

Atypical test samples are harder than typical ones even without an attack, so a difference between both may be one of
difficulty alone. Each atypical sample gets a control with nearly the same held-out accuracy, without replacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Int64
from memscore.runs.sample_records import CORRECT, Columns, SampleRecords, known, unknown
from memscore.scores.sets import Sets
from memscore.statistics.estimates import difference
from trainer.evaluation.config import Split

CALIPER = 0.05
"""Largest difference in held-out accuracy of a sample and its control."""

STEP = 0.01
"""Held-out accuracies are matched in steps of this size, the nearest first."""


@dataclass(frozen=True)
class Matched:
    """Masks bool [q]: the atypical samples that have a control, and as many controls."""

    atypical: Bools
    control: Bools


def matched(test_p: npt.NDArray[Any], atypical: Bools) -> Matched:
    """Match atypical samples one to one with others on `test_p` [q], the share of trials that are right.

    Within CALIPER, the nearest first; among equally near ones by index. Undefined values match nothing.
    """
    found = Matched(np.zeros(len(test_p), np.bool_), np.zeros(len(test_p), np.bool_))
    defined = np.isfinite(test_p)
    level: Int64 = np.rint(np.where(defined, test_p, 0) / STEP).astype(np.int64)
    for distance in range(round(CALIPER / STEP) + 1):
        for value in np.unique(level[defined & atypical]):
            for other in dict.fromkeys((int(value) - distance, int(value) + distance)):
                samples = np.flatnonzero(defined & atypical & ~found.atypical & (level == value))
                controls = np.flatnonzero(defined & ~atypical & ~found.control & (level == other))
                count = min(len(samples), len(controls))
                found.atypical[samples[:count]] = True
                found.control[controls[:count]] = True
    return found


def controls_of(split: Split, count: int, sets: Sets | None, test_p: npt.NDArray[Any] | None) -> Columns:
    """The columns `controlled` and `control` of a split: known for test samples with sets and held-out accuracies."""
    if split != "test" or sets is None or test_p is None or not np.isfinite(test_p).any():
        return {name: unknown(count, np.bool_) for name in ("controlled", "control")}
    found = matched(test_p, sets.test_atypical)
    return {"controlled": known(found.atypical), "control": known(found.control)}


def compared(samples: SampleRecords) -> list[str]:
    """For each attack, how much less accurate atypical samples are than their controls; empty without controls."""
    if "control" not in samples.columns or not samples["control"].count():
        return []
    atypical, control = (samples[name].filled(False) for name in ("controlled", "control"))
    if not control.any():
        return ["no atypical test sample has a control of the same held-out accuracy"]
    shown: list[str] = []
    for attack in samples.attacks:
        column = samples[f"{CORRECT}{attack}"]
        tried = [column[mask].compressed() for mask in (atypical, control)]
        if all(len(one) for one in tried):
            counts = (np.array([number], np.int64) for one in tried for number in (int(one.sum()), len(one)))
            gap = difference(*counts)
            low, high = 100 * float(gap.low[0]), 100 * float(gap.high[0])
            shown.append(f"{attack} {100 * float(gap.estimate[0]):+.1f} [{low:+.1f}, {high:+.1f}]")
    of = f"{int(atypical.sum()):,} atypical test samples minus as many others of the same held-out accuracy"
    return [f"{of}, points of accuracy with 95 % intervals: {', '.join(shown)}"] if shown else []
