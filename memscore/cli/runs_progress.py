"""The bar of runs side by side, each by the epochs that it has done."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial

from memscore.console import err, fail
from memscore.farm.commands import Ended
from memscore.progress import progress_bar
from memscore.workflows.watching import RunsProgress, RunsWatch, ignore

NAMED = 8  # running runs that a line names
SPEED_SECONDS = 1800.0  # over which the time left is reckoned: an epoch may take minutes


def runs_watch(on_start: Callable[[str], None] = ignore, *, lines: bool) -> RunsWatch:
    """Callbacks that show runs in a bar, or without a terminal in `lines`, and print each failure."""
    return RunsWatch(on_start, partial(_bar, lines), _say)


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


def _say(failure: Ended) -> None:
    fail(f"{failure.ended} {failure.trouble}; the others go on.")


def _described(runs: RunsProgress) -> tuple[str, str]:
    """The state of the runs, in short, and with the names of the first running ones."""
    failed = f", {runs.failed} failed" if runs.failed else ""
    going = f"{len(runs.running)} running"
    names = ", ".join(runs.running[:NAMED]) + (", ..." if len(runs.running) > NAMED else "")
    return going + failed, f"{going} ({names}){failed}" if names else going + failed
