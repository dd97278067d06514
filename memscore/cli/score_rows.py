"""Rows of training samples and their scores: numbers for scripts, a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memscore.cli.context import plain
from memscore.console import decimal, print_table
from memscore.scores.tables import ScoreTable

INTERVAL = "95 % interval"
DECIMALS = frozenset(
    ("mem", "se", "mem_low", "mem_high", "p_in", "p_out", "mem_margin", "risk", "se_risk", "label_error", "share")
)

Row = Mapping[str, Any]


def rows_of(table: ScoreTable, indices: Iterable[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The samples with these indices, as rows of the index and these columns; undefined values are None."""
    return [{"index": int(index), **{name: plain(table[name][index]) for name in columns}} for index in indices]


def print_rows(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print rows as a table; the column INTERVAL is made of mem_low and mem_high."""
    print_table(tuple(columns), ([_cell(row, column) for column in columns] for row in rows))


def _cell(row: Row, column: str) -> object:
    if column == INTERVAL:
        return f"[{decimal(row['mem_low'])}, {decimal(row['mem_high'])}]"
    value = row[column]
    return decimal(value) if column in DECIMALS else "-" if value is None else value
