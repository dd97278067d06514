"""The command `memscore`: a Typer application built from the table of commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import memscore
from memscore.cli.commands import COMMANDS
from memscore.cli.deferred import deferred

__all__ = ["app", "main"]


class _Commands(TyperGroup):
    """A group with the commands of the table; Typer creates it with the options below."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = deferred(COMMANDS)


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, help=memscore.__doc__)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"memscore {memscore.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Raises the errors meant for the user."""
    app()
