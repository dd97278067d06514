"""What the workers of a job are given: whole blocks, several at once on a GPU, and what was lost before the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.errors import BlockFailed, Diverged
from memscore.farm import workers as workers_module
from memscore.farm.workers import Farm, Feed
from memscore.study.subsets import Unit, units
from tests.conftest import QUICK


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(0, 12), st.integers(0, 10), st.booleans())
def test_every_unit_is_handed_out_once_whoever_asks(asked: list[int], blocks: int, full: int, full_first: bool):
    every = [units(QUICK, 10 * blocks), units(QUICK, full, full=True)]
    every = [unit for some in (every[::-1] if full_first else every) for unit in some]
    feed = Feed(iter(every), len(every))
    found: list[Unit] = []
    for size in [*asked, *[1] * 30]:
        unit = feed.next(size)
        if unit is None:
            break
        assert len(unit.blocks) <= size
        found += unit.blocks
    assert found == every
    assert feed.exhausted


def test_a_gpu_takes_no_more_blocks_than_the_target_still_asks_for():
    """With a target of precision the missing units end early."""
    asked: list[int] = []

    def missing() -> Any:
        for unit in units(QUICK, 100):
            asked.append(unit.numbers[0])
            if len(asked) > 6:
                return
            yield unit

    feed = Feed(missing(), 10)
    found = []
    while (unit := feed.next(4)) is not None:
        found.append(unit)
    assert [len(unit.blocks) for unit in found] == [4, 2]


def test_a_lost_unit_is_divided_for_a_worker_without_a_gpu():
    feed = Feed(iter(units(QUICK, 60)), 6)
    together = feed.next(4)
    assert together is not None
    feed.again.append(together)
    assert [str(feed.next(1)), str(feed.next(2)), str(feed.next(4))] == [
        "trials 0 to 9",
        "trials 30 to 39",
        "trials 20 to 29",
    ]


@dataclass
class Idle:
    """A worker whose unit has just ended."""

    unit: Unit | None
    pid: int = 1
    seconds: float = 1.0
    presence: Any = field(default_factory=lambda: SimpleNamespace(devices="0"))


def test_blocks_that_diverge_together_are_trained_by_themselves_and_only_the_culprit_fails(
    monkeypatch: pytest.MonkeyPatch,
):
    class Failed(workers_module.RayTaskError):
        def __init__(self) -> None:
            self.cause = Diverged("the loss is not finite in epoch 3 of 9")

    def fail(_: Any) -> Any:
        raise Failed

    monkeypatch.setattr(workers_module.ray, "get", fail)
    farm = Farm.__new__(Farm)
    feed = Feed(iter(units(QUICK, 30)), 3)
    together = feed.next(4)
    assert together is not None
    worker = Idle(together)
    assert farm._collect(worker, None, feed) is None  # type: ignore[arg-type]
    assert worker.unit is None
    alone = [feed.next(4) for _ in range(3)]
    assert {str(unit) for unit in alone} == {"trials 0 to 9", "trials 10 to 19", "trials 20 to 29"}
    assert feed.left == 3
    culprit = alone[0]
    assert farm._collect(Idle(culprit), None, feed) is None  # type: ignore[arg-type]
    assert feed.next(4) == culprit
    with pytest.raises(BlockFailed, match=rf"{str(culprit).capitalize()} failed: the loss is not finite"):
        farm._collect(Idle(culprit), None, feed)  # type: ignore[arg-type]
