"""What a job would cost and give, before it runs."""

from __future__ import annotations

import math

from memscore.messages import Plan
from memscore.precision import expected_error
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
    error = expected_error(total, design.subset_ratio)
    return Plan(
        trials=total,
        new_trials=new,
        seconds_a_trial=seconds_a_trial,
        device_seconds=None if seconds_a_trial is None else new * seconds_a_trial,
        disk_bytes=new * (bits + probabilities + ROW_BYTES),
        worst_standard_error=error.worst,
        typical_standard_error=error.typical,
        timed_on=timed_on,
    )
