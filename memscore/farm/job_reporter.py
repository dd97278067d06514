"""Reports a driver's progress, log and outcome to the database, and learns from it whether the job should stop."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from memscore.counted import counted
from memscore.errors import Conflict, JobFailed, StoreError
from memscore.store import Database, job_logs, jobs
from memscore.store.jobs import JobRecord

log = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE_SECONDS = 300.0  # a driver waits this long for a database that cannot be used
LONGEST_WAIT_SECONDS = 10.0  # between two tries
REPORT_SECONDS = 1.0  # between writes of progress, unless the phase or the number of trials changes
RATE_OVER = 20  # results
MOST_LINES = 10_000  # of a log that wait to be written


class JobStopped(Exception):
    """The job was cancelled."""


class TimeUp(JobFailed):
    """The job has reached its time limit."""

    slug = "time-limit"


def patiently(action: Callable[[], Result]) -> Result:
    """Run an action on the database, and repeat it while the database cannot be used.

    Raises StoreError after PATIENCE_SECONDS. `action` may run twice if the connection is lost during its commit, so it
    must be idempotent.
    """
    started, wait = time.monotonic(), 0.5
    while True:
        try:
            return action()
        except StoreError as error:
            waited = time.monotonic() - started
            if waited > PATIENCE_SECONDS:
                raise
            log.warning("%s Trying again; %d s so far.", error, waited)
        time.sleep(wait)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


class UnwrittenLines:
    """Lines of a log that wait to be written: at most MOST_LINES. The oldest are left out beyond that, and counted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: deque[str] = deque()
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: str) -> None:
        """Add a line; any thread may."""
        with self._lock:
            self._lines.append(line)
            self._limit()

    def take(self) -> list[str]:
        """All lines, which are then no longer here, after a line that says how many were left out."""
        with self._lock:
            gap = [f"... {counted(self._left_out, 'line')} left out"] if self._left_out else []
            lines = [*gap, *self._lines]
            self._lines.clear()
            self._left_out = 0
            return lines

    def put_back(self, lines: list[str]) -> None:
        """Lines that were taken but could not be written, before those added since."""
        with self._lock:
            self._lines.extendleft(reversed(lines))
            self._limit()

    def _limit(self) -> None:
        while len(self._lines) > MOST_LINES:
            self._lines.popleft()
            self._left_out += 1


class JobReporter:
    """The row, events and log of one attempt of a job. `hide` removes secrets from a text."""

    def __init__(
        self, database: Database, job: JobRecord, attempt: int, hide: Callable[[str], str] = lambda text: text
    ) -> None:
        self.database = database
        self.job = job
        self.attempt = attempt
        self.hide = hide
        self.lines = UnwrittenLines()
        self.written: tuple[str, int, int] | None = None
        self.written_at = float("-inf")
        self.results: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=RATE_OVER)

    def note(self, line: str) -> None:
        """Add a line to the job's log; it is written with the next report. Any thread may call this."""
        self.lines.add(self.hide(line))

    def training_starts(self) -> None:
        """Start measuring the rate of trials now."""
        self.results = deque([(time.monotonic(), 0)], maxlen=RATE_OVER)

    def result(self, trials: int) -> None:
        """Count finished trials for the rate."""
        self.results.append((time.monotonic(), trials))

    def report(self, phase: str, done: int, total: int) -> None:
        """Write progress and the log.

        Raises JobStopped if the job was cancelled, TimeUp if its time limit is reached, and SystemExit if another
        attempt now holds it.
        """
        progress = (phase, done, max(done, total))
        if progress == self.written and not self.due:
            return
        rate = self._rate()
        job = self._with_lines(lambda connection: jobs.report(connection, self.job.id, self.attempt, *progress, rate))
        self.written, self.written_at = progress, time.monotonic()
        if job is None:
            raise SystemExit(f"attempt {self.attempt} of job {self.job.id} is no longer the current one")
        if job.state == "cancelling":
            raise JobStopped(f"cancelled with {counted(done, 'trial')} stored")
        limit = job.wanted.time_limit_seconds
        if limit is not None and job.ran_seconds > limit:
            raise TimeUp(
                f"The job reached its time limit of {limit:g} s with {done} of {counted(progress[2], 'trial')} stored; "
                f"to continue for the same time: memscore jobs resume {job.id}"
            )

    @property
    def due(self) -> bool:
        """Whether it is time to report again."""
        return time.monotonic() - self.written_at >= REPORT_SECONDS

    def finish(self, state: str, message: str) -> None:
        """Store the outcome."""
        message = self.hide(message)
        log.log(logging.ERROR if state == "failed" else logging.INFO, "%s: %s", state, message)
        self._with_lines(lambda connection: jobs.finish(connection, self.job.id, self.attempt, state, message))

    def flush(self) -> None:
        """Write the rest of the log, if the database can be used."""
        lines = self.lines.take()
        if not lines:
            return
        try:
            with self.database.writing() as connection:
                job_logs.append(connection, self.job.id, self.attempt, "\n".join(lines))
        except (StoreError, Conflict) as error:  # Conflict: the job was removed as soon as it had ended
            log.warning("%s", error)

    def _with_lines(self, write: Callable[[Connection], Result]) -> Result:
        """Run `write` and add the new lines of the log in the same transaction."""
        lines = self.lines.take()

        def both(connection: Connection) -> Result:
            if lines:
                job_logs.append(connection, self.job.id, self.attempt, "\n".join(lines))
            return write(connection)

        try:
            return patiently(lambda: self._transaction(both))
        except BaseException:
            self.lines.put_back(lines)
            raise

    def _transaction(self, write: Callable[[Connection], Result]) -> Result:
        with self.database.writing() as connection:
            return write(connection)

    def _rate(self) -> float | None:
        """Trials per second over the last results; None before the first."""
        if len(self.results) < 2:
            return None
        trials = sum(trials for _, trials in list(self.results)[1:])
        seconds = self.results[-1][0] - self.results[0][0]
        return trials / seconds if seconds > 0 else None


class JournalHandler(logging.Handler):
    """Writes log records to a job's log."""

    def __init__(self, journal: JobReporter) -> None:
        super().__init__()
        self.journal = journal
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Note a record."""
        self.journal.note(self.format(record))
