"""Bring a database to the schema this version needs, or say that it is not there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, inspect, text

from memscore.errors import StoreError
from memscore.store.database import Database

LOCK_NUMBER = 0x6D656D73  # any constant: serializes upgrades on PostgreSQL


def migrations_folder() -> Path:
    """Where the Alembic chain lies: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def head_revision() -> str:
    """The newest revision of the chain."""
    head = ScriptDirectory(str(migrations_folder())).get_current_head()
    assert head is not None
    return head


def current_revision(database: Database) -> str | None:
    """The revision the database is at, or None if it was never migrated."""
    with database.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, revision: str = "head") -> None:
    """Run all missing migrations in one transaction; parallel calls wait for each other."""
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})
        command.upgrade(_config(connection), revision)


def downgrade(database: Database, revision: str) -> None:
    """Undo migrations down to `revision` (`base`: all)."""
    with database.writing() as connection:
        command.downgrade(_config(connection), revision)


def require_current(database: Database) -> None:
    """Raises StoreError unless the database is at the newest revision; creates an empty SQLite one."""
    with database.reading() as connection:
        empty = not inspect(connection).get_table_names()
    if empty and database.engine.dialect.name == "sqlite":
        upgrade(database)
        return
    current, head = current_revision(database), head_revision()
    if current == head:
        return
    if current is not None and current not in {script.revision for script in _scripts()}:
        raise StoreError(
            f"The database {database.shown} was made by a newer version (revision {current}); update memscore."
        )
    raise StoreError(
        f"The database {database.shown} is at revision {current or 'none'}, this version needs {head}; "
        "run: memscore db upgrade"
    )


def _scripts() -> list[Script]:
    return list(ScriptDirectory(str(migrations_folder())).walk_revisions())


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
    config.attributes["connection"] = connection
    return config
