"""What the checks say of a study in which nothing differs."""

from __future__ import annotations

import numpy as np
import pytest

from memscore.scores.quality import quality
from memscore.scores.tables import ScoreTable
from memscore.study.evidence import pack_trial
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership
from tests.conftest import build, make_dataset

DATASET, DESIGN = make_dataset(), Design()


def table(blocks: int, *, right_if_held_out: float = 1.0) -> ScoreTable:
    """Models that are always right on their own samples; on a share of the others always right, else always wrong."""
    n, q = len(DATASET.y_train), len(DATASET.y_test)
    always = np.arange(n) < right_if_held_out * n
    trials = [
        pack_trial(
            block * BLOCK + place,
            inside,
            inside | always,
            np.ones(q, np.bool_),
            device="cpu",
            code_version="test",
            seconds=0.5,
        )
        for block in range(blocks)
        for place, inside in enumerate(block_membership(DESIGN, n, block))
    ]
    return build(DATASET, trials, DESIGN, "0123456789abcdef")[0]


def advice(scores: ScoreTable) -> dict[str, str]:
    return {check.key: check.advice for check in quality(scores, DESIGN) if check.verdict == "cannot be told"}


@pytest.mark.parametrize("key", ["reliability", "calibration"])
@pytest.mark.parametrize(("share", "mem"), [(1.0, "0"), (0.0, "1")])
def test_trials_that_all_agree_are_not_said_to_be_too_few(key: str, share: float, mem: str):
    found = advice(table(4, right_if_held_out=share))[key]
    assert found.startswith(f"Every trial agrees: mem is {mem} for all samples")
    assert "Run" not in found
    assert ("learn nothing at all" in found) == (mem == "0")


def test_samples_that_each_agree_with_themselves_have_no_error_to_compare():
    found = advice(table(4, right_if_held_out=0.5))["calibration"]
    assert "so there is no error to compare with. Train more trials" in found


def test_one_block_is_too_few():
    assert advice(table(1))["calibration"] == "Run 20 or more trials."
