"""Folders of attempts at jobs, which no other user of the machine may enter."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

PLACE = Path("/tmp")  # noqa: S108 -- below it only in new folders of random names
"""Where Ray's files are: a path that leaves room for Ray's own names in those of sockets, of at most 107 bytes."""


def private_folder(name: str) -> Path:
    """A new folder in PLACE that nobody else on the machine may enter, with a random name that begins with `name`.

    Ray opens its own folder to everybody, so it belongs below this one.
    """
    return Path(tempfile.mkdtemp(prefix=f"ms-{name}-", dir=PLACE))


def remove_private_folders(name: str) -> None:
    """Remove what this user's `private_folder` made for `name`; what others put there under such a name is theirs."""
    for folder in PLACE.glob(f"ms-{name}-*"):
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
