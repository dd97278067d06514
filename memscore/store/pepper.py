"""The pepper of a service's keys: from its setting, or from a file in the home folder, made on first use."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from memscore.errors import StoreError
from memscore.files import reason, sync, tighten
from memscore.keys import Pepper
from memscore.settings import Settings

FILE = "key-pepper"


def pepper_of(settings: Settings) -> Pepper:
    """The current pepper, made if there is none. Raises StoreError if its file cannot be used."""
    if settings.key_pepper is not None:
        return Pepper(settings.key_pepper.get_secret_value().encode())
    path = settings.home / FILE
    try:
        if not path.exists():
            settings.require_home()
            _make(path)
        tighten(path)
        return Pepper(path.read_bytes().strip())
    except OSError as error:
        raise StoreError(
            f"The pepper file {path}, needed to check keys, cannot be used ({reason(error)}); make the service's user "
            "its owner, or set MEMSCORE_KEY_PEPPER."
        ) from error


def _make(path: Path) -> None:
    """Write a random pepper to the disk, whole and for this user alone; of several processes, the first one wins."""
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)
        sync(path.parent)
    except FileExistsError:
        pass
    finally:
        os.unlink(scratch)
