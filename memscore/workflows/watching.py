"""Callbacks for work in progress. The defaults do nothing, and nothing here imports torch."""

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
"""Called with a sentence for the user."""

Follow = Callable[[Client, JobMessage], JobMessage]
"""Waits until a job has succeeded, and may show its progress. Raises JobFailed if it does not succeed."""


def ignore(*ignored: object) -> None:
    """Do nothing: the default of every callback."""


def follow_silently(client: Client, job: JobMessage) -> JobMessage:
    """Wait until a job has succeeded. Raises JobFailed if it does not succeed."""
    return client.wait(job.id)


@dataclass(frozen=True)
class RunsProgress:
    """The progress of a group of runs. `done` counts each unfinished run by the share of its epochs."""

    total: int
    done: float
    running: tuple[str, ...] = ()
    failed: int = 0


OnProgress = Callable[[RunsProgress], None]


def show_nothing(runs: RunsProgress) -> AbstractContextManager[OnProgress]:
    """Show no progress."""
    return nullcontext(ignore)


@dataclass(frozen=True)
class RunsWatch:
    """Callbacks for runs in progress.

    on_start: called with a sentence before the first run starts. progress: called once with the initial state; gives a
    context manager whose value is called with each later state. on_failure: called with each run that fails.
    """

    on_start: Callable[[str], None] = ignore
    progress: Callable[[RunsProgress], AbstractContextManager[OnProgress]] = show_nothing
    on_failure: Callable[[Ended], None] = ignore


class DemoWatch:
    """Callbacks for the demo, in the order of their calls. Override those to show."""

    def chapter(self, title: str) -> None:
        """A new part begins."""

    def dataset(self, record: DatasetRecord) -> None:
        """The digits are registered."""

    def service_starts(self) -> None:
        """The service is being started."""

    def service(self, announcement: str) -> None:
        """The service is up; `announcement` is the line it printed."""

    def submitted(self, job: JobMessage) -> None:
        """The job is queued."""

    def follow(self, client: Client, job: JobMessage) -> JobMessage:
        """Wait for the job. Raises JobFailed."""
        return follow_silently(client, job)

    def look_up(self, url: str, score: Score, table: ScoreTable) -> None:
        """One score was fetched from `url`, then the whole table."""

    @contextmanager
    def training(self, method: str) -> Generator[Show]:  # noqa: ARG002 -- for subclasses that show it
        """A network is trained within the block."""
        yield ignore

    def compared(self, comparison: MethodComparison) -> None:
        """Both networks are evaluated."""
