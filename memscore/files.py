"""Files and folders that reach the disk whole before they are reported as written; and lock files."""

from __future__ import annotations

import csv
import os
import re
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from errno import EACCES, EBADF, EINVAL, ENOSPC, ENOTDIR, ENOTSUP, EWOULDBLOCK
from pathlib import Path
from typing import BinaryIO

from memscore.errors import InvalidInput

_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")  # NumPy's message for a full disk, which has no errno


PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_FOR_OTHERS = stat.S_IRWXO
_NOT_FOR_FOLDERS = (EACCES, EBADF, EINVAL, ENOTSUP)  # from file systems that have no way to sync a folder


@contextmanager
def atomic_write(path: Path, *, private: bool = False) -> Generator[Path]:
    """Yield a scratch path next to `path`; it replaces `path`, on the disk too, if the block ends without an error.

    A `private` file is for its owner alone, whatever the umask. Raises InvalidInput if `path` exists and is not a
    regular file, OSError if it cannot be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise InvalidInput(f"{path} is not a regular file; choose another path.")
    make_folder(path.parent)
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    # The kernel subtracts the umask; to ask for it would be to change it, for the files of other threads as well.
    handle = os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE if private else 0o666)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        os.close(handle)
        yield scratch
        scratch.chmod(mode)  # the block may have replaced the scratch file
        sync(scratch)  # or a crash of the machine could leave the new name without content
        os.replace(scratch, path)
        sync(path.parent)
    finally:
        scratch.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder. Raises OSError."""
    folder = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if not (folder and error.errno in _NOT_FOR_FOLDERS):
            raise


def append_line(path: Path, line: str) -> int:
    """Append a line to a file, on the disk too; returns the file's length in bytes. Raises OSError."""
    with path.open("ab", buffering=0) as file:
        content = f"{line}\n".encode()
        if file.write(content) != len(content):
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        os.fsync(file.fileno())
        return file.tell()


def make_folder(path: Path, mode: int | None = None) -> None:
    """Create a folder and the missing ones above it, on the disk too; one that is there stays as it is.

    `mode` is that of the last one, by default what the umask leaves. Raises OSError.
    """
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for folder in reversed(missing):
        wanted = mode if folder == path else None
        with suppress(FileExistsError):  # another process was faster
            folder.mkdir(0o777 if wanted is None else wanted)
            if wanted is not None:
                folder.chmod(wanted)  # whatever the umask
        sync(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path))


def place_folder(scratch: Path, path: Path) -> None:
    """Rename a folder to `path`, on the same file system, once the disk has everything in it; then it has the name.

    Raises OSError, also if `path` is taken.
    """
    sync_all(scratch)
    os.rename(scratch, path)
    sync(path.parent)


def sync_all(path: Path) -> None:
    """Wait until the disk has a file, or a folder with everything in it. Raises OSError."""
    for folder, folders, files in os.walk(path):
        for name in files + folders:
            sync(Path(folder, name))
    sync(path)


def private(path: str | Path, flags: int) -> int:
    """An opener for `open`: a file that it creates is for its owner alone, whatever the umask."""
    return os.open(path, flags, PRIVATE_FILE)


def shared_mode(folder: Path) -> int:
    """The mode of a folder to be made in this one: the same if it is shared at most with a group, otherwise private."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    return PRIVATE_FOLDER if mode & _FOR_OTHERS else mode


def open_to_others(path: Path) -> bool:
    """Whether users who are neither the owner nor in the group may use a file or folder, and can get there."""
    let_through = all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)
    return let_through and bool(path.stat().st_mode & _FOR_OTHERS)


def tighten(path: Path) -> bool:
    """Leave a file or folder of this user's to its owner alone if anybody on the machine may use it; whether it was so.

    One that is shared with its group alone was meant to be, and stays. Other users' files are theirs to protect.
    """
    try:
        status = path.lstat()
        own = os.name == "posix" and status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if not own or not status.st_mode & _FOR_OTHERS:
            return False
        path.chmod(PRIVATE_FOLDER if stat.S_ISDIR(status.st_mode) else PRIVATE_FILE)
    except OSError:
        return False  # it is not there, or its file system knows no modes
    return True


def reason(error: OSError) -> str:
    """Why a file cannot be read or written, as a clause."""
    if error.errno is not None:
        return os.strerror(error.errno)  # pyarrow and others replace the message with their own
    return os.strerror(ENOSPC) if _CUT_SHORT.search(str(error)) else str(error)


def read_file(file: Path) -> bytes:
    """The bytes of a file, or pipe, that the user names. Raises InvalidInput if it cannot be read, or is a device."""
    try:
        mode = file.stat().st_mode
        if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not file.samefile(os.devnull):
            raise InvalidInput(f"{file} is no regular file; name one.")  # of /dev/zero there is no end
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
