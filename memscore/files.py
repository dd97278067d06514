"""Atomic file writes, and lock files that one process holds at a time."""

from __future__ import annotations

import csv
import os
import re
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from errno import ENOSPC, EWOULDBLOCK
from pathlib import Path
from typing import BinaryIO

from memscore.errors import InvalidInput

_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")  # NumPy's message for a full disk, which has no errno


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """Yield a scratch path next to `path`; it replaces `path`, on the disk too, if the block ends without an error.

    Raises InvalidInput if `path` exists and is not a regular file, OSError if it cannot be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InvalidInput(f"{path} is not a regular file; choose another path.")
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    # The kernel subtracts the umask; to ask for it would be to change it, for the files of other threads as well.
    handle = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        os.close(handle)
        yield scratch
        scratch.chmod(mode)  # the block may have replaced the scratch file
        _sync(scratch)  # or a crash of the machine could leave the new name without content
        scratch.replace(path)
        with suppress(OSError):  # not every file system syncs folders; the file is whole either way
            _sync(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reason(error: OSError) -> str:
    """Why a file cannot be read or written, as a clause."""
    if error.errno is not None:
        return os.strerror(error.errno)  # pyarrow and others replace the message with their own
    return os.strerror(ENOSPC) if _CUT_SHORT.search(str(error)) else str(error)


def read_file(file: Path) -> bytes:
    """The bytes of a file that the user names. Raises InvalidInput if it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({reason(error)}).") from error


def write_file(path: Path, payload: bytes) -> None:
    """Write a file that the user names, whole or not at all. Raises InvalidInput if it cannot be written."""
    try:
        with atomic_write(path) as scratch:
            scratch.write_bytes(payload)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written ({reason(error)}).") from error


@contextmanager
def held(path: Path, *, passing: bool = False) -> Generator[BinaryIO]:
    """Hold a lock file within the block, and beyond it while any process that inherited the open file runs.

    The file stays, unless it is `passing`. Raises BlockingIOError if another process holds the lock, or OSError.
    """
    from filelock import lock_descriptor  # its import takes 14 ms, and most commands hold no lock

    with path.open("ab") as file:
        # Not FileLock, which unlocks at the end, also for processes that still have the file open.
        locked = lock_descriptor(file.fileno(), blocking=False)
        removed = passing and os.fstat(file.fileno()).st_nlink == 0  # by its holder, since it was opened here
        if not locked or removed:
            raise BlockingIOError(EWOULDBLOCK, os.strerror(EWOULDBLOCK), str(path))
        try:
            yield file
        finally:
            if passing:
                with suppress(OSError):  # Windows removes no open file
                    path.unlink()


def rows_of_samples(path: Path, column: str) -> Generator[tuple[str, int, dict[str, str | None]]]:
    """The rows of a CSV file with the columns `index` and `column`: where each stands, its index, and all its fields.

    Raises InvalidInput that names the invalid line, or if the file cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"index", column} <= set(reader.fieldnames or ()):
                raise InvalidInput(f"{path} must begin with a header line that names the columns index and {column}.")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                try:
                    index = int(row["index"])
                except (TypeError, ValueError):
                    raise InvalidInput(f"{where}: the index {row['index']!r} is not a whole number.") from None
                yield where, index, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise InvalidInput(f"{path} cannot be read as a CSV file ({why}).") from error
