"""The progress bar of everything that takes long."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

SHOWN_BYTES = 4 * 2**20  # what is smaller is here before one could read a bar


def progress_bar(unit: str, console: Console, speed_seconds: float = 30.0) -> Progress:
    """What is going on, how much of it is done, the time it took, and the time left at the latest seconds' speed."""
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
def stage_progress(console: Console, unit: str, text: str) -> Generator[Callable[[int, int, str], None]]:
    """A bar that appears when it is first told how much is done, of how much, and what; a refusal stands alone."""
    progress = progress_bar(unit, console)
    task = progress.add_task(text, total=None)

    def show(done: int, total: int, what: str) -> None:
        progress.start()
        progress.update(task, completed=done, total=total, description=what)

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()


@contextmanager
def downloads(console: Console) -> Generator[Callable[[str, int, int | None], None] | None]:
    """A bar for each large file that arrives within the block, if somebody looks, as a client's `on_download`."""
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    progress = Progress(*columns, TimeRemainingColumn(), console=console)
    tasks = {}

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
        progress.stop()
