"""Print a run: a table for each checkpoint, titled with how it was selected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from memscore.console import percent, print_table

if TYPE_CHECKING:
    from trainer.run import Checkpoint, Run


def print_run(run: Run) -> None:
    """Print a table for each network that a finished run kept; one network may be the last and the best at once."""
    from trainer.evaluation.table import cells, header

    networks: dict[tuple[bool, int], list[Checkpoint]] = {}
    for one in run.checkpoints:
        networks.setdefault((one.name.startswith("averaged-"), one.epoch), []).append(one)
    for (_, epoch), same in networks.items():
        title = "; ".join(f"{one.name}, {selection(one.selected)}" for one in same)
        print_table(header(same[0].rows), map(cells, same[0].rows), title=f"epoch {epoch}: {title}")


def notes_on(run: Run) -> Iterator[str]:
    """Notes to go with the tables: events of the run, and serious findings of its evaluations."""
    for event in run.events:
        yield f"{event}."
    red: dict[tuple[str, str, str], list[str]] = {}
    for one in run.checkpoints:
        for finding in one.findings:
            if finding.level == "red" or (finding.check == "network" and finding.level == "amber"):
                red.setdefault((finding.check, finding.found, finding.meaning), []).append(one.name)
    for (check, found, meaning), names in red.items():
        yield f"{', '.join(names)}: {check}: {found}. {meaning}"


def selection(selected: dict[str, Any]) -> str:
    """How a checkpoint was selected, in words."""
    if selected["on"] is None:
        return "the last one" if selected["by"] == "last" else "kept along the way"
    return f"by {selected['by']} on {selected['on']} ({percent(selected['value'])})"
