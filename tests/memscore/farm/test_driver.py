"""What a driver refuses before it trains."""

from __future__ import annotations

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
