"""What a driver writes about its job: progress, log, outcome; through outages, and until it must stop."""

import logging
import time
from collections.abc import Callable

import pytest

from memscore.errors import StoreError
from memscore.farm import job_reporter as journal_module
from memscore.farm.job_reporter import JobReporter, JobStopped, JournalHandler, TimeUp, patiently
from memscore.store import Database, job_logs, jobs
from memscore.store.jobs import JobRecord
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy


def start(database: Database, study: str, limit: float | None = None) -> JobReporter:
    with database.writing() as connection:
        jobs.submit(connection, study, Wanted(target=Target(trials=100), time_limit_seconds=limit), 40)
        job = jobs.claim(connection, "host/1/0", 60)
    assert job is not None
    return JobReporter(database, job, job.attempt)


def fetch(job_reporter: JobReporter) -> JobRecord:
    with job_reporter.database.reading() as connection:
        return jobs.get(connection, job_reporter.job.id)


def log_of(job_reporter: JobReporter) -> list[str]:
    with job_reporter.database.reading() as connection:
        return [line for part in job_logs.read(connection, job_reporter.job.id) for line in part.text.splitlines()]


def test_progress_rate_and_log_are_written_with_a_report(database: Database, stored_study: StoredStudy):
    job_reporter = start(database, stored_study.record.id)
    job_reporter.training_starts()
    time.sleep(0.05)
    job_reporter.result(10)
    job_reporter.note("one")
    job_reporter.note("two\x00")
    job_reporter.report("training", 50, 100)
    job = fetch(job_reporter)
    assert (job.phase, job.done, job.total) == ("training", 50, 100)
    assert job.trials_per_second is not None
    assert 10 < job.trials_per_second < 250
    assert log_of(job_reporter) == ["one", r"two\x00"]
    job_reporter.note("three")
    job_reporter.report("training", 50, 100)  # nothing new: waits until a sign of life is due
    assert len(log_of(job_reporter)) == 2
    job_reporter.finish("succeeded", "done")
    assert log_of(job_reporter)[2:] == ["three"]
    assert fetch(job_reporter).state == "succeeded"


def test_a_report_tells_the_driver_to_stop(database: Database, stored_study: StoredStudy):
    job_reporter = start(database, stored_study.record.id)
    with database.writing() as connection:
        jobs.cancel(connection, job_reporter.job.id)
    with pytest.raises(JobStopped, match="cancelled with 50 trials stored"):
        job_reporter.report("training", 50, 100)
    with database.writing() as connection:
        jobs.mark_lost(connection, job_reporter.job.id, 1, "killed")
    with pytest.raises(SystemExit, match="no longer the current one"):
        job_reporter.report("training", 60, 100)


def test_a_job_ends_when_its_time_is_over(database: Database, stored_study: StoredStudy):
    job_reporter = start(database, stored_study.record.id, limit=0.3)
    job_reporter.report("training", 40, 100)
    time.sleep(0.4)
    with pytest.raises(TimeUp, match=f"time limit of 0.3 s .* 50 of 100 trials .* resume {job_reporter.job.id}"):
        job_reporter.report("training", 50, 100)


def test_a_log_keeps_its_newest_part(database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_logs, "MOST_BYTES", 1000)
    job_reporter = start(database, stored_study.record.id)
    for number in range(100):
        job_reporter.note(f"line {number:03} {'.' * 40}")
        job_reporter.flush()
        job_reporter.lines.take()
    lines = log_of(job_reporter)
    assert 8 <= len(lines) <= 20
    assert lines[-1].startswith("line 099")


def test_lines_that_come_during_a_write_are_not_lost_and_too_many_are_counted(
    database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(journal_module, "MOST_LINES", 100)
    job_reporter = start(database, stored_study.record.id)
    for number in range(60):
        job_reporter.note(f"before {number}")
    write = job_reporter._transaction  # pyright: ignore[reportPrivateUsage]

    def during(action: Callable[..., object]) -> object:
        for number in range(60):
            job_reporter.note(f"during {number}")
        return write(action)

    monkeypatch.setattr(job_reporter, "_transaction", during)
    job_reporter.report("training", 40, 50)
    monkeypatch.undo()
    job_reporter.flush()
    assert log_of(job_reporter) == [f"{when} {number}" for when in ("before", "during") for number in range(60)]


def test_lines_that_could_not_be_written_wait_and_the_oldest_beyond_the_limit_are_counted(
    database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(journal_module, "MOST_LINES", 100)
    monkeypatch.setattr(journal_module, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(journal_module.time, "sleep", lambda _: None)
    job_reporter = start(database, stored_study.record.id)
    for number in range(80):
        job_reporter.note(f"line {number}")
    with monkeypatch.context() as away:
        away.setattr(job_reporter, "_transaction", lambda _: failing(10)())
        with pytest.raises(StoreError):
            job_reporter.report("training", 40, 50)
    for number in range(80, 150):
        job_reporter.note(f"line {number}")
    job_reporter.flush()
    assert log_of(job_reporter) == ["... 50 lines left out", *(f"line {number}" for number in range(50, 150))]


def test_records_are_logged_with_time_and_level(database: Database, stored_study: StoredStudy):
    job_reporter = start(database, stored_study.record.id)
    handler = JournalHandler(job_reporter)
    logger = logging.getLogger("memscore.test")
    logger.addHandler(handler)
    try:
        logger.warning("unit %s is lost", 3)
    finally:
        logger.removeHandler(handler)
    job_reporter.flush()
    (line,) = log_of(job_reporter)
    assert line.endswith("WARNING unit 3 is lost")


def failing(times: int) -> Callable[[], str]:
    left = iter(range(times))

    def action() -> str:
        if next(left, None) is not None:
            raise StoreError("The database is down.")
        return "done"

    return action


def test_a_database_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []
    monkeypatch.setattr(journal_module.time, "sleep", waits.append)
    assert patiently(failing(6)) == "done"
    assert waits == [0.5, 1, 2, 4, 8, 10]


def test_a_database_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal_module, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(StoreError, match="is down"):
        patiently(failing(10**6))
