"""A run for people: the tables of its checkpoints, together, each with how it was selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from memscore.console import percent, print_table

if TYPE_CHECKING:
    from trainer.run import Run


def print_run(run: Run) -> None:
    """A table for each checkpoint of a finished run."""
    from trainer.evaluation.table import cells, header

    for one in run.checkpoints:
        title = f"{one.name}: epoch {one.epoch}, {selection(one.selected)}"
        print_table(header(one.rows), map(cells, one.rows), title=title)


def selection(selected: dict[str, Any]) -> str:
    """How a checkpoint was selected, in words."""
    if selected["on"] is None:
        return "the last one"
    return f"by {selected['by']} on {selected['on']} ({percent(selected['value'])})"
