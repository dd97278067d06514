"""The application that all studies of this process share: one for each home folder, opened on first use."""

from __future__ import annotations

import atexit
import os
import re
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from memscore import settings as settings_module
from memscore.client import Client
from memscore.errors import InvalidInput, MemscoreError
from memscore.settings import Settings
from memscore.store import Database
from memscore.store.database import sqlite_file
from memscore.workflows.embedded import opened_application


@dataclass(frozen=True)
class Application:
    """An open database, and a client of the application on it in this process."""

    settings: Settings
    database: Database
    client: Client
    held: ExitStack


SETTING = re.compile(r"\bset MEMSCORE_HOME(?: or MEMSCORE_DATABASE_URL)? to\b")
"""What an error advises whose reader gave the keyword `home`, which comes before the setting."""

_open: dict[tuple[int, str, Path], Application] = {}
_lock = threading.Lock()


def application(home: Path | str | None = None, *, create: bool = False) -> Application:
    """The application over a home folder, by default that of the settings; `create` makes a folder that is missing.

    Raises StoreError if the folder or its database cannot be used, InvalidInput for invalid settings.
    """
    settings = settings_of(home)
    if home is None:
        return _opened(settings, create)
    try:
        return _opened(settings, create)
    except MemscoreError as error:
        error.args = (SETTING.sub("give as home", str(error)), *error.args[1:])
        raise


def exists() -> bool:
    """Whether there is the database of the settings; one on a server counts."""
    file = sqlite_file(settings_module.load().database)
    return file is None or file.exists()


def _opened(settings: Settings, create: bool) -> Application:
    """The application over these settings. Raises as `application`."""
    key = os.getpid(), settings.database, settings.home  # a forked process has no thread that answers
    with _lock:
        found = _open.get(key)
        if found is None:
            held = ExitStack()
            database, client = held.enter_context(opened_application(settings, create=create))
            found = _open[key] = Application(settings, database, client, held)
        return found


def settings_of(home: Path | str | None) -> Settings:
    """The settings of this process; a home folder given here brings its own database."""
    settings = settings_module.load()
    if home is None:
        return settings
    if not str(home).strip():
        raise InvalidInput("home is empty; name a folder, or leave it out for the one of the settings.")
    return settings.model_copy(update={"home": Path(home).expanduser().absolute(), "database_url": None})


@atexit.register
def close() -> None:
    """Close all applications of this process; a study opens its own again when it is used."""
    with _lock:
        mine = [key for key in _open if key[0] == os.getpid()]
        for key in mine:
            _open.pop(key).held.close()
