"""Removes old versions of tables and frees their space. Evidence is never touched."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, select

from memscore.errors import Conflict, InvalidInput, StoreError
from memscore.store import jobs, studies, tables
from memscore.store.database import Database
from memscore.store.schema import pair_tables, score_tables

VACUUM_WAIT_SECONDS = 5


@dataclass(frozen=True)
class Pruned:
    """The table versions of a study that were or would be removed, of both kinds, and their bytes."""

    study: str
    name: str
    versions: int
    bytes: int


def prune(database: Database, study: str | None, keep: int, *, dry_run: bool) -> list[Pruned]:
    """Remove all but the newest `keep` versions of each kind of table, of one study or of all.

    Versions published as plain rows are kept. Raises NotFound if there is no such study.
    """
    assert keep >= 1
    with (database.reading if dry_run else database.writing)() as connection:
        only = None if study is None else studies.find(connection, study).id
        versions, sizes = Counter[str](), Counter[str]()
        for stored in (score_tables, pair_tables):
            for identifier, digest, size in _old(connection, stored, only, keep):
                versions[identifier] += 1
                sizes[identifier] += size
                if not dry_run:
                    mine = stored.c.study_id == identifier
                    connection.execute(delete(stored).where(mine, stored.c.digest == digest))
        names = studies.names(connection)
    return [Pruned(one, names[one], versions[one], sizes[one]) for one in sorted(versions, key=names.__getitem__)]


def _old(connection: Connection, stored: Table, study: str | None, keep: int) -> list[tuple[str, str, int]]:
    """Study, digest and size of the versions that are not among the newest."""
    length = func.octet_length if connection.dialect.name == "postgresql" else func.length  # neither reads the blob
    place = func.row_number().over(partition_by=stored.c.study_id, order_by=tables.newest_first(stored))
    ranked = select(stored.c.study_id, stored.c.digest, length(stored.c.payload).label("size"), place.label("place"))
    if study is not None:
        ranked = ranked.where(stored.c.study_id == study)
    versions = ranked.subquery()
    query = select(versions.c.study_id, versions.c.digest, versions.c.size).where(versions.c.place > keep)
    query = query.where(versions.c.digest.not_in(tables.published(stored)))
    return [(row.study_id, row.digest, row.size) for row in connection.execute(query)]


def require_vacuum(database: Database) -> None:
    """Raises InvalidInput unless the database is SQLite, Conflict while a job writes into it."""
    if database.engine.dialect.name != "sqlite":
        raise InvalidInput("Only SQLite needs this command: PostgreSQL reuses free space by itself.")
    with database.reading() as connection:
        for job in jobs.working(connection):
            raise Conflict(f"Job {job.id} is writing to the database; vacuum after it has ended, or cancel it first.")


def vacuum(database: Database) -> int:
    """Rewrite an SQLite file without its free pages; returns the bytes saved.

    Writers wait until it is done. Raises StoreError if another process is writing, or if the disk is full: the new file
    needs as much space as the old one.
    """
    require_vacuum(database)
    file = Path(database.engine.url.database or "")
    before = _size(file)
    connection = database.engine.raw_connection()
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {VACUUM_WAIT_SECONDS * 1000}")
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as error:
        reason = "another process is writing to it, try again later" if "locked" in str(error) else str(error)
        raise StoreError(f"The database {database.shown} could not be vacuumed: {reason}.") from error
    finally:
        cursor.close()
        connection.invalidate()  # its busy timeout is shorter than that of others in the pool
    return before - _size(file)


def _size(file: Path) -> int:
    """The bytes of the database and of its journal."""
    journal = file.with_name(f"{file.name}-wal")
    return file.stat().st_size + (journal.stat().st_size if journal.exists() else 0)
