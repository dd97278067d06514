"""Find runs, sweeps and reproductions below a folder, and nothing outside it: links are not followed."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from memscore.counted import counted
from memscore.errors import NotFound
from memscore.messages.runs import ReproductionSummary, RunSummary, SweepSummary
from memscore.runs.contents import unlinked
from memscore.runs.layout import COMPARISON, ITEMS, SWEEP, VERDICTS
from memscore.runs.run import is_run, state_of, summary_of
from memscore.texts import is_plain

DEEPEST = 8
MOST_RUNS = 10_000
MOST_FOLDERS = 100_000


@dataclass
class Found:
    """What is below a folder, by path from its name on: runs with the sweep that each belongs to."""

    runs: dict[str, str | None] = field(default_factory=dict[str, str | None])
    sweeps: list[str] = field(default_factory=list[str])
    reproductions: list[str] = field(default_factory=list[str])
    note: str | None = None


class RunsFolder:
    """A folder of runs. Summaries are kept in memory for as long as their files stay as they are."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._kept: OrderedDict[str, tuple[object, RunSummary]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """Its name, with which all paths begin."""
        return self.root.name or "runs"

    def find(self) -> Found:
        """Everything below the folder. Raises NotFound if it is gone."""
        if not self.root.is_dir():
            raise NotFound(f"The folder of runs {self.name!r} is gone; move it back, or set MEMSCORE_RUNS_FOLDER.")
        found = Found()
        queue: list[tuple[Path, str, str | None, int]] = [(self.root, self.name, None, 0)]
        looked = unnamed = 0
        while queue:
            folder, path, sweep, depth = queue.pop()
            looked += 1
            if looked > MOST_FOLDERS or len(found.runs) >= MOST_RUNS:
                found.note = (
                    f"The folder has more than {MOST_RUNS:,} runs or {MOST_FOLDERS:,} folders, of which not all are "
                    "listed; set MEMSCORE_RUNS_FOLDER to one of its subfolders."
                )
                break
            if is_run(folder):
                found.runs[path] = sweep
                continue
            if (folder / SWEEP).is_file():
                found.sweeps.append(path)
                sweep = path
            if items_of(folder):
                found.reproductions.append(path)
            if depth < DEEPEST:
                names = _folders(folder)
                good = [name for name in names if _can_be_shown(name)]
                unnamed += len(names) - len(good)
                queue += [(folder / name, f"{path}/{name}", sweep, depth + 1) for name in good]
        if unnamed:
            left_out = (
                f"{counted(unnamed, 'folder')} left out, whose names cannot be shown: rename them in letters that "
                "UTF-8 has, without control characters."
            )
            found.note = left_out if found.note is None else f"{found.note} {left_out}"
        found.sweeps.sort()
        found.reproductions.sort()
        return found

    def folder_of(self, path: str) -> Path:
        """The folder at a path. Raises NotFound if there is none below this folder, or a link leads to it."""
        parts = path.split("/")
        folder = self.root
        if parts[0] != self.name or any(part in ("", ".", "..") or not _can_be_shown(part) for part in parts):
            raise NotFound(f"There is no folder {path!r} among the runs.")
        try:
            for part in parts[1:]:
                folder = folder / part
                if folder.is_symlink():
                    raise NotFound(f"There is no folder {path!r} among the runs: links are not followed.")
            there = folder.is_dir()
        except OSError:  # a name that is too long, or a folder that this user may not enter
            there = False
        if not there:
            raise NotFound(f"There is no folder {path!r} among the runs.")
        return folder

    def sweep_of(self, path: str) -> str | None:
        """The sweep that a run belongs to: the nearest folder around it that is one."""
        parts = path.split("/")[:-1]
        while parts:
            if (self.root.joinpath(*parts[1:]) / SWEEP).is_file():
                return "/".join(parts)
            parts.pop()
        return None

    def summary(self, path: str, sweep: str | None) -> RunSummary:
        """A run in short."""
        folder = self.root.joinpath(*path.split("/")[1:])
        state = state_of(folder)
        with self._lock:
            kept = self._kept.get(path)
            if kept is not None and kept[0] == (state, sweep):
                self._kept.move_to_end(path)
                return kept[1]
        made = summary_of(folder, path, sweep)
        with self._lock:
            self._kept[path] = ((state, sweep), made)
            while len(self._kept) > MOST_RUNS:
                self._kept.popitem(last=False)
        return made

    def sweep_summary(self, path: str, members: list[RunSummary]) -> SweepSummary:
        """A sweep in short, with these runs."""
        folder = self.root.joinpath(*path.split("/")[1:])
        finished = sum(one.state == "finished" for one in members)
        compared = (folder / COMPARISON).is_file()
        return SweepSummary(path=path, runs=len(members), finished=finished, compared=compared)

    def reproduction_summary(self, path: str) -> ReproductionSummary:
        """Reproduced items in short."""
        folder = self.root.joinpath(*path.split("/")[1:])
        return ReproductionSummary(path=path, items=len(items_of(folder)))


def items_of(folder: Path) -> list[Path]:
    """The folders of reproduced items, by name and number."""
    found = [one.parent for one in unlinked(folder, f"{ITEMS}/*/{VERDICTS}")]
    return sorted(
        found, key=lambda one: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", one.name)]
    )


def _can_be_shown(name: str) -> bool:
    """Whether a folder's name is text that JSON and addresses can hold."""
    return is_plain(name) and "\n" not in name and "\t" not in name


def _folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, without hidden ones and links; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != "."
            )
    except OSError:
        return []
