"""What a job would cost and give, before it runs."""

from __future__ import annotations

import math

from memscore.messages import Plan
from memscore.spec import Design, Recipe, Wanted
from memscore.subsets import units

ROW_BYTES = 400
"""Digests, accuracies and the rest of a stored trial, with its share of the index; measured on SQLite."""


def plan(
    train_samples: int,
    test_samples: int,
    recipe: Recipe,
    design: Design,
    wanted: Wanted,
    *,
    present: list[int],
    full_present: list[int],
    seconds_a_trial: float | None,
    timed_on: str | None,
) -> Plan:
    """The plan of a job on a dataset of this size, for a study that has the trials `present` already."""
    trials = wanted.target.whole_blocks
    missing = units(recipe, trials, present=present)
    missing += units(recipe, wanted.full_trials, full=True, present=full_present)
    new = sum(len(unit.numbers) for unit in missing)
    bits = math.ceil(train_samples / 8) + math.ceil(test_samples / 8)
    probabilities = train_samples + test_samples if wanted.probabilities else 0
    total = max(trials, len(present))
    return Plan(
        trials=total,
        new_trials=new,
        seconds_a_trial=seconds_a_trial,
        device_seconds=None if seconds_a_trial is None else new * seconds_a_trial,
        disk_bytes=new * (bits + probabilities + ROW_BYTES),
        worst_standard_error=standard_error(0.5, 0.5, total, design.subset_ratio),
        typical_standard_error=standard_error(1.0, 0.9, total, design.subset_ratio),
        timed_on=timed_on,
    )


def standard_error(p_in: float, p_out: float, trials: int, ratio: float) -> float:
    """Standard error of mem after so many trials: sqrt(p_in (1 - p_in) / n_in + p_out (1 - p_out) / n_out)."""
    n_in = trials * ratio
    return math.sqrt(p_in * (1 - p_in) / n_in + p_out * (1 - p_out) / (trials - n_in))
