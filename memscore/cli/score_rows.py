"""Rows of training samples and their scores: numbers for scripts, a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memscore.cli.context import plain
from memscore.cli.naming import Names
from memscore.client import Client
from memscore.console import decimal, print_table
from memscore.scores.tables import ScoreTable

INTERVAL = "95 % interval"
DECIMALS = frozenset(
    ("mem", "se", "mem_low", "mem_high", "p_in", "p_out", "mem_margin", "risk", "se_risk", "label_error", "share")
)

NAMED = {"label": "class_name", "suggested": "suggested_name"}
"""The columns of classes, each with the field that has their names."""

Row = Mapping[str, Any]


def rows_of(table: ScoreTable, indices: Iterable[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The samples with these indices, as rows of the index and these columns; undefined values are None."""
    return [{"index": int(index), **{name: plain(table[name][index]) for name in columns}} for index in indices]


def named(client: Client, study: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of training samples with the names of these and of their classes."""
    return Names.of(client, study, [row["index"] for row in rows]).rows(rows)


def print_rows(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print rows as a table, samples and classes by name; the column INTERVAL is made of mem_low and mem_high."""
    listed = list(rows)
    if any(row.get("name") for row in listed):
        columns = [part for column in columns for part in ((column, "name") if column == "index" else (column,))]
    shown = tuple("class" if column == "label" else column for column in columns)
    print_table(shown, ([_cell(row, column) for column in columns] for row in listed))


def _cell(row: Row, column: str) -> object:
    if column == INTERVAL:
        return f"[{decimal(row['mem_low'])}, {decimal(row['mem_high'])}]"
    value = row.get(NAMED.get(column, column))
    return decimal(value) if column in DECIMALS else "-" if value is None else value
