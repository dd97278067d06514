"""A sweep, from its folder."""

from __future__ import annotations

from pathlib import Path

from memscore.errors import Damaged
from memscore.messages.runs import RunSummary, SweepComparison, SweepDetail, SweepSummary
from memscore.runs.contents import read_as
from memscore.runs.layout import COMPARISON


def sweep_of(folder: Path, summary: SweepSummary, members: list[RunSummary]) -> SweepDetail:
    """A sweep with its runs and what it found when it last compared them."""
    comparison, problem = None, None
    try:
        comparison = read_as(SweepComparison, folder / COMPARISON)
    except FileNotFoundError:
        pass
    except Damaged as error:
        problem = str(error)
    return SweepDetail(**summary.model_dump(), members=members, comparison=comparison, problem=problem)
