"""The command that checks an installation: doctor."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from memscore.cli.options import Json
from memscore.console import err, out, print_json
from memscore.counted import counted
from memscore.doctor.diagnosis import Diagnosis
from memscore.doctor.examination import CHECKS, OF_SERVICE, examine

STYLES = {"ok": "green", "warning": "bold yellow", "problem": "bold red"}


def doctor(
    url: Annotated[str | None, typer.Option("--url", envvar="MEMSCORE_URL", help="A service to check as well.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Time limit of each check, in seconds.")] = 30,
    as_json: Json = False,
) -> None:
    """Check settings, database, datasets, Ray, GPUs and versions; exit status 1 if there is a problem."""
    started = time.monotonic()
    with err.status("running all checks"):
        found = examine({**CHECKS, **(OF_SERVICE if url else {})}, url, timeout)
    counts = Counter(one.verdict for one in found)
    worst = next((verdict for verdict in ("problem", "warning") if counts[verdict]), "ok")
    if as_json:
        print_json({"verdict": worst, "checks": [asdict(one) for one in found]})
    else:
        out.print(_table(found))
        out.print(
            f"{counted(counts['problem'], 'problem')}, {counted(counts['warning'], 'warning')}, {counts['ok']} ok, "
            f"in {time.monotonic() - started:.1f} s"
        )
    if worst == "problem":
        raise typer.Exit(1)


def _table(found: list[Diagnosis]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for no_wrap in (True, True, False):
        table.add_column(no_wrap=no_wrap, overflow="fold")
    for one in found:
        sentence = Text(one.found)
        if one.remedy:
            sentence.append(f"\n→ {one.remedy}", "bold")
        table.add_row(one.subject, Text(one.verdict, STYLES[one.verdict]), sentence)
    return table
