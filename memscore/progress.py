"""Progress of long operations: a bar on a terminal, and a line from time to time without one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from memscore.console import err
from memscore.durations import readable
from memscore.settings import load_possible

MANY = 2_000  # with fewer files, a bar would hardly appear
SHOWN_BYTES = 4 * 2**20  # smaller files arrive before a bar could be read
BYTES = "bytes"
SPEED_SECONDS = 30.0  # window for estimating the time left
FIRST_SECONDS = 5.0  # before the first line: anything faster gets only its last line
LOOK_SECONDS = 1.0
LEAST_CHANGES = 5  # kept however old they are: a trial may take minutes

T = TypeVar("T")

Show = Callable[[int, int, str], None]
"""Called with the amount done, the total, and a description of the current step."""


def progress_bar(unit: str, console: Console, speed_seconds: float = SPEED_SECONDS, *, lines: bool = True) -> Progress:
    """A progress display: current step, amount done, time elapsed, and time left at the recent speed.

    Without a terminal it prints lines on standard error, unless `lines` is False.
    """
    if lines and not console.is_interactive:
        return Lines(unit, speed_seconds)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=speed_seconds,
    )


@contextmanager
def stage_progress(console: Console, unit: str, text: str, *, lines: bool = True) -> Generator[Show]:
    """A bar that appears at the first update, so that an early error is printed without one.

    Lines are printed from the beginning, since the work before the first update may take long too.
    """
    progress = progress_bar(unit, console, lines=lines)
    task = progress.add_task(text, total=None)
    shown = False
    if isinstance(progress, Lines):
        progress.start()

    def show(done: int, total: int, what: str) -> None:
        nonlocal shown
        progress.update(task, completed=done, total=total, description=what)
        if not shown:
            progress.start()
            shown = True

    try:
        yield show
    finally:
        if isinstance(progress, Lines):
            progress.last = shown
            progress.stop()
        elif shown:
            progress.stop()


@contextmanager
def progress_lines(text: str, unit: str = "", *, lines: bool = True) -> Generator[Show]:
    """Print lines without a terminal for long work that has no bar; print nothing if it finishes quickly."""
    progress = Lines(unit, SPEED_SECONDS, last=False)
    task = progress.add_task(text, total=None)
    if lines and not err.is_interactive:
        progress.start()

    def show(done: int, total: int, what: str) -> None:
        progress.update(task, completed=done, total=total or None, description=what)

    try:
        yield show
    finally:
        progress.stop()


@contextmanager
def downloads(console: Console) -> Generator[Callable[[str, int, int | None], None]]:
    """A bar, or lines, for each large file downloaded within the block; yields a client's `on_download` callback."""
    if console.is_interactive:
        columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        progress = Progress(*columns, TimeRemainingColumn(), console=console)
    else:
        progress = Lines(BYTES, SPEED_SECONDS, last=False)
    tasks: dict[str, TaskID] = {}

    def show(path: str, done: int, total: int | None) -> None:
        if (total or done) < SHOWN_BYTES:
            return
        if path not in tasks:
            progress.start()
            tasks[path] = progress.add_task(path.removeprefix("/v1/studies/"))
        progress.update(tasks[path], completed=done, total=total)
        if done == total:
            progress.stop()

    try:
        yield show
    finally:
        if tasks:
            progress.stop()


def tracked(files: Sequence[T], doing: str, /) -> Generator[T]:
    """Iterate over the files, with a bar on standard error if there are many, or lines without a terminal."""
    if len(files) < MANY:
        with progress_lines(doing, "images") as show:
            for done, file in enumerate(files):
                show(done, len(files), doing)
                yield file
        return
    with progress_bar("images", err) as bar:
        yield from bar.track(files, description=doing)


class Lines(Progress):
    """Progress without a terminal: lines on standard error, even while nothing advances.

    The first line comes after a few seconds, then one every MEMSCORE_PROGRESS_SECONDS, and a last one at the end.
    Without `last`, the final line is printed only if there were others before it.
    """

    def __init__(self, unit: str, speed_seconds: float, *, last: bool = True) -> None:
        super().__init__(console=err, disable=True)
        self.unit, self.last = unit, last
        self.every = load_possible()[0].progress_seconds
        self._speed_seconds = speed_seconds
        self._paces: dict[int, _Pace] = {}
        self._written: dict[int, tuple[object, ...]] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start printing lines."""
        if self._thread is None:
            self._ended = threading.Event()
            self._thread = threading.Thread(target=self._write_on, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop, and print the last line."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._thread = None
        if self.last or self._written:
            self._write(last=True)

    def _write_on(self) -> None:
        look = min(LOOK_SECONDS, self.every)
        due = time.monotonic() + min(FIRST_SECONDS, self.every)
        while not self._ended.wait(look):
            for task in self.tasks:
                self._paces.setdefault(task.id, _Pace(self._speed_seconds)).note(task.completed, task.total)
            if time.monotonic() + look / 2 >= due:
                self._write()
                due = time.monotonic() + self.every

    def _write(self, *, last: bool = False) -> None:
        for task in self.tasks:
            now = (task.description, task.completed, task.total)
            if task.visible and not ((last or task.finished) and task.finished and self._written.get(task.id) == now):
                self._written[task.id] = now
                err.print(self._line(task, last=last or task.finished), soft_wrap=True)

    def _line(self, task: Task, *, last: bool) -> str:
        """One line: current step, amount done, time elapsed, and time left, as far as they are known."""
        counted = str if self.unit != BYTES else decimal
        parts: list[str] = []
        if task.total is not None:
            done, total = int(task.completed), int(task.total)
            if self.unit == BYTES:
                parts.append(f"{decimal(done)} of {decimal(total)}")
            else:
                parts.append(f"{done:,} of {total:,} {self.unit}")
        elif task.completed:
            parts.append(f"{counted(int(task.completed))} {self.unit}".strip())
        elapsed = readable(round(task.elapsed or 0))
        parts.append(f"after {elapsed}" if last else f"{elapsed} so far")
        pace = self._paces.get(task.id)
        if not last and pace is not None and task.total is not None:
            left = pace.seconds(task.total - task.completed)
            parts += [] if left is None else [f"about {readable(round(left))} left"]
        return f"{task.fields.get('at_length', task.description)}: {', '.join(parts)}"


class _Pace:
    """The recent speed of a task: over the changes of the last `seconds`, but at least the last few."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._total: float | None = None
        self._least = float("inf")  # amount done when counting began
        self._began = 0.0
        self._changes: deque[tuple[float, float]] = deque()

    def note(self, completed: float, total: float | None) -> None:
        """Record the amount done so far; if the count restarts, so does the pace."""
        now = time.monotonic()
        if total != self._total or (self._changes and completed < self._changes[-1][1]):
            self._changes.clear()
            self._total, self._least, self._began = total, completed, now
        self._least = min(self._least, completed)
        if completed > (self._changes[-1][1] if self._changes else self._least):
            self._changes.append((now, completed))
        while len(self._changes) > LEAST_CHANGES and self._changes[0][0] < now - self._seconds:
            self._changes.popleft()

    def seconds(self, left: float) -> float | None:
        """Time for the rest at this pace; None before it is known. The estimate grows while nothing advances.

        The first changes may come together, from workers that began together: they tell no pace until half as much time
        has passed since the first as before it.
        """
        if len(self._changes) < 2:
            return None
        (begun, before), (_, done) = self._changes[0], self._changes[-1]
        if before - self._least <= done - before and time.monotonic() - begun < (begun - self._began) / 2:
            return None
        return left * (time.monotonic() - begun) / (done - before)
