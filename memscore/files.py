"""Files that are written whole or not at all, and files that one process holds at a time."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from memscore.errors import InvalidInput


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """A scratch path beside `path` that takes its place when the block ends without an error.

    Raises InvalidInput if `path` exists and is not a plain file, OSError if it cannot be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InvalidInput(f"{path} is not a plain file; name another one.")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    mask = os.umask(0)
    os.umask(mask)
    Path(name).chmod(0o666 & ~mask)  # what an ordinary file would have
    scratch = Path(name)
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def held(path: Path) -> Generator[BinaryIO]:
    """Hold a lock file, which stays, within the block. Raises BlockingIOError if another process does, or OSError."""
    from fcntl import LOCK_EX, LOCK_NB, flock  # which Windows does not have

    with path.open("ab") as file:
        flock(file, LOCK_EX | LOCK_NB)
        yield file
