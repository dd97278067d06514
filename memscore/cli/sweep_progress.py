"""The bar of a sweep: its runs, each by the epochs that it has done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from memscore.console import complain, err
from memscore.farm.commands import Ended, Started
from memscore.progress import progress_bar

NAMED = 8  # running runs that a line names
SPEED_SECONDS = 1800.0  # over which the time left is reckoned: an epoch may take minutes


class SweepProgress:
    """Follows the runs below `folder`, of so many `epochs` each, of which `done` are finished; a context manager."""

    def __init__(self, folder: Path, epochs: Mapping[str, int], done: set[str], *, lines: bool = True) -> None:
        self.folder = folder
        self.shares = {name: 1.0 if name in done else self._share(name, count) for name, count in epochs.items()}
        self.epochs = epochs
        self.running: set[str] = set()
        self.troubled: list[Ended] = []
        self.bar = progress_bar("runs", err, SPEED_SECONDS, lines=lines)

    def __enter__(self) -> Self:
        self.task = self.bar.add_task("Ray is starting", total=len(self.shares))
        self.bar.update(self.task, completed=sum(self.shares.values()))
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def report(self, event: Started | Ended | None) -> None:
        """Take notice of an event of the farm's, and of the epochs that running runs have done by now."""
        if isinstance(event, Started):
            self.running.add(event.started)
        elif event is not None:
            self.running.remove(event.ended)
            self.shares[event.ended] = 1.0
            if event.trouble is not None:
                self.troubled.append(event)
                complain("error", f"{event.ended} {event.trouble}; the others go on.", "bold red")
        for name in self.running:
            self.shares[name] = self._share(name, self.epochs[name])
        failed = f", {len(self.troubled)} failed" if self.troubled else ""
        going = f"{len(self.running)} running"
        names = ", ".join(sorted(self.running)[:NAMED]) + (", ..." if len(self.running) > NAMED else "")
        self.bar.update(
            self.task,
            completed=sum(self.shares.values()),
            description=going + failed,
            at_length=f"{going} ({names}){failed}" if names else going + failed,
        )

    def _share(self, name: str, epochs: int) -> float:
        from trainer.outcome import progress

        return min(progress(self.folder / name)[0] / epochs, 0.99)  # the rest is its evaluation
