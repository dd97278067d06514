"""Files that are written whole: their mode, their way to the disk, why they cannot be written; and files that lock."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import ExitStack
from errno import EIO
from pathlib import Path

import filelock
import numpy as np
import pytest
from safetensors.numpy import save_file

from memscore.errors import InvalidInput
from memscore.files import atomic_write, held, read_file, reason


@pytest.fixture
def umask() -> Generator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_a_file_has_the_mode_that_the_umask_gives_whoever_writes_it(tmp_path: Path):
    with atomic_write(tmp_path / "text") as scratch:
        scratch.write_text("a")
    with atomic_write(tmp_path / "tensors") as scratch:
        save_file({"a": np.zeros(2)}, scratch)  # puts a file of its own in the place of the scratch file
    with atomic_write(tmp_path / "replaced") as scratch:
        (tmp_path / "other").touch(0o600)
        (tmp_path / "other").replace(scratch)
    assert [mode(tmp_path / name) for name in ("text", "tensors", "replaced")] == [0o640] * 3


def test_the_umask_of_the_process_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It belongs to all threads: one that creates a file in that moment would get a file for everybody."""
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))
    with atomic_write(tmp_path / "file") as scratch:
        scratch.write_text("a")


def test_the_content_is_on_the_disk_before_the_name_and_then_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, synced, fsync = tmp_path / "file", [], os.fsync

    def noting(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, path.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    with atomic_write(path) as scratch:
        scratch.write_text("a")
    assert synced == [(path.stat().st_ino, False), (tmp_path.stat().st_ino, True)]


def test_what_does_not_reach_the_disk_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(handle: int) -> None:
        raise OSError(EIO, os.strerror(EIO))

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match=os.strerror(EIO)), atomic_write(tmp_path / "file") as scratch:
        scratch.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_lock_is_held_until_all_who_have_its_file_are_gone(tmp_path: Path):
    path = tmp_path / "lock"
    waiting = [sys.executable, "-c", "input()"]
    with held(path) as file:
        child = subprocess.Popen(waiting, stdin=subprocess.PIPE, pass_fds=[file.fileno()])
        with pytest.raises(BlockingIOError), held(path):
            pass
    with pytest.raises(BlockingIOError), held(path):
        pass
    child.kill()
    child.communicate()
    with held(path):
        pass
    assert path.exists()


def test_a_passing_lock_file_is_removed_and_then_locks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, lock = tmp_path / "lock", filelock.lock_descriptor
    first = ExitStack()
    first.enter_context(held(path, passing=True))
    assert path.exists()

    def locked_late(handle: int, *, blocking: bool) -> bool:
        """Of a file that was opened just before its holder removed it."""
        first.close()
        return lock(handle, blocking=blocking)

    monkeypatch.setattr(filelock, "lock_descriptor", locked_late)
    with pytest.raises(BlockingIOError), held(path, passing=True):
        pass
    monkeypatch.undo()
    with held(path, passing=True):
        pass
    assert not list(tmp_path.iterdir())


def test_a_reason_is_told_also_where_an_error_has_no_number():
    with pytest.raises(OSError, match="written") as full, open("/dev/full", "wb") as file:
        np.zeros(100_000).tofile(file)
    assert reason(full.value) == "No space left on device"
    assert reason(OSError("of its own")) == "of its own"
    assert reason(PermissionError(13, "a sentence of a library's")) == "Permission denied"


def test_a_device_is_not_read_but_a_pipe_is(tmp_path: Path):
    for device in ("/dev/zero", "/dev/full"):
        with pytest.raises(InvalidInput, match="is no regular file"):
            read_file(Path(device))
    assert read_file(Path(os.devnull)) == b""
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_file(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"content",))
    writer.start()
    assert read_file(pipe) == b"content"
    writer.join()
