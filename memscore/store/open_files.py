"""Finds processes that use an SQLite file which is no longer where it was: what they write is lost to all others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memscore.store.owners import PROC

JOURNALS = ("-wal", "-shm")
GONE = " (deleted)"
Identity = tuple[int, int]


def users_of_another(file: Path, home: Path) -> list[int]:
    """The processes that opened the database at this path, or that of this home, and have not what is there now.

    Known where there is /proc, of the processes of this user. An SQLite database is known by its journals too, which
    stay behind if the database alone is moved.
    """
    present = _identity(file)
    real = file.parent.resolve() / file.name  # as the kernel names it
    names = {f"{one}{ending}" for one in (file, real) for ending in ("", *JOURNALS)}
    found: list[int] = []
    for process in PROC.glob("[0-9]*"):
        opened = dict(_open_files(process, file.name))
        ours = bool(names & opened.keys()) or (bool(opened) and _home_of(process) == home)
        databases = {one for path, one in opened.items() if not path.endswith(JOURNALS)}
        if ours and (present is None or (databases and present not in databases)):
            found.append(int(process.name))
    return sorted(found)


def _open_files(process: Path, name: str) -> Iterator[tuple[str, Identity]]:
    """The files of this name, and its journals, that a process has open; each by the path that it now has, or had."""
    try:
        for opened in (process / "fd").iterdir():
            path = os.readlink(opened).removesuffix(GONE)
            found = _identity(opened)
            if os.path.basename(path).startswith(name) and found is not None:
                yield path, found
    except OSError:  # it has ended, or is another user's
        return


def _home_of(process: Path) -> Path | None:
    """The home folder that a process was given in its environment."""
    try:
        values = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    given = next((one for one in values if one.startswith(b"MEMSCORE_HOME=")), None)
    return None if given is None else Path(os.fsdecode(given.partition(b"=")[2])).absolute()


def _identity(path: Path) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
