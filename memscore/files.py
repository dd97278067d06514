"""Files that are written whole or not at all, and files that one process holds at a time."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import BinaryIO

from memscore.errors import InvalidInput

_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")  # NumPy's words for a full disk, without its number


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
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o666 & ~mask)  # what an ordinary file would have; the block may have put another in its place
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def reason(error: OSError) -> str:
    """Why a file cannot be read or written, as a clause."""
    if error.errno is not None:
        return os.strerror(error.errno)  # pyarrow and others give sentences of their own in its place
    return os.strerror(ENOSPC) if _CUT_SHORT.search(str(error)) else str(error)


@contextmanager
def held(path: Path) -> Generator[BinaryIO]:
    """Hold a lock file, which stays, within the block. Raises BlockingIOError if another process does, or OSError."""
    from fcntl import LOCK_EX, LOCK_NB, flock  # which Windows does not have

    with path.open("ab") as file:
        flock(file, LOCK_EX | LOCK_NB)
        yield file
