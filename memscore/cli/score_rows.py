"""Rows of training samples and their scores: numbers for scripts, a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from memscore.cli.context import plain
from memscore.client import Client
from memscore.console import decimal, print_table
from memscore.errors import NotFound
from memscore.scores.tables import ScoreTable

INTERVAL = "95 % interval"
DECIMALS = frozenset(
    ("mem", "se", "mem_low", "mem_high", "p_in", "p_out", "mem_margin", "risk", "se_risk", "label_error", "share")
)

Row = Mapping[str, Any]
Split = Literal["train", "test"]


def rows_of(table: ScoreTable, indices: Iterable[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The samples with these indices, as rows of the index and these columns; undefined values are None."""
    return [{"index": int(index), **{name: plain(table[name][index]) for name in columns}} for index in indices]


def names_of(client: Client, study: str, indices: Sequence[int], split: Split = "train") -> list[str] | None:
    """The ids or file names of samples of a study's dataset, in this order; None if they have none."""
    if not len(indices):
        return None
    try:
        found = client.samples(client.study(study).dataset, indices, split)
    except NotFound:  # of a service that does not have the dataset's files, or is too old to know names
        return None
    names = [one.name for one in found]
    return None if all(name == f"{split} {one.index}" for name, one in zip(names, found, strict=True)) else names


def named(client: Client, study: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Rows of training samples with their names after the index, if they have any."""
    names = names_of(client, study, [row["index"] for row in rows])
    if names is None:
        return [dict(row) for row in rows]
    return [{"index": row["index"], "name": name, **row} for name, row in zip(names, rows, strict=True)]


def print_rows(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Print rows as a table, with names if there are any; the column INTERVAL is made of mem_low and mem_high."""
    listed = list(rows)
    if any(row.get("name") for row in listed):
        columns = [part for column in columns for part in ((column, "name") if column == "index" else (column,))]
    print_table(tuple(columns), ([_cell(row, column) for column in columns] for row in listed))


def _cell(row: Row, column: str) -> object:
    if column == INTERVAL:
        return f"[{decimal(row['mem_low'])}, {decimal(row['mem_high'])}]"
    value = row.get(column) if column == "name" else row[column]
    return decimal(value) if column in DECIMALS else "-" if value is None else value
