"""The command `scores quality`: how far a study's scores can be trusted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from memscore.cli.context import opened_client
from memscore.cli.options import Json, Url
from memscore.console import note, print_json, print_table, warn
from memscore.scores.quality import quality


def list_checks(
    study: Annotated[str, typer.Argument(help="A study's id or name.")], url: Url = None, as_json: Json = False
) -> None:
    """Show how far the scores of a study can be trusted: each check, and what to do where it does not pass."""
    with opened_client(url) as client:
        table, design = client.table(study), client.study(study).design
    checks = quality(table, design)
    if as_json:
        print_json([asdict(check) for check in checks])
        return
    print_table(("check", "verdict", "found"), ((check.name, check.verdict, check.value) for check in checks))
    warn(*table.warnings)
    for check in checks:
        if check.verdict != "pass":
            note(f"{check.name}: {check.advice}")
