"""The progress bar of runs side by side, counted by the epochs of each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

from memscore.console import err, fail
from memscore.farm.commands import Ended
from memscore.progress import progress_bar
from memscore.workflows.watching import RunsProgress, RunsWatch, ignore

NAMED = 8  # most runs that a line names
SPEED_SECONDS = 1800.0  # window for estimating the time left: an epoch may take minutes


def runs_watch(on_start: Callable[[str], None] = ignore, *, lines: bool) -> RunsWatch:
    """Callbacks that show a bar, or `lines` if there is no terminal, and print each failure."""
    return RunsWatch(on_start, partial(_bar, lines), _print_failure)


@contextmanager
def _bar(lines: bool, runs: RunsProgress) -> Generator[Callable[[RunsProgress], None]]:
    bar = progress_bar("runs", err, SPEED_SECONDS, lines=lines)
    task = bar.add_task("Ray is starting", total=runs.total)
    bar.update(task, completed=runs.done)

    def show(runs: RunsProgress) -> None:
        short, long = _described(runs)
        bar.update(task, completed=runs.done, description=short, at_length=long)

    with bar:
        yield show


def _print_failure(failure: Ended) -> None:
    fail(f"{failure.ended} {failure.trouble}; the others continue.")


def _described(runs: RunsProgress) -> tuple[str, str]:
    """The state of the runs: in short, and at length with the names of the first running ones."""
    failed = f", {runs.failed} failed" if runs.failed else ""
    running = f"{len(runs.running)} running"
    names = ", ".join(runs.running[:NAMED]) + (", ..." if len(runs.running) > NAMED else "")
    return running + failed, f"{running} ({names}){failed}" if names else running + failed
