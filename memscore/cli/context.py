"""What commands work with: the database, a client, and how errors and values are put."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from memscore import settings as settings_module
from memscore.client import Client
from memscore.console import err
from memscore.errors import StoreError
from memscore.progress import downloads
from memscore.settings import Settings
from memscore.store import Database, open_database
from memscore.store.database import sqlite_file
from memscore.store.migrate import require_current


@contextmanager
def opened_database(settings: Settings) -> Generator[Database]:
    """The configured database at the current revision."""
    settings.prepare_home()
    database = open_database(settings.database)
    try:
        require_current(database)
        yield database
    finally:
        database.close()


@contextmanager
def existing_database(settings: Settings) -> Generator[Database]:
    """The configured database, for commands that find nothing in a new one. Raises StoreError if there is none."""
    file = sqlite_file(settings.database)
    if file is not None and not file.exists():
        raise StoreError(
            f"There is no database {file}; set MEMSCORE_HOME or MEMSCORE_DATABASE_URL to the one you mean."
        )
    with opened_database(settings) as database:
        yield database


@contextmanager
def opened_client(url: str | None) -> Generator[Client]:
    """A client of the service at `url`, or of the application in this process."""
    settings = settings_module.load()
    if url is not None:
        with (
            downloads(err) as on_download,
            Client(url, settings.client_key, cache=settings.home / "cache", on_download=on_download) as client,
        ):
            yield client
        return
    from api.serving.in_process import in_process

    with opened_database(settings) as database, Client(http=in_process(database)) as client:
        yield client


def plain(value: Any) -> float | int | None:
    """A NumPy number for JSON: NaN is None."""
    number = value.item()
    return None if number != number else number
