"""Migrates a database to the schema that this version needs, or checks that it has it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Integer, String, column, func, inspect, select, table, text

from memscore.errors import InvalidInput, StoreError
from memscore.store.database import Database

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_NUMBER = 0x6D656D73  # any constant: serializes upgrades on PostgreSQL
VERSION_TABLE = "alembic_version"
OWN_TABLE = "studies"  # in every revision


def migrations_folder() -> Path:
    """The folder of the Alembic chain: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def revisions() -> list[str]:
    """The revisions of the chain, oldest first, from its file names (a test compares them with Alembic's)."""
    return sorted(file.name.partition("_")[0] for file in (migrations_folder() / "versions").glob("[0-9]*.py"))


def head_revision() -> str:
    """The newest revision of the chain."""
    return revisions()[-1]


def current_revision(database: Database) -> str | None:
    """The revision of the database, or None if it was never migrated."""
    with database.reading() as connection:
        return _current_revision(connection)


def upgrade(database: Database, revision: str = "head") -> None:
    """Run all missing migrations in one transaction; parallel calls wait for each other.

    Raises StoreError if the database was made by a newer version or belongs to another program.
    """
    with database.writing() as connection:
        _lock(connection)
        _examine(connection, database.shown)
        from alembic import command  # slow to import, and a service needs it only for a new database

        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Undo migrations down to `revision` (`base`: all), in one transaction.

    Raises InvalidInput unless that is below the current revision, StoreError as `upgrade` does.
    """
    with database.writing() as connection:
        _downgrade(connection, database.shown, revision)


@dataclass(frozen=True)
class DowngradeLoss:
    """Values that a downgrade would drop: the rows of a table, or a column's non-null values."""

    what: str
    values: int


def losses(database: Database, revision: str) -> list[DowngradeLoss]:
    """The losses of a `downgrade` to that revision, found by running it in a transaction that is rolled back."""
    before, after = {}, {}
    with contextlib.suppress(_Undone), database.writing() as connection:
        before = _columns(connection)
        _downgrade(connection, database.shown, revision)
        after = _columns(connection)
        raise _Undone
    found: list[DowngradeLoss] = []
    with database.reading() as connection:
        for name in sorted(before):
            if name not in after:
                found.append(DowngradeLoss(name, _count(connection, name, None)))
            else:
                gone = sorted(before[name] - after[name])
                found += [DowngradeLoss(f"{name}.{one}", _count(connection, name, one)) for one in gone]
    return [loss for loss in found if loss.values]


def require_current(database: Database) -> None:
    """Raises StoreError unless the database is at the newest revision; an empty SQLite file is migrated."""
    with database.reading() as connection:
        empty = not inspect(connection).get_table_names()
        current = _examine(connection, database.shown)
    if empty and database.engine.dialect.name == "sqlite":
        upgrade(database)
        return
    if current != (head := head_revision()):
        raise StoreError(
            f"The database {database.shown} is at revision {current or 'none'}, this version needs {head}; "
            "run: memscore db upgrade"
        )


class _Undone(Exception):
    """Rolls a transaction back."""


def _current_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(column("version_num", String)).select_from(table(VERSION_TABLE))).scalar()


def _examine(connection: Connection, shown: str) -> str | None:
    """The revision of our database, None before the first. Raises StoreError for a foreign or newer one."""
    tables = set(inspect(connection).get_table_names())
    current = _current_revision(connection)
    if current in revisions() or (current is None and tables <= {VERSION_TABLE}):
        return current
    if OWN_TABLE not in tables:
        named = ", ".join(sorted(tables)[:3]) + (", ..." if len(tables) > 3 else "")
        raise StoreError(
            f"The database {shown} belongs to another program: it has the tables {named}; "
            "name another with MEMSCORE_DATABASE_URL."
        )
    if current is None:
        raise StoreError(
            f"The database {shown} has tables but no revision: its table {VERSION_TABLE} was emptied or lost; restore "
            "the database from a copy."
        )
    raise StoreError(f"The database {shown} was made by a newer version (revision {current}); update memscore.")


def _downgrade(connection: Connection, shown: str, revision: str) -> None:
    _lock(connection)
    current = _examine(connection, shown)
    below = ["base", *revisions()[: revisions().index(current)]] if current is not None else ["base"]
    if revision not in below:
        raise InvalidInput(
            f"The database is at revision {current or 'none'} and cannot be downgraded to {revision!r}; "
            f"give one of: {', '.join(below)}."
        )
    from alembic import command

    command.downgrade(_config(connection), revision)


def _lock(connection: Connection) -> None:
    """Wait for other migrations; on SQLite the start of the transaction has already waited."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})


def _columns(connection: Connection) -> dict[str, set[str]]:
    inspector = inspect(connection)
    names = set(inspector.get_table_names()) - {VERSION_TABLE}
    return {name: {one["name"] for one in inspector.get_columns(name)} for name in names}


def _count(connection: Connection, name: str, of: str | None) -> int:
    values = func.count() if of is None else func.count(column(of, Integer))
    return connection.execute(select(values).select_from(table(name))).scalar_one()


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))  # no interpolation
    config.attributes["connection"] = connection
    return config
