"""What a driver refuses before it trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memscore import logs
from memscore.datasets.forgetting import overwrite
from memscore.datasets.forgotten import Forgotten
from memscore.farm.driver import Driver
from memscore.farm.job_reporter import JobReporter
from memscore.farm.worker_log import WorkerLines
from memscore.settings import Settings
from memscore.store import Database, evidence, forgotten, jobs
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy


@pytest.mark.parametrize("known_to", ["database", "files"])
def test_samples_forgotten_after_the_post_end_the_job(
    database: Database, settings: Settings, stored_study: StoredStudy, home: Path, known_to: str
):
    """As in a database that was restored while its job waited: nothing is trained on other data."""
    record, samples = stored_study.record, Forgotten((17,), (3,))
    with database.writing() as connection:
        jobs.submit(connection, record.id, Wanted(target=Target(trials=50)), 40)
        job = jobs.claim(connection, "host/1/0", 60)
        assert job is not None
        if known_to == "database":
            forgotten.add(connection, record.fingerprint, samples, None)
    if known_to == "files":
        overwrite(home, record.fingerprint, samples)
    journal = JobReporter(database, job, 1, logs.Discretion(settings))
    Driver(database, settings, job, record, journal, WorkerLines(journal.note), None).run()
    with database.reading() as connection:
        ended = jobs.get(connection, job.id)
        assert evidence.count(connection, record.id) == 40
    assert ended.state == "failed"
    assert "Nothing more is trained on dataset 'made-up', since 2 of its samples were removed" in str(ended.error)


@pytest.mark.databases("sqlite")
def test_another_device_is_named_once_in_the_log(
    database: Database, settings: Settings, stored_study: StoredStudy, caplog: pytest.LogCaptureFixture
):
    """As on a GPU whose stacks were smaller in an earlier version: both kinds count, but not without a word."""
    record = stored_study.record
    with database.writing() as connection:
        jobs.submit(connection, record.id, Wanted(target=Target(trials=50)), 40)
        job = jobs.claim(connection, "host/1/0", 60)
        assert job is not None
        trials = evidence.load(connection, record.id)
    journal = JobReporter(database, job, 1, logs.Discretion(settings))
    driver = Driver(database, settings, job, record, journal, WorkerLines(journal.note), None)
    with caplog.at_level("WARNING"):
        driver.compare_devices(trials[:10])
        assert not caplog.records
        for _ in range(2):
            driver.compare_devices([replace(trial, device="cpu, stacks of 40") for trial in trials[:10]])
    assert [one.getMessage() for one in caplog.records] == [
        "earlier trials of this study were trained on cpu, these on cpu, stacks of 40: both count, but a trial trained "
        "again there would differ by rounding"
    ]
