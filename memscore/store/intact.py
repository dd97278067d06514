"""Whether all that a database file says it knows still has its digest: trials and tables, one by one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, create_engine, inspect, select
from sqlalchemy.pool import NullPool

from memscore.errors import Damaged
from memscore.store import evidence
from memscore.store.faults import KINDS, version_fault
from memscore.store.findings import UNREADABLE
from memscore.store.schema import full_trials, trials


def require_intact(file: Path) -> None:
    """Read all trials and tables of an SQLite file of any revision, which is not changed.

    Raises Damaged at the first that does not match its digest.
    """
    engine = _read_only(file)
    try:
        with engine.connect() as connection:
            there = {name: {one["name"] for one in inspect(connection).get_columns(name)} for name in _tables(engine)}
            for stored in KINDS:
                if stored.name in there:
                    _require_versions(connection, stored)
            for table in (trials, full_trials):
                if table.name in there:
                    _require_trials(connection, table, there[table.name])
    finally:
        engine.dispose()


def _read_only(file: Path) -> Engine:
    def opened() -> sqlite3.Connection:
        return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)

    return create_engine("sqlite://", creator=opened, poolclass=NullPool)


def _tables(engine: Engine) -> list[str]:
    return inspect(engine).get_table_names()


def _require_versions(connection: Connection, stored: Table) -> None:
    query = select(stored.c.study_id, stored.c.digest).order_by(stored.c.study_id, stored.c.digest)
    for study, version in connection.execute(query).all():
        if fault := version_fault(connection, stored, study, version):
            raise Damaged(f"the {KINDS[stored].kind} {version[:12]} of study {study} {fault}")


def _require_trials(connection: Connection, table: Table, there: set[str]) -> None:
    """`there`: the columns that the file's revision has; those of later ones are as if nothing had been recorded."""
    kind = "full trial" if table is full_trials else "trial"
    key = table.c.study_id, table.c.number
    for study, number in connection.execute(select(*key).order_by(*key)).all():
        mine = (table.c.study_id == study) & (table.c.number == number)
        try:
            row = connection.execute(select(*(one for one in table.c if one.name in there)).where(mine)).one()
            sound = evidence.trial_of(row).digest == row.digest
        except UNREADABLE:
            sound = False
        if not sound:
            raise Damaged(f"{kind} {number} of study {study} cannot be read, or does not match its digest")
