"""A power cut on real file systems: what was stored a moment before, as its writer reported, is there after it.

The disk is a file, mounted as a loop device. A copy of it holds what a machine would find after a power cut in the
moment of copying: what its file system has sent to the disk, and nothing that only its memory held.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memscore.datasets.storage import open_dataset, save
from memscore.datasets.writing import write_dataset
from memscore.files import append_line, write_file
from memscore.settings import Settings
from memscore.store.pepper import pepper_of
from tests.conftest import make_dataset

MEGABYTES = {"ext4": 32, "xfs": 320}


def call(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


@contextmanager
def mounted(image: Path, folder: Path) -> Generator[Path]:
    """An image as a folder. A test that may not do that is skipped."""
    folder.mkdir()
    try:
        call("mount", "-o", "loop", image, folder)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no loop device can be mounted here ({error.stderr.decode().strip()})")
    try:
        yield folder
    finally:
        call("umount", folder)


@contextmanager
def busy_neighbour(folder: Path) -> Generator[None]:
    """A program that keeps syncing a file of its own, as databases do; names of other files reach the disk with it."""
    end = threading.Event()

    def sync_often() -> None:
        with (folder / "neighbour").open("ab") as file:
            while not end.wait(0.02):
                file.write(b"a")
                file.flush()
                os.fsync(file.fileno())

    thread = threading.Thread(target=sync_often)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize("kind", MEGABYTES)
def test_what_was_stored_before_a_power_cut_is_there_after_it(kind: str, tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk")
    if shutil.which(f"mkfs.{kind}") is None:
        pytest.skip(f"there is no mkfs.{kind}")
    image, cut = tmp_path / "image", tmp_path / "cut"
    with image.open("wb") as file:
        file.truncate(MEGABYTES[kind] * 2**20)
    call(f"mkfs.{kind}", "-q", image)
    dataset = make_dataset()
    with mounted(image, tmp_path / "before") as disk:
        write_file(disk / "replaced", b"old")
        with busy_neighbour(disk):
            fingerprint = save(dataset, disk / "home")
            write_dataset(dataset, disk / "exports" / "folder")
            write_file(disk / "replaced", b"new")
            append_line(disk / "lines", "a line")
            pepper = pepper_of(Settings(home=disk / "home"))
            threading.Event().wait(0.1)  # the neighbour's turn
        shutil.copy(image, cut)
    with mounted(cut, tmp_path / "after") as disk:
        assert open_dataset(disk / "home", fingerprint).fingerprint == fingerprint
        assert len(list((disk / "exports" / "folder").rglob("*.png"))) == 80
        assert all(path.stat().st_size for path in (disk / "exports" / "folder").rglob("*.png"))
        assert (disk / "replaced").read_bytes() == b"new"
        assert (disk / "lines").read_text() == "a line\n"
        assert pepper_of(Settings(home=disk / "home")) == pepper
