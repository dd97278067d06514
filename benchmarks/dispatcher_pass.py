"""Time one pass of the dispatcher, in milliseconds: `python benchmarks/dispatcher_pass.py`.

The database holds 10,000 finished trials of CIFAR-100's size and 1,000 jobs, on SQLite and on PostgreSQL; the launcher
is a fake. A pass is `Dispatcher.step`, which runs twice a second; the limit is 50 ms. Then, in the same database, the
time of a driver's writes, as a share of the 10 s that a block should take at least.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import event

from benchmarks.filled_database import both_kinds, fill, made_trial
from benchmarks.machine import header
from memscore.farm.dispatcher import Dispatcher
from memscore.farm.job_reporter import JobReporter
from memscore.farm.launchers import Launched, Launcher, Status
from memscore.settings import Settings
from memscore.store import Database, evidence, job_logs, jobs
from memscore.store.jobs import JobRecord
from memscore.study.spec import BLOCK, Target, Wanted

TRIALS, JOBS = 10_000, 1_000
PASSES, FEW = 300, 60
LIMIT = 50.0  # ms
BLOCK_SECONDS = 10.0
NEVER = float("-inf")


class MadeUpDriver(Launched):
    """A driver that never ends."""

    def status(self) -> Status:
        """Always running."""
        return Status("running")

    def stop(self, grace_seconds: float = 10) -> None:
        """Do nothing: no process exists."""

    def log(self) -> str:
        """An empty log."""
        return ""

    def forget(self) -> None:
        """Do nothing: nothing is kept."""


class MadeUpLauncher(Launcher):
    """Launches and adopts any number of jobs, without delay."""

    outlives_dispatcher = True

    def unavailable(self) -> str | None:
        """Always available."""
        return None

    def launch(self, job: JobRecord) -> Launched:  # noqa: ARG002 -- all its drivers are the same
        """A driver that never ends."""
        return MadeUpDriver()

    def adopt(self, job: JobRecord) -> Launched | None:
        """Same as `launch`."""
        return self.launch(job)


@contextmanager
def counted(database: Database) -> Generator[list[int]]:
    """Count the statements sent within the block."""
    sent = [0]

    def one_more(*_: Any) -> None:
        sent[0] += 1

    event.listen(database.engine, "before_cursor_execute", one_more)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", one_more)


def measure(
    database: Database, call: Callable[[], object], repeats: int = PASSES, before: Callable[[], object] = lambda: None
) -> tuple[float, float, float]:
    """Median and 95 % quantile in ms, and statements per call; `before` runs untimed ahead of each call."""
    taken: list[float] = []
    with counted(database) as sent:
        uncounted = 0
        for _ in range(repeats):
            at = sent[0]
            before()
            uncounted += sent[0] - at
            started = time.perf_counter()
            call()
            taken.append(1000 * (time.perf_counter() - started))
        return float(np.median(taken)), float(np.quantile(taken, 0.95)), (sent[0] - uncounted) / repeats


def passes(database: Database, studies: list[str]) -> None:
    """Print the times of a dispatcher's passes in all situations."""
    settings = Settings(parallel_jobs=10**6, launcher="ray-jobs")

    def dispatcher() -> Dispatcher:
        made = Dispatcher(database, settings, MadeUpLauncher())
        made.step()
        return made

    leading = dispatcher()
    (running,) = leading.running.values()

    def forget_times() -> None:
        running.renewed_at = leading.led_at = leading.asked_at = NEVER

    def submit() -> None:
        for done in list(leading.running.values()):
            if done is not running:
                with database.writing() as connection:
                    jobs.finish(connection, done.job.id, done.job.attempt, "succeeded", "made")
                leading.running.pop(done.job.id)
        with database.writing() as connection:
            jobs.submit(connection, studies[1], Wanted(target=Target(trials=10**6)), 0, again=True)

    def start() -> None:
        leading.step()
        assert len(leading.running) == 2

    standing_by = Dispatcher(database, settings, MadeUpLauncher())
    standing_by.owner = "another host/1/0"
    cases = [
        ("leads, one job running, 99 waiting", measure(database, leading.step)),
        ("the same, renewing lead and lease", measure(database, leading.step, before=forget_times)),
        ("the same, claiming and launching a job", measure(database, start, FEW, before=submit)),
        ("a new leader, adopting the running job", adoption(database, dispatcher)),
        ("on standby", measure(database, standing_by.step)),
    ]
    print(f"    {'pass':44}{'statements':>11}{'median ms':>11}{'95 % ms':>9}{'of the limit':>14}")
    for name, (median, most, statements) in cases:
        print(f"    {name:44}{statements:11.1f}{median:11.2f}{most:9.2f}{most / LIMIT:14.2f}")


def adoption(database: Database, dispatcher: Callable[[], Dispatcher]) -> tuple[float, float, float]:
    """Time a first pass that takes over another leader's job."""
    return measure(database, dispatcher, FEW)


def writes(database: Database, studies: list[str]) -> None:
    """Print the times of a driver's writes."""
    random = np.random.default_rng(1)
    with database.reading() as connection:
        job = jobs.held(connection)[0]
    journal = JobReporter(database, job, job.attempt)
    numbers = iter(range(10**6, 10**9))
    done = iter(range(1, 10**9))

    def trials(count: int, **sizes: int) -> list[Any]:
        return [made_trial(random, 0, **sizes) for _ in range(count)]

    def store(ready: list[Any]) -> None:
        with database.writing() as connection:
            evidence.add(connection, studies[0], [dataclasses.replace(trial, number=next(numbers)) for trial in ready])

    def report(line: str | None) -> None:
        if line:
            journal.note(line)
        journal.report("training", next(done), 10**9)

    one, block, large = trials(1), trials(BLOCK), trials(1, train=1_281_167, test=50_000)
    with database.writing() as connection:
        text = "\n".join([f"{'a line of a log':70}"] * 10_000)
        job_logs.append(connection, job.id, job.attempt, text)
    cases = [
        ("progress report", measure(database, lambda: report(None))),
        ("the same with a line, for a log of 0.7 MB", measure(database, lambda: report("a line"))),
        ("a trial, 50,000 x 10,000 samples", measure(database, lambda: store(one))),
        ("a block of 10 such trials", measure(database, lambda: store(block))),
        ("a trial, 1,281,167 x 50,000 samples", measure(database, lambda: store(large), FEW)),
    ]
    print(f"    {'a driver writes':44}{'statements':>11}{'median ms':>11}{'95 % ms':>9}{'of 10 s':>14}")
    for name, (median, most, statements) in cases:
        print(f"    {name:44}{statements:11.1f}{median:11.2f}{most:9.2f}{median / 1000 / BLOCK_SECONDS:14.2%}")


def main() -> None:
    """Print the tables."""
    logging.getLogger("memscore").setLevel(logging.ERROR)
    print(header(f"Dispatcher with {TRIALS:,} trials and {JOBS:,} jobs; limit {LIMIT:.0f} ms"))
    with tempfile.TemporaryDirectory() as name, both_kinds(Path(name)) as databases:
        for database in databases:
            studies = fill(database, TRIALS, JOBS)
            print(f"  {database.engine.dialect.name}")
            passes(database, studies)
            writes(database, studies)


if __name__ == "__main__":
    main()
