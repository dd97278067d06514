"""Printing for people and for scripts."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any, cast

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memscore import strict_json

# What is printed may hold square brackets; only styles given as such are styles. A pipe is no narrow terminal.
out = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(markup=False, highlight=False, stderr=True)


def note(text: str) -> None:
    """Something the user should know, on standard error."""
    _complain("note", text, "bold")


def warn(*texts: str) -> None:
    """Warnings on standard error, a line for each."""
    for text in texts:
        _complain("warning", text, "bold yellow")


def fail(text: str) -> None:
    """What went wrong, on standard error."""
    _complain("error", text, "bold red")


def _complain(kind: str, text: str, style: str) -> None:
    err.print(Text.assemble((f"{kind}:", style), f" {text}"), soft_wrap=True)


def _shown(value: Any) -> str:
    """A field of a record for people: four decimals, and a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in cast("list[Any]", value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in cast("dict[str, Any]", value).items())
    return str(value)


@contextmanager
def for_json(as_json: bool) -> Generator[None]:
    """Within the block what a user's code prints goes to standard error, where standard output is for JSON alone."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield


def print_json(value: Any) -> None:
    """A message or plain data as JSON on standard output."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    print(strict_json.dumps(plain, indent=2, default=str))


def print_record(message: BaseModel, as_json: bool) -> None:
    """A message as JSON, or field by field."""
    if as_json:
        print_json(message)
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in message.model_dump(mode="json").items():
        table.add_row(name, _shown(value))
    out.print(table)


def print_table(columns: tuple[str, ...], rows: Iterable[Iterable[Any]], title: str | None = None) -> None:
    """A table whose first column, which holds names and ids, is never broken."""
    table = Table(title=title)
    for position, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)


def decimal(value: float | None) -> str:
    """Three decimals."""
    return "-" if value is None else f"{value:.3f}"


def percent(share: float | None) -> str:
    """A share as per cent."""
    return "-" if share is None else f"{100 * share:.1f} %"
