"""Drivers as subprocesses of the dispatcher."""

from pathlib import Path

import pytest

from memscore.farm.dispatcher import Dispatcher
from memscore.farm.launchers import LocalLauncher
from memscore.settings import Settings
from memscore.store import Database, jobs, leadership
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy


def test_a_home_that_cannot_be_written_makes_jobs_wait_and_costs_no_attempt(
    database: Database, settings: Settings, stored_study: StoredStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    broken = settings.model_copy(update={"home": in_the_way / "home", "database_url": settings.database})
    with database.writing() as connection:
        job, _ = jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=50)), 40)
    dispatcher = Dispatcher(database, broken, LocalLauncher(broken))
    dispatcher.step()
    with database.reading() as connection:
        lease = leadership.current(connection, leadership.LEADER)
        assert lease is not None
        assert lease.note is not None
        assert "set MEMSCORE_HOME" in lease.note
        assert (jobs.get(connection, job.id).state, jobs.get(connection, job.id).attempt) == ("queued", 0)
    monkeypatch.setattr(dispatcher.launcher, "settings", settings)
    assert dispatcher.launcher.unavailable() is None
    assert list(settings.home.glob(".write-test-*")) == []
