"""The dispatcher over made-up drivers: who leads, what is adopted, what is recovered, and what hangs."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import ProgrammingError

from memscore.errors import LaunchFailed, StoreError
from memscore.farm import dispatcher as dispatcher_module
from memscore.farm.dispatcher import Dispatcher
from memscore.farm.launchers import Launched, Launcher, Status
from memscore.settings import Settings
from memscore.store import Database, job_logs, jobs, leadership, removal
from memscore.store.database import now
from memscore.store.jobs import JobRecord
from memscore.store.owners import process_identity
from memscore.store.schema import job_logs as job_logs_table
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Target, Wanted
from memscore.workflows.jobs import interrupted
from tests.conftest import StoredStudy

ELSEWHERE = "elsewhere/1/0"
GONE = re.sub(r"/\d+/\d+@", "/999999999/1@", process_identity())
"""A process of this boot that is certainly gone."""


@dataclass
class FakeDriver(Launched):
    job: JobRecord
    now_is: Status = field(default_factory=lambda: Status("running"))
    stopped: bool = False
    forgotten: bool = False

    def status(self) -> Status:
        return self.now_is

    def stop(self, grace_seconds: float = 10) -> None:  # noqa: ARG002
        self.stopped = True

    def log(self) -> str:
        return "last words"

    def forget(self) -> None:
        self.forgotten = True


@dataclass
class FakeLauncher(Launcher):
    outlives_dispatcher: bool = False  # pyright: ignore[reportIncompatibleVariableOverride]
    away: str | None = None
    broken: str | None = None
    launched: list[FakeDriver] = field(default_factory=list[FakeDriver])

    def unavailable(self) -> str | None:
        return self.away

    def launch(self, job: JobRecord) -> Launched:
        if self.broken:
            raise LaunchFailed(self.broken)
        self.launched.append(FakeDriver(job))
        return self.launched[-1]

    def adopt(self, job: JobRecord) -> Launched | None:
        return self.launch(job) if self.outlives_dispatcher else None


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"lease_seconds": 30.0, "parallel_jobs": 2})


@pytest.fixture(autouse=True)
def _ask_launchers_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher_module, "AVAILABILITY_SECONDS", 0.0)


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let that many seconds pass by the dispatchers' monotonic clock, and none by the database's."""
    passed = [0.0]
    real = time.monotonic
    monkeypatch.setattr(dispatcher_module.time, "monotonic", lambda: real() + passed[0])

    def wait(seconds: float) -> None:
        passed[0] += seconds

    return wait


def submit(database: Database, study: StoredStudy, trials: int = 50) -> str:
    with database.writing() as connection:
        return jobs.submit(connection, study.record.id, Wanted(target=Target(trials=trials)), 40)[0].id


def fetch(database: Database, job: str) -> JobRecord:
    with database.reading() as connection:
        return jobs.get(connection, job)


def change(database: Database, job: str, **values: object) -> None:
    with database.writing() as connection:
        connection.execute(update(jobs_table).where(jobs_table.c.id == job).values(**values))


def make(database: Database, settings: Settings, launcher: Launcher, owner: str | None = None) -> Dispatcher:
    made = Dispatcher(database, settings, launcher)
    made.renewal = 0.0  # look at every driver in every pass
    if owner is not None:
        made.owner = owner
    return made


def test_a_job_is_launched_and_its_lease_renewed(database: Database, settings: Settings, stored_study: StoredStudy):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    assert [driver.job.id for driver in launcher.launched] == [job]
    change(database, job, lease_expires_at=now() - 5)
    dispatcher.step()
    held = fetch(database, job)
    assert (held.state, held.attempt) == ("running", 1)
    with database.reading() as connection:
        assert jobs.expired(connection) == []


def test_of_two_dispatchers_one_leads(database: Database, settings: Settings, stored_study: StoredStudy):
    job = submit(database, stored_study)
    first, second = FakeLauncher(), FakeLauncher()
    one, two = make(database, settings, first, "host-a/1/0"), make(database, settings, second, "host-b/1/0")
    for _ in range(3):
        one.step()
        two.step()
    assert (len(first.launched), len(second.launched)) == (1, 0)
    one.close()
    assert first.launched[0].stopped
    assert fetch(database, job).state == "queued"
    two.step()
    assert len(second.launched) == 1
    assert fetch(database, job).attempt == 2


def test_the_job_of_a_command_goes_before_what_others_left_behind(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    left, own = submit(database, stored_study), submit(database, stored_study, 70)
    launcher = FakeLauncher()
    dispatcher = Dispatcher(database, settings, launcher, first=own)
    dispatcher.step()
    assert [driver.job.id for driver in launcher.launched] == [own]
    launcher.launched[0].now_is = Status("ended", "it died")
    dispatcher.step()  # it waits for its next attempt, and nothing takes its place
    dispatcher.step()
    assert fetch(database, own).state == "recovering"
    assert fetch(database, left).state == "queued"
    with database.writing() as connection:
        jobs.cancel(connection, own)
    dispatcher.step()
    assert [driver.job.id for driver in launcher.launched] == [own, left]


def test_what_a_command_left_behind_is_told_unless_somebody_works_on_it(database: Database, stored_study: StoredStudy):
    left, own = submit(database, stored_study), submit(database, stored_study, 70)
    assert [job.id for job in interrupted(database, own)] == [left]
    with database.writing() as connection:
        claimed = jobs.claim(connection, GONE, 60)
    assert claimed is not None
    assert [job.id for job in interrupted(database, own)] == [left]  # its owner is gone
    change(database, left, lease_owner=process_identity())
    assert interrupted(database, own) == []
    change(database, left, lease_owner=None, state="queued")
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, process_identity(), 60)
    assert interrupted(database, own) == []  # a dispatcher comes to it


def test_a_driver_that_ended_without_an_outcome_is_lost(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    launcher.launched[0].now_is = Status("ended", "the driver was killed by signal 9")
    dispatcher.step()
    lost = fetch(database, job)
    assert (lost.state, lost.failures) == ("recovering", 1)
    assert launcher.launched[0].stopped
    assert launcher.launched[0].forgotten
    with database.reading() as connection:
        assert jobs.events(connection, job)[-1].message == "the driver was killed by signal 9"
        assert "last words" in job_logs.read(connection, job)[-1].text
    dispatcher.step()
    assert len(launcher.launched) == 1, "it waits before the next attempt"
    change(database, job, not_before=0)
    dispatcher.step()
    assert launcher.launched[1].job.attempt == 2


def test_a_driver_that_stored_its_outcome_is_let_go(
    database: Database, settings: Settings, stored_study: StoredStudy, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    with database.writing() as connection:
        jobs.finish(connection, job, 1, "succeeded", "done")
    dispatcher.step()
    assert not launcher.launched[0].stopped, "it is about to exit by itself"
    launcher.launched[0].now_is = Status("ended", "exited with status 0")
    dispatcher.step()
    assert dispatcher.running == {}
    assert launcher.launched[0].forgotten
    assert fetch(database, job).state == "succeeded"
    with database.reading() as connection:
        assert job_logs.read(connection, job) == []
    assert caplog.messages[-1] == "the job has succeeded: done"


def test_the_log_tells_of_a_job_that_failed(
    database: Database, settings: Settings, stored_study: StoredStudy, caplog: pytest.LogCaptureFixture
):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    with database.writing() as connection:
        jobs.finish(connection, job, 1, "failed", "no worker could start")
    launcher.launched[0].now_is = Status("ended", "exited with status 0")
    dispatcher.step()
    assert (caplog.records[-1].levelname, caplog.messages[-1]) == ("ERROR", "the job has failed: no worker could start")


def test_a_silent_driver_is_stopped_though_it_runs(
    database: Database, settings: Settings, stored_study: StoredStudy, wait: Callable[[float], None]
):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    for _ in range(59):
        wait(15)
        dispatcher.step()
    assert not launcher.launched[0].stopped
    for _ in range(2):
        wait(15)
        dispatcher.step()
    assert launcher.launched[0].stopped
    assert fetch(database, job).state == "recovering"
    with database.reading() as connection:
        assert "has not reported for 90" in jobs.events(connection, job)[-1].message


def test_where_ray_does_not_answer_the_drivers_reports_decide(
    database: Database, settings: Settings, stored_study: StoredStudy, wait: Callable[[float], None]
):
    job, launcher = submit(database, stored_study), FakeLauncher(outlives_dispatcher=True)
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    launcher.launched[0].now_is = Status("unknown", "Ray does not answer")
    dispatcher.step()
    wait(settings.lease_seconds)
    dispatcher.step()
    assert fetch(database, job).state == "running"
    wait(settings.lease_seconds)
    dispatcher.step()
    assert fetch(database, job).state == "recovering"
    with database.reading() as connection:
        assert jobs.events(connection, job)[-1].message.endswith("and Ray does not answer")


def test_a_new_leader_adopts_drivers_that_outlive_their_dispatcher(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    job = submit(database, stored_study)
    before = make(database, settings, FakeLauncher(outlives_dispatcher=True), ELSEWHERE)
    before.step()
    before.close()
    assert fetch(database, job).state == "running", "the driver goes on"
    after = FakeLauncher(outlives_dispatcher=True)
    leader = make(database, settings, after)
    leader.step()
    held = fetch(database, job)
    assert (held.state, held.attempt, held.lease_owner) == ("running", 1, leader.owner)
    after.launched[0].now_is = Status("ended", "Ray does not know the driver")
    leader.step()
    assert fetch(database, job).state == "recovering"


def test_a_local_job_of_another_host_is_recovered_when_its_lease_runs_out(
    database: Database, settings: Settings, stored_study: StoredStudy, wait: Callable[[float], None]
):
    job = submit(database, stored_study)
    with database.writing() as connection:
        jobs.claim(connection, ELSEWHERE, 30)
    leader = make(database, settings, FakeLauncher())
    leader.step()
    assert fetch(database, job).state == "running"
    change(database, job, lease_expires_at=now() - 1)
    for _ in range(5):  # half its length: it might be renewed yet, had the clock been set
        assert fetch(database, job).state == "running"
        leader.step()
        wait(settings.lease_seconds / 8)
    leader.step()
    assert fetch(database, job).state == "recovering"


def test_nothing_is_claimed_while_nothing_can_be_launched(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    job, launcher = submit(database, stored_study), FakeLauncher(away="Ray does not answer; start it.")
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    assert (fetch(database, job).state, fetch(database, job).attempt) == ("queued", 0)
    with database.reading() as connection:
        lease = leadership.current(connection, leadership.LEADER)
    assert lease is not None
    assert lease.note == "Ray does not answer; start it."
    launcher.away = None
    dispatcher.step()
    assert fetch(database, job).state == "running"
    with database.reading() as connection:
        lease = leadership.current(connection, leadership.LEADER)
    assert lease is not None
    assert lease.note is None


def test_a_driver_that_cannot_be_started_costs_an_attempt(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    job = submit(database, stored_study)
    dispatcher = make(database, settings, FakeLauncher(broken="the driver could not be started: no memory"))
    dispatcher.step()
    assert (fetch(database, job).state, fetch(database, job).failures) == ("recovering", 1)


def test_a_cancelled_driver_that_does_not_end_is_stopped(
    database: Database, settings: Settings, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    with database.writing() as connection:
        jobs.cancel(connection, job)
    dispatcher.step()
    assert (fetch(database, job).state, launcher.launched[0].stopped) == ("cancelling", False)
    monkeypatch.setattr(dispatcher_module, "END_SECONDS", 0.0)
    dispatcher.step()
    assert (fetch(database, job).state, launcher.launched[0].stopped) == ("cancelled", True)


def test_a_superseded_driver_is_stopped(database: Database, settings: Settings, stored_study: StoredStudy):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    change(database, job, attempt=2, lease_owner=ELSEWHERE)
    dispatcher.step()
    assert launcher.launched[0].stopped
    assert dispatcher.running == {}
    assert fetch(database, job).state == "running"


@pytest.mark.databases("sqlite")
def test_an_outage_of_the_database_ends_no_driver(
    database: Database, settings: Settings, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()

    def away(*_: object) -> None:
        raise StoreError("The database is down.")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "_transaction", away)
        with pytest.raises(StoreError):
            dispatcher.step()
    dispatcher.step()
    assert not launcher.launched[0].stopped
    assert fetch(database, job).attempt == 1


def test_a_clock_that_is_set_and_a_machine_that_sleeps_cost_no_attempt(
    database: Database, settings: Settings, stored_study: StoredStudy, wait: Callable[[float], None]
):
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    for step in (2000, -2000, 36_000):  # as the database's clock sees the last report after such a step
        change(database, job, reported_at=now() - step, lease_expires_at=now() + settings.lease_seconds - step)
        dispatcher.step()
    for _ in range(50):  # each time stopped for longer than a driver may be silent, as it was itself
        wait(2 * settings.stall_seconds)
        dispatcher.step()
        change(database, job, reported_at=now())
        dispatcher.step()
    held = fetch(database, job)
    assert (held.state, held.attempt, held.failures) == ("running", 1, 0)
    assert not launcher.launched[0].stopped


@pytest.mark.parametrize("owner", [ELSEWHERE, None])
def test_of_two_dispatchers_neither_judges_the_others_lease_right_after_the_clock_was_set(
    database: Database,
    settings: Settings,
    stored_study: StoredStudy,
    wait: Callable[[float], None],
    owner: str | None,
):
    """A step ahead, or a sleep of the machine, ends all leases at once: whoever lives renews them a moment later."""
    job, launcher = submit(database, stored_study), FakeLauncher()
    first, other = Dispatcher(database, settings, launcher), Dispatcher(database, settings, FakeLauncher())
    first.owner = owner or first.owner
    other.owner = "host-b/1/0"
    first.step()
    for _ in range(3):
        with database.writing() as connection:
            connection.execute(leadership.leases.update().values(expires_at=now() - 36_000))
        change(database, job, lease_expires_at=now() - 36_000)
        wait(36_000)  # both slept
        other.step()
        for _ in range(round(first.renewal / 2)):
            wait(2)
            other.step()
            first.step()
    held = fetch(database, job)
    assert (held.state, held.attempt, held.lease_owner) == ("running", 1, first.owner)
    change(database, job, lease_expires_at=now() - 1)  # now it is not renewed any more
    for _ in range(round(settings.lease_seconds)):
        wait(2)
        other.step()
    assert fetch(database, job).state == "recovering"


@pytest.mark.parametrize("back", [1800, 90_000])
def test_after_a_clock_was_set_back_no_job_waits_for_it_to_catch_up(
    database: Database, settings: Settings, stored_study: StoredStudy, wait: Callable[[float], None], back: float
):
    queued = submit(database, stored_study)
    change(database, queued, not_before=now() + back)
    launcher = FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    assert [driver.job.id for driver in launcher.launched] == [queued]

    change(database, queued, lease_owner=ELSEWHERE, lease_expires_at=now() + back)  # whose machine is gone
    leader = make(database, settings, FakeLauncher())
    with database.writing() as connection:
        leadership.release(connection, leadership.LEADER, dispatcher.owner)
        leadership.take(connection, leadership.LEADER, ELSEWHERE, back)
    leader.step()
    assert fetch(database, queued).state == "running"
    for _ in range(12):
        wait(settings.lease_seconds / 6)
        leader.step()
    assert fetch(database, queued).state == "recovering"
    with database.reading() as connection:
        lead = leadership.current(connection, leadership.LEADER)
    assert lead is not None
    assert lead.owner == leader.owner


def test_dispatchers_of_hosts_with_one_name_judge_each_other_by_leases_alone(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    """Two machines called alike, or containers that share the host's name: process numbers say nothing there."""
    job = submit(database, stored_study)
    namesake = re.sub(r"/\d+/(\d+)@.*", r"/1/\1@another-world", process_identity())
    one, two = FakeLauncher(), FakeLauncher()
    first, second = make(database, settings, one, namesake), make(database, settings, two)
    for _ in range(5):
        first.step()
        second.step()
    held = fetch(database, job)
    assert (held.state, held.attempt, held.lease_owner) == ("running", 1, namesake)
    assert two.launched == []


def test_a_lead_that_goes_to_and_fro_is_a_warning(database: Database, settings: Settings, stored_study: StoredStudy):
    first, second = (make(database, settings, FakeLauncher(), owner) for owner in ("host-a/1/0", "host-b/1/0"))

    def lead() -> str | None:
        with database.reading() as connection:
            held = leadership.current(connection, leadership.LEADER)
        return None if held is None else held.note

    for dispatcher in (first, second, first, second, first):
        with database.writing() as connection:
            connection.execute(leadership.leases.update().values(expires_at=0))
        dispatcher.led_at = min(dispatcher.led_at, 0.0)  # its own renewal is due
        dispatcher.step()
        assert (lead() is not None) == (dispatcher is first and len(first.lost_at) > 1)
    assert "take the lead from each other" in (lead() or "")


def test_an_odd_answer_of_the_database_does_not_end_a_dispatcher(
    database: Database, settings: Settings, stored_study: StoredStudy, caplog: pytest.LogCaptureFixture
):
    job, launcher, stop = submit(database, stored_study), FakeLauncher(), threading.Event()
    dispatcher = make(database, settings, launcher)
    odd = [KeyError("odd"), ProgrammingError("select", {}, Exception("a prepared statement of another connection"))]
    working = dispatcher.step

    def step() -> None:
        if odd:
            raise odd.pop()
        working()
        stop.set()

    dispatcher.step = step  # pyright: ignore[reportAttributeAccessIssue]
    dispatcher.run(stop)
    assert [driver.job.id for driver in launcher.launched] == [job]
    assert caplog.messages.count("a pass of the dispatcher failed; trying again") == 2


@pytest.mark.parametrize("status", [Status("running"), Status("ended", "exited with status 0")])
def test_a_job_that_is_removed_as_it_ends_holds_up_no_other(
    database: Database, settings: Settings, stored_study: StoredStudy, status: Status
):
    settings = settings.model_copy(update={"parallel_jobs": 1})
    job, launcher = submit(database, stored_study), FakeLauncher()
    dispatcher = make(database, settings, launcher)
    dispatcher.step()
    with database.writing() as connection:
        jobs.finish(connection, job, 1, "failed", "that was it")
    removal.prune_jobs(database, settings.home, 0)
    launcher.launched[0].now_is = status
    other = submit(database, stored_study, 60)
    dispatcher.step()
    assert list(dispatcher.running) == [other]
    assert launcher.launched[0].stopped
    assert launcher.launched[0].forgotten


def test_the_leader_removes_old_logs_alone_if_it_is_told_to(
    database: Database, settings: Settings, stored_study: StoredStudy
):
    def finished(days: float, trials: int, *, file: bool, row: bool) -> str:
        job = submit(database, stored_study, trials)
        with database.writing() as connection:
            if row:
                job_logs.append(connection, job, 1, "a line\n")
            jobs.cancel(connection, job)
        change(database, job, finished_at=now() - days * 86_400)
        if file:
            (settings.home / "logs" / f"{job}-1.log").write_text("raw\n")
        return job

    settings.prepare_home()
    both, only_file = finished(8, 50, file=True, row=True), finished(8, 60, file=True, row=False)
    recent = finished(6, 70, file=True, row=True)
    waiting = submit(database, stored_study, 80)
    (settings.home / "logs" / f"{waiting}-1.log").write_text("of an attempt before\n")
    make(database, settings.model_copy(update={"keep_logs_days": 7.0}), FakeLauncher()).step()
    left = {file.stem for file in (settings.home / "logs").glob("*.log")}
    assert left == {f"{recent}-1", f"{waiting}-1"}
    with database.reading() as connection:
        assert {job.id for job in jobs.listing(connection)} == {both, only_file, recent, waiting}
        assert len(jobs.events(connection, both)) == 2
        assert set(connection.execute(select(job_logs_table.c.job_id)).scalars()) == {recent}


def test_the_leader_removes_old_jobs_if_it_is_told_to(
    database: Database, settings: Settings, stored_study: StoredStudy, wait: Callable[[float], None]
):
    def finished(days: float, trials: int) -> str:
        job = submit(database, stored_study, trials)
        with database.writing() as connection:
            jobs.cancel(connection, job)
        change(database, job, finished_at=now() - days * 86_400)
        return job

    def left() -> set[str]:
        with database.reading() as connection:
            return {job.id for job in jobs.listing(connection)}

    old, recent = finished(8, 50), finished(6, 60)
    make(database, settings, FakeLauncher()).step()
    assert left() == {old, recent}, "by default all stay"
    dispatcher = make(database, settings.model_copy(update={"keep_jobs_days": 7.0}), FakeLauncher())
    second = make(database, settings.model_copy(update={"keep_jobs_days": 1.0}), FakeLauncher(), ELSEWHERE)
    with database.writing() as connection:
        leadership.release(connection, leadership.LEADER, process_identity())
    dispatcher.step()
    second.step()
    assert left() == {recent}, "only the leader does, and only what is older"
    another = finished(9, 70)
    dispatcher.step()
    assert left() == {recent, another}, "not in every pass"
    wait(dispatcher_module.HOUSEKEEPING_SECONDS + 1)
    dispatcher.step()
    assert left() == {recent}
