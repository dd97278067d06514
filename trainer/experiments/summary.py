"""The page of all items: their verdicts in one table, and every figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

from memscore.counted import counted
from memscore.errors import InvalidInput
from memscore.files import atomic_write, reason
from trainer.experiments.artifact import MADE, PAGE, VERDICTS, read_verdicts, verdict_table
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.verdict import Verdict, Word


def summarize(folder: Path, below: str) -> list[tuple[str, Verdict]]:
    """Write a README.md for the items in `folder`/`below`, in the catalogue's order, and return their verdicts.

    Raises InvalidInput if the page cannot be written.
    """
    there = [item for item in ITEMS.values() if (folder / below / item.name / VERDICTS).is_file()]
    verdicts = [(item.name, one) for item in there for one in read_verdicts(folder / below / item.name)]
    linked = [(f"[{name}]({below}/{name}/{PAGE})", one) for name, one in verdicts]
    made = [json.loads((folder / below / item.name / MADE).read_text()) for item in there]
    counts = {word: sum(one.verdict == word for _, one in verdicts) for word in get_args(Word)}
    parts = [
        "# The paper, reproduced",
        f"{len(there)} of {counted(len(ITEMS), 'item')}; findings: "
        + ", ".join(f"{count} {word}" for word, count in counts.items())
        + ".",
        "A finding is confirmed if its whole 95 % interval, over seeds and test samples, agrees with the paper.",
        verdict_table(linked),
    ]
    for item, one in zip(there, made, strict=True):
        figures = sorted((folder / below / item.name).glob("*.png"))
        shown = "\n".join(f"![{item.title}]({below}/{item.name}/{figure.name})" for figure in figures)
        parts.append(f"## [{item.title}]({below}/{item.name}/{PAGE})\n\n{shown}\n\n{one['date']}, {one['device']}")
    try:
        with atomic_write(folder / PAGE) as scratch:
            scratch.write_text("\n\n".join(parts) + "\n")
    except OSError as error:
        raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}).") from error
    return verdicts
