"""All commands of `memscore`, and how they are run."""

from __future__ import annotations

from typing import Annotated

import typer

import memscore
from memscore.cli import (  # noqa: F401 -- to be imported is to register their commands
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
from memscore.console import out

__all__ = ["app", "main"]


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
    """Run the command line. Raises what is meant for the user."""
    app()
