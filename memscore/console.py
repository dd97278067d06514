"""Output for people and for scripts."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from typing import Any, cast

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from memscore import strict_json

# Printed text may contain square brackets, so markup is off. A pipe must not wrap like a narrow terminal.
out = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(markup=False, highlight=False, stderr=True)


def note(text: str) -> None:
    """Print a note on standard error."""
    _print_kind("note", text, "bold")


def warn(*texts: str) -> None:
    """Print each warning on its own line on standard error."""
    for text in texts:
        _print_kind("warning", text, "bold yellow")


def fail(text: str) -> None:
    """Print an error on standard error."""
    _print_kind("error", text, "bold red")


def _print_kind(kind: str, text: str, style: str) -> None:
    err.print(Text.assemble((f"{kind}:", style), f" {text}"), soft_wrap=True)


def _shown(value: Any) -> str:
    """Format a field for people: four decimals, and a dash for a missing value."""
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
    """Within the block, send what user code prints to standard error if standard output is reserved for JSON."""
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        yield


def print_json(value: Any) -> None:
    """Print a message or plain data as JSON on standard output."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    print(strict_json.dumps(plain, indent=2, default=str))


def print_record(message: BaseModel | Mapping[str, Any], as_json: bool) -> None:
    """Print a message or its fields as JSON, or as one line per field."""
    if as_json:
        print_json(message)
        return
    fields = message.model_dump(mode="json") if isinstance(message, BaseModel) else message
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(name, _shown(value))
    out.print(table)


def print_table(columns: tuple[str, ...], rows: Iterable[Iterable[Any]], title: str | None = None) -> None:
    """Print a table whose first column never wraps: it holds names and ids."""
    table = Table(title=title)
    for position, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=position == 0)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)


def decimal(value: float | None) -> str:
    """Format with three decimals."""
    return "-" if value is None else f"{value:.3f}"


def percent(share: float | None, decimals: int = 1) -> str:
    """Format a share in [0, 1] as a percentage."""
    return "-" if share is None else f"{100 * share:.{decimals}f} %"
