"""Commands whose modules are imported on the first call; a table holds their names and help lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from memscore.launch import imported


@dataclass(frozen=True)
class Entry:
    """A command: its function, as module:function of this package, and the first line of its help."""

    function: str
    help: str
    hidden: bool = False


@dataclass(frozen=True)
class Group:
    """Commands under one word, and the help of that word."""

    help: str
    commands: Mapping[str, Entry]


Entries = Mapping[str, Entry | Group]


class DeferredCommand(TyperCommand):
    """A command that is imported when it is called or its own help is shown."""

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(name, help=entry.help, hidden=entry.hidden)
        self.entry = entry

    def load(self) -> Any:
        """Import the command. Ctrl-C during the import ends the process at once."""
        module, _, function = self.entry.function.partition(":")
        alone = typer.Typer(add_completion=False)
        alone.command(self.name, cls=_naming(), hidden=self.hidden)(
            getattr(imported(f"{__package__}.{module}"), function)
        )
        return typer.main.get_command(alone)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the imported command, which parses the options and runs it."""
        try:
            return self.load().make_context(info_name, args, parent, **extra)
        except typer.BadParameter as error:
            error.message = _reworded(error)
            raise


def _naming() -> Any:
    from memscore.cli.arguments import NamingCommand  # imported with a command only: help needs no client

    return NamingCommand


def _reworded(error: typer.BadParameter) -> str:
    """Typer validates options by pydantic, and repeats its words."""
    from pydantic import ValidationError

    from memscore.validation import worded

    cause = error.__cause__
    return worded(cause.errors()[0]) if isinstance(cause, ValidationError) else error.message


def deferred(entries: Entries) -> dict[str, Any]:
    """The commands of a table by name, for a Typer group."""
    return {
        name: DeferredCommand(name, entry)
        if isinstance(entry, Entry)
        else TyperGroup(name=name, help=entry.help, commands=deferred(entry.commands), no_args_is_help=True)
        for name, entry in entries.items()
    }
