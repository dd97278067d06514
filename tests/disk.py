"""What a power cut would leave of the files that this process writes, told by its calls to sync, rename and link."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

NO_RESULTS = ("*.lock", "*.db", "*.db-wal", "*.db-shm", "tensorboard*")
"""Locks hold nothing, SQLite syncs its own files, and TensorBoard's repeat those of metrics.jsonl."""


class Disk:
    """Follows what is done below a folder. What is there already is on the disk.

    rash: names that were given to a file or folder before the disk had all of it, each of which a power cut leaves
    empty, also where there was a good file before.
    """

    def __init__(self, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base = base
        self.files: dict[int, bytes] = {}
        self.folders: dict[int, dict[str, int]] = {}
        self.rash: list[str] = []
        for path in (base, *_below(base)):
            self._keep(path)
        fsync = os.fsync

        def followed_sync(handle: int) -> None:
            fsync(handle)
            self._keep(Path(os.readlink(f"/proc/self/fd/{handle}")))

        monkeypatch.setattr(os, "fsync", followed_sync)
        for name in ("rename", "replace", "link"):
            self._follow(name, monkeypatch)

    def lost(self) -> list[str]:
        """The files and folders that a power cut would empty, cut short, or take away."""
        return [str(path.relative_to(self.base)) for path in _below(self.base) if not self._kept(path)]

    def _follow(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        call = getattr(os, name)

        def followed(source: Any, target: Any, **options: Any) -> None:
            inside = self.base in Path(target).parents and not _is_no_result(Path(target))
            if inside and not all(
                self._kept(path, named=path != Path(source)) for path in (Path(source), *_below(source))
            ):
                self.rash.append(str(Path(target).relative_to(self.base)))
            call(source, target, **options)

        monkeypatch.setattr(os, name, followed)

    def _keep(self, path: Path) -> None:
        number = path.stat().st_ino
        if path.is_dir():
            self.folders[number] = {one.name: one.stat().st_ino for one in path.iterdir()}
        else:
            self.files[number] = path.read_bytes()

    def _kept(self, path: Path, *, named: bool = True) -> bool:
        number = path.stat().st_ino
        if named and self.folders.get(path.parent.stat().st_ino, {}).get(path.name) != number:
            return False
        return path.is_dir() or self.files.get(number) == path.read_bytes()  # a folder's names are looked at one by one


def _below(folder: Any) -> Iterator[Path]:
    for path in sorted(Path(folder).rglob("*")):
        if not any(_is_no_result(part) for part in (path, *path.parents)):
            yield path


def _is_no_result(path: Path) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in NO_RESULTS)
