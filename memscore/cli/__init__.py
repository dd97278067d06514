"""The command line: one command, `memscore`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from pydantic import ValidationError

import memscore
from memscore.cli import (
    database,
    datasets,
    doctor,
    estimate,
    evaluation,
    evidence,
    exchange,
    jobs,
    keys,
    look_ups,
    pairs,
    reproduce,
    scores,
    service,
    sweep,
    training,
    verification,
)
from memscore.cli.apps import app
from memscore.console import complain, out
from memscore.errors import MemscoreError
from memscore.validation import sentence

__all__ = [
    "database",
    "datasets",
    "doctor",
    "estimate",
    "evaluation",
    "evidence",
    "exchange",
    "jobs",
    "keys",
    "look_ups",
    "main",
    "pairs",
    "reproduce",
    "scores",
    "service",
    "sweep",
    "training",
    "verification",
]


def _print_version(asked: bool) -> None:
    if asked:
        out.print(f"memscore {memscore.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; an error meant for the user is one sentence and exit status 1."""
    try:
        app()
    except MemscoreError as error:
        complain("error", str(error), "bold red")
        sys.exit(1)
    except ValidationError as error:
        complain("error", sentence(error), "bold red")
        sys.exit(1)
