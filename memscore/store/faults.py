"""Finds the fault of a stored table, and names the faults of the disk."""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, Table, select

from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store.findings import UNREADABLE
from memscore.store.schema import pair_tables, score_tables
from memscore.study.evidence import MISMATCH

KINDS: dict[Table, type[ScoreTable] | type[PairsTable]] = {score_tables: ScoreTable, pair_tables: PairsTable}

UNREAD = "cannot be read"
ROTTEN = (MISMATCH, UNREAD)
"""Faults where the bytes changed after they were stored."""

RTOL, ATOL = 1e-4, 1e-6
"""Tolerance for numbers computed by other versions of the libraries."""


def version_fault(connection: Connection, stored: Table, study: str, version: str) -> str | None:
    """The fault of a stored table; None if it is sound, or no longer there."""
    query = select(stored).where(stored.c.study_id == study, stored.c.digest == version)
    try:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        table = KINDS[stored].decode(row.payload)
    except UNREADABLE:
        return "cannot be read, or does not match its digest"
    if (table.digest, table.meta["study"]) != (version, study):
        return f"holds the table {table.digest[:12]} of study {table.meta['study']}"
    return None if (table.trials, table.meta) == (row.trials, row.meta) else "has metadata that differ from its row's"


def without_similarity(pairs: PairsTable) -> PairsTable:
    """The part of a pairs table that does not rest on what the samples look like."""
    rows = np.flatnonzero(pairs["infl"] >= np.float32(pairs.meta["floor"]))
    columns = {name: column[rows] for name, column in pairs.columns.items() if name not in PairsTable.added}
    return PairsTable.of(columns, pairs.meta)


def different_columns(stored: ScoreTable | PairsTable, built: ScoreTable | PairsTable) -> list[str]:
    """The columns where two tables differ by more than rounding."""
    if stored.digest == built.digest:
        return []
    different: list[str] = []
    for name, column in stored.columns.items():
        other = built[name]
        if column.shape != other.shape:
            same = False
        elif column.dtype.kind == "f":
            same = np.allclose(column, other, rtol=RTOL, atol=ATOL, equal_nan=True)
        else:
            same = np.array_equal(column, other)
        if not same:
            different.append(name)
    return different
