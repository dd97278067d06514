"""The client that commands use, and NumPy numbers converted for JSON."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from memscore import settings as settings_module
from memscore.client import Client
from memscore.console import err
from memscore.progress import downloads
from memscore.workflows.embedded import opened_application


@contextmanager
def opened_client(url: str | None, *, create: bool = False) -> Generator[Client]:
    """A client of the service at `url`, which shows large downloads; with None, of the application in this process.

    The latter raises StoreError if there is no database, unless it may `create` one.
    """
    settings = settings_module.load()
    if url is None:
        with opened_application(settings, create=create) as (_, client):
            yield client
        return
    with (
        downloads(err) as on_download,
        Client(url, settings.client_key, cache=settings.home / "cache", on_download=on_download) as client,
    ):
        yield client


def plain(value: Any) -> float | int | None:
    """A NumPy number as a Python number for JSON; NaN becomes None."""
    number = value.item()
    return None if number != number else number
