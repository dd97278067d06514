"""Controls of atypical test samples: as hard as they are, one for each, and what the evaluation says of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.runs.sample_records import SampleRecords, known, unknown
from trainer.evaluation.control import CALIPER, STEP, compared, controls_of, matched

shares = st.lists(st.tuples(st.sampled_from([None, 0.0, 0.3, 0.34, 0.5, 0.9, 1.0]), st.booleans()), min_size=1)


@pytest.mark.slower
@given(shares)
def test_every_control_is_another_sample_nearly_as_hard(samples: list[tuple[float | None, bool]]):
    test_p = np.array([np.nan if share is None else share for share, _ in samples], np.float32)
    atypical = np.array([chosen for _, chosen in samples])
    found = matched(test_p, atypical)
    assert not (found.atypical & ~atypical).any()
    assert not (found.control & atypical).any()
    first, second = (np.sort(test_p[mask]) for mask in (found.atypical, found.control))
    assert len(first) == len(second)
    assert (np.abs(first - second) <= CALIPER + STEP).all()
    left, free = (test_p[mask] for mask in (atypical & ~found.atypical, ~atypical & ~found.control))
    if len(left) and len(free):
        gaps = np.abs(left[:, None] - free[None, :])
        assert not (gaps <= CALIPER - STEP).any(), "nobody is left out who has a match"


def test_equally_hard_samples_come_before_nearly_as_hard_ones():
    found = matched(np.array([0.5, 0.52, 0.5, 0.9]), np.array([True, False, False, False]))
    assert found.control.tolist() == [False, False, True, False]


def records(**columns: np.ndarray) -> SampleRecords:
    return SampleRecords("test", {name: known(column) for name, column in columns.items()})


def test_the_difference_to_the_controls_is_told_with_its_interval():
    atypical, control = np.arange(40) < 10, (np.arange(40) >= 10) & (np.arange(40) < 20)
    right = {"correct_clean": np.arange(40) % 2 == 0, "correct_pgd": control}
    (text,) = compared(records(controlled=atypical, control=control, **right))
    assert text.startswith("10 atypical test samples minus as many others of the same held-out accuracy")
    assert "clean +0.0 [" in text
    assert "pgd -100.0 [-100.0, " in text


def test_without_scores_there_are_no_controls():
    groups = controls_of("test", 3, None, None)
    assert all(column.count() == 0 for column in groups.values())
    assert compared(SampleRecords("test", {"control": unknown(3, np.bool_), "controlled": unknown(3, np.bool_)})) == []
    assert compared(records(label=np.zeros(3, np.int64))) == []


@pytest.mark.parametrize("share", [0.2, np.nan])
def test_no_control_may_be_found_and_that_is_said(share: float):
    found = matched(np.array([share, 0.9]), np.array([True, False]))
    (text,) = compared(records(controlled=found.atypical, control=found.control, correct_clean=np.ones(2, np.bool_)))
    assert text == "no atypical test sample has a control of the same held-out accuracy"
