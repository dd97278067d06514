"""The application in this process: its database, and a client of it that needs no server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from memscore.client import Client
from memscore.settings import Settings
from memscore.store import Database, open_database
from memscore.store.migrate import require_current


@contextmanager
def opened_database(settings: Settings) -> Generator[Database]:
    """The configured database at the current revision. Raises StoreError if it is at another one."""
    with opened_at_any_revision(settings) as database:
        require_current(database)
        yield database


@contextmanager
def existing_database(settings: Settings) -> Generator[Database]:
    """The configured database at the current revision, without creating one. Raises StoreError if there is none."""
    with existing_at_any_revision(settings) as database:
        require_current(database)
        yield database


@contextmanager
def existing_at_any_revision(settings: Settings) -> Generator[Database]:
    """The configured database, whatever its revision, without creating one. Raises StoreError if there is none."""
    open_database(settings.database, create=False).close()
    with opened_at_any_revision(settings) as database:
        yield database


@contextmanager
def opened_at_any_revision(settings: Settings) -> Generator[Database]:
    """The configured database, whatever its revision."""
    settings.prepare_home()
    database = open_database(settings.database)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def opened_application(settings: Settings, *, create: bool = True) -> Generator[tuple[Database, Client]]:
    """The configured database, and a client of the application on it in this process.

    Without `create`, raises StoreError if there is none: a command that only reads makes no home and no database.
    """
    from api.serving.in_process import in_process

    opened = opened_database if create else existing_database
    with opened(settings) as database, Client(http=in_process(database, settings.home)) as client:
        yield database, client
