"""What is told of work while it goes, and the silence that is the default; nothing here needs torch."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from memscore.client import Client
from memscore.farm.commands import Ended
from memscore.messages.jobs import JobMessage
from memscore.messages.scores import Score
from memscore.progress import Show
from memscore.report.page import MethodComparison
from memscore.scores.tables import ScoreTable
from memscore.store.datasets import DatasetRecord

OnNote = Callable[[str], None]
"""Gets a sentence that the user should know."""

Follow = Callable[[Client, JobMessage], JobMessage]
"""Waits for a job until it has succeeded, and may show its progress. Raises JobFailed otherwise."""


def ignore(*told: object) -> None:
    """Say nothing."""


def follow_silently(client: Client, job: JobMessage) -> JobMessage:
    """Wait for a job until it has succeeded. Raises JobFailed otherwise."""
    return client.wait(job.id)


@dataclass(frozen=True)
class RunsProgress:
    """How far runs are. `done` counts a run that goes by its share of epochs."""

    total: int
    done: float
    running: tuple[str, ...] = ()
    failed: int = 0


OnProgress = Callable[[RunsProgress], None]


def show_nothing(runs: RunsProgress) -> AbstractContextManager[OnProgress]:
    """Tell nobody how far runs are."""
    return nullcontext(ignore)


@dataclass(frozen=True)
class RunsWatch:
    """What is told of runs while they go.

    on_start: gets a sentence before the first one. progress: from where they are at first to what is told how far they
    are, within the block. on_failure: gets each that fails.
    """

    on_start: Callable[[str], None] = ignore
    progress: Callable[[RunsProgress], AbstractContextManager[OnProgress]] = show_nothing
    on_failure: Callable[[Ended], None] = ignore


class DemoWatch:
    """What is told of the demo while it goes; here, nothing."""

    def chapter(self, title: str) -> None:
        """Something new begins."""

    def dataset(self, record: DatasetRecord) -> None:
        """The digits are registered."""

    def service_starts(self) -> None:
        """The service is being started."""

    def service(self, announcement: str) -> None:
        """The service answers, and has said so in this line."""

    def submitted(self, job: JobMessage) -> None:
        """The job is queued."""

    def follow(self, client: Client, job: JobMessage) -> JobMessage:
        """Wait for the job. Raises JobFailed."""
        return follow_silently(client, job)

    def look_up(self, url: str, score: Score, table: ScoreTable) -> None:
        """One score was asked for at a URL, and the whole table."""

    @contextmanager
    def training(self, method: str) -> Generator[Show]:  # noqa: ARG002 -- for those who show it
        """A network is trained within the block."""
        yield ignore

    def compared(self, comparison: MethodComparison) -> None:
        """Both networks are evaluated."""
