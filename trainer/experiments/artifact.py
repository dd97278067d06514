"""The output of an item: figures, numbers, verdicts, and a page that describes how they were made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from memscore import strict_json
from memscore.errors import InvalidInput
from memscore.files import atomic_write, reason
from memscore.runs.layout import MADE, PAGE, VERDICTS
from trainer.experiments.verdict import Verdict

NUMBERS = "numbers.csv"
PIXELS = 200  # per inch
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "memscore",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 8,
    "axes.titlesize": 8,
    "legend.fontsize": 8,
}


UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
"""Metadata of each kind of file without what changes from day to day."""

KINDS = tuple(UNDATED)


@dataclass(frozen=True)
class Artifact:
    """The output of an item.

    caption: what the figure shows, in Markdown. figures: by file name without extension. numbers: rows with the same
    columns. tables: further Markdown, such as a comparison with the paper's table. notes: caveats for the reader.
    """

    caption: str
    figures: dict[str, Figure]
    numbers: Sequence[dict[str, Any]]
    verdicts: Sequence[Verdict]
    tables: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def write(self, folder: Path, title: str, made: dict[str, Any]) -> None:
        """Write everything to `folder`, each file atomically. Raises InvalidInput if it cannot be written."""
        files: dict[str, bytes] = {NUMBERS: _csv(self.numbers).encode()}
        for name, figure in self.figures.items():
            files |= {f"{name}.{kind}": drawn(figure, kind) for kind in KINDS}
        verdicts = [verdict.as_json() for verdict in self.verdicts]
        files[VERDICTS] = (strict_json.dumps(verdicts, indent=2) + "\n").encode()
        files[MADE] = (strict_json.dumps(made, indent=2) + "\n").encode()
        files[PAGE] = self.page(title, made).encode()
        try:
            for name, content in files.items():
                with atomic_write(folder / name) as scratch:
                    scratch.write_bytes(content)
        except OSError as error:
            raise InvalidInput(f"The folder {folder} cannot be written ({reason(error)}).") from error

    def page(self, title: str, made: dict[str, Any]) -> str:
        """The item's page, in Markdown."""
        parts = [
            f"# {title}",
            made["shown"],
            *(f"![{title}]({name}.png)" for name in self.figures),
            self.caption,
            *self.tables,
        ]
        if self.verdicts:
            parts.append(verdict_table([("", one) for one in self.verdicts]))
        notes = [*self.notes, *made.get("events", [])]
        if notes:
            parts.append("\n".join(f"- {note}" for note in notes))
        how = [f"`{made['command']}`", f"{made['date']}, {made['device']}"]
        how += [f"{name} {version}" for name, version in made["versions"].items()]
        how += [f"seeds {', '.join(map(str, made['seeds']))}"]
        parts.append("## How it was made\n\n" + "; ".join(how) + ".")
        parts += ["\n".join(f"- {line}" for line in made["settings"])]
        parts.append(f"The numbers are in [{NUMBERS}]({NUMBERS}), accuracies as shares.")
        return "\n\n".join(parts) + "\n"


def verdict_table(rows: Sequence[tuple[str, Verdict]]) -> str:
    """Verdicts as a Markdown table, with a column for their items if any are named."""
    named = any(name for name, _ in rows)
    columns = [*(["item"] if named else []), "the paper's finding", "here", "numbers"]
    lines = [columns, ["---"] * len(columns)]
    lines += [[*([name] if named else []), one.finding, f"**{one.verdict}**", one.described] for name, one in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read_verdicts(folder: Path) -> list[Verdict] | None:
    """The verdicts in an item's folder; None if an earlier version made them, by other rules."""
    read = json.loads((folder / VERDICTS).read_text())
    return [Verdict(**one) for one in read] if all("setting" in one for one in read) else None


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]) if rows else (), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def drawn(figure: Figure, kind: str) -> bytes:
    """A figure as the content of a file of one of KINDS, the same for the same figure."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format=kind, dpi=PIXELS, metadata=UNDATED[kind], facecolor="white")
    return buffer.getvalue()
