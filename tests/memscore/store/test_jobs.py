"""Job states: every transition, leases by the database's clock, and attempts that lost their job."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from memscore.errors import Conflict, NotFound
from memscore.store import Database, jobs
from memscore.store.database import now
from memscore.store.jobs import MAX_FAILURES, JobRecord
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy


def wanted(trials: int) -> Wanted:
    return Wanted(target=Target(trials=trials))


def submit(database: Database, study: str, trials: int = 50) -> JobRecord:
    with database.writing() as connection:
        return jobs.submit(connection, study, wanted(trials), 40)[0]


def claim(database: Database, lease: float = 60) -> JobRecord | None:
    with database.writing() as connection:
        return jobs.claim(connection, "host/1/0", lease)


def fetch(database: Database, job: str) -> JobRecord:
    with database.reading() as connection:
        return jobs.get(connection, job)


def reported(job: JobRecord | None) -> str | None:
    return None if job is None else job.state


def make_due(database: Database, job: str) -> None:
    """Skip the back-off."""
    from sqlalchemy import update

    from memscore.store.schema import jobs as table

    with database.writing() as connection:
        connection.execute(update(table).where(table.c.id == job).values(not_before=0))


def test_a_job_runs_from_queued_to_succeeded(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    assert (job.state, job.done, job.total, job.attempt) == ("queued", 40, 50, 0)
    claimed = claim(database)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.attempt) == (job.id, "running", 1)
    assert claim(database) is None
    with database.writing() as connection:
        assert reported(jobs.report(connection, job.id, 1, "training", 50, 50)) == "running"
        assert jobs.finish(connection, job.id, 1, "succeeded", "done")
    done = fetch(database, job.id)
    assert (done.state, done.done, done.lease_owner, done.error) == ("succeeded", 50, None, None)
    assert done.finished
    with database.reading() as connection:
        assert [event.state for event in jobs.events(connection, job.id)] == ["queued", "running", "succeeded"]


def test_the_same_request_is_the_same_job_until_it_is_finished(database: Database, stored_study: StoredStudy):
    study = stored_study.record.id
    first = submit(database, study, 50)
    with database.writing() as connection:
        assert jobs.submit(connection, study, wanted(50), 40) == (first, False)
        more, new = jobs.submit(connection, study, wanted(60), 40)
        assert new
        assert more.id != first.id
        jobs.cancel(connection, first.id)
        again, new = jobs.submit(connection, study, wanted(50), 40)
    assert new
    assert again.id != first.id


def test_waiting_jobs_end_when_another_job_reaches_their_target(database: Database, stored_study: StoredStudy):
    study = stored_study.record.id
    running = submit(database, study, 1000)
    assert claim(database) is not None
    small, large = submit(database, study, 60), submit(database, study, 70)
    with database.writing() as connection:
        jobs.settle(connection, study, 60, 5)
    assert fetch(database, small.id).state == "succeeded"
    assert fetch(database, large.id).state == "queued"
    assert fetch(database, running.id).state == "running"


def test_one_study_has_one_running_job(database: Database, stored_study: StoredStudy):
    submit(database, stored_study.record.id, 50)
    submit(database, stored_study.record.id, 60)
    first = claim(database)
    assert first is not None
    assert claim(database) is None
    with database.writing() as connection:
        jobs.finish(connection, first.id, 1, "succeeded", "done")
    second = claim(database)
    assert second is not None
    assert second.target_trials == 60


def test_parallel_claims_give_a_job_to_one(database: Database, stored_study: StoredStudy):
    submit(database, stored_study.record.id)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(database), range(8)))
    assert sum(job is not None for job in claimed) == 1


def test_parallel_claims_of_two_jobs_on_one_study_give_one(database: Database, stored_study: StoredStudy):
    for trials in (50, 60):
        submit(database, stored_study.record.id, trials)
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(database), range(8)))
    assert sum(job is not None for job in claimed) == 1


def test_a_lease_runs_out_by_the_databases_clock(database: Database, stored_study: StoredStudy):
    submit(database, stored_study.record.id)
    job = claim(database, lease=0.2)
    assert job is not None
    with database.writing() as connection:
        assert jobs.expired(connection) == []
        time.sleep(0.3)
    with database.reading() as connection:
        assert [one.id for one in jobs.expired(connection)] == [job.id]
    with database.writing() as connection:
        assert jobs.renew(connection, job.id, 1, 60) == "running"
        assert jobs.expired(connection) == []


def test_a_lost_attempt_is_recovered_later_and_its_writes_are_ignored(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    claim(database)
    with database.writing() as connection:
        assert jobs.mark_lost(connection, job.id, 1, "killed") == "recovering"
        assert jobs.mark_lost(connection, job.id, 1, "killed") is None
    assert claim(database) is None  # it waits before the next attempt
    make_due(database, job.id)
    again = claim(database)
    assert again is not None
    assert again.attempt == 2
    with database.writing() as connection:
        assert jobs.report(connection, job.id, 1, "training", 45, 50) is None
        assert jobs.renew(connection, job.id, 1, 60) is None
        assert not jobs.finish(connection, job.id, 1, "failed", "late")
    assert fetch(database, job.id).state == "running"


def test_attempts_without_progress_are_bounded(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    states: list[str | None] = []
    for attempt in range(1, MAX_FAILURES + 1):
        make_due(database, job.id)
        assert claim(database) is not None
        with database.writing() as connection:
            states.append(jobs.mark_lost(connection, job.id, attempt, "no memory"))
    assert states == ["recovering"] * (MAX_FAILURES - 1) + ["failed"]
    error = fetch(database, job.id).error
    assert error is not None
    assert "no memory; gave up after 5 attempts" in error


def test_a_new_block_forgives_lost_attempts(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id, 1000)
    for attempt in range(1, 3 * MAX_FAILURES):
        make_due(database, job.id)
        assert claim(database) is not None
        with database.writing() as connection:
            jobs.report(connection, job.id, attempt, "training", 40 + 10 * attempt, 1000)
            assert jobs.mark_lost(connection, job.id, attempt, "killed") == "recovering"


def test_cancelling_waits_for_the_driver_only_where_one_runs(database: Database, stored_study: StoredStudy):
    waiting = submit(database, stored_study.record.id)
    with database.writing() as connection:
        assert jobs.cancel(connection, waiting.id).state == "cancelled"
    running = submit(database, stored_study.record.id)
    claim(database)
    with database.writing() as connection:
        assert jobs.cancel(connection, running.id).state == "cancelling"
        assert reported(jobs.report(connection, running.id, 1, "training", 40, 50)) == "cancelling"
        assert jobs.finish(connection, running.id, 1, "cancelled", "cancelled")
        assert jobs.cancel(connection, running.id).state == "cancelled"
    with database.writing() as connection, pytest.raises(NotFound, match="There is no job"):
        jobs.cancel(connection, "nothing")


@pytest.mark.parametrize("asked", [False, True])
def test_a_job_whose_lease_expired_is_cancelled_at_once(database: Database, stored_study: StoredStudy, asked: bool):
    """Nobody may be there to do it: the command that ran the job was killed."""
    job = submit(database, stored_study.record.id)
    claim(database, lease=60)
    with database.writing() as connection:
        if asked:
            assert jobs.cancel(connection, job.id).state == "cancelling"
        assert jobs.renew(connection, job.id, 1, -1)
        cancelled = jobs.cancel(connection, job.id)
        assert (cancelled.state, cancelled.lease_owner) == ("cancelled", None)
        assert jobs.report(connection, job.id, 1, "training", 40, 50) is None


def test_a_driver_lost_while_cancelling_leaves_the_job_cancelled(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    claim(database)
    with database.writing() as connection:
        jobs.cancel(connection, job.id)
        assert jobs.mark_lost(connection, job.id, 1, "killed") == "cancelled"


def test_a_released_job_is_claimed_at_once_by_a_new_attempt(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    claim(database)
    with database.writing() as connection:
        jobs.release(connection, job.id, 1, "the dispatcher was stopped")
    again = claim(database)
    assert again is not None
    assert (again.attempt, again.failures) == (2, 0)


def test_a_job_that_succeeded_is_the_same_job_while_its_trials_are_there(database: Database, stored_study: StoredStudy):
    study = stored_study.record.id
    job = submit(database, study, 40)
    claim(database)
    with database.writing() as connection:
        jobs.finish(connection, job.id, 1, "succeeded", "done")
        assert jobs.submit(connection, study, wanted(40), 40)[0].id == job.id
        assert jobs.submit(connection, study, wanted(40), 30)[1], "trials were deleted: they have to be trained again"
    with database.writing() as connection:
        assert jobs.submit(connection, study, wanted(50), 40)[1], "more trials are another job"


def test_a_job_that_is_wanted_again_is_new(database: Database, stored_study: StoredStudy):
    study = stored_study.record.id
    job = submit(database, study, 40)
    claim(database)
    with database.writing() as connection:
        jobs.finish(connection, job.id, 1, "succeeded", "done")
        assert jobs.submit(connection, study, wanted(40), 40, again=True)[0].id != job.id


@pytest.mark.parametrize("ended", ["failed", "cancelled"])
def test_resume_queues_an_ended_job_with_a_clean_slate(database: Database, stored_study: StoredStudy, ended: str):
    job = submit(database, stored_study.record.id)
    claim(database)
    with database.writing() as connection:
        jobs.finish(connection, job.id, 1, ended, "a reason")
        resumed = jobs.resume(connection, job.id)
        assert (resumed.state, resumed.failures, resumed.ran_seconds) == ("queued", 0, 0)
        assert (resumed.error, resumed.finished_at) == (None, None)
    again = claim(database)
    assert again is not None
    assert (again.id, again.attempt) == (job.id, 2)
    with database.writing() as connection:
        assert jobs.resume(connection, job.id).state == "running", "an unfinished job stays as it is"
        jobs.finish(connection, job.id, 2, "succeeded", "done")
    with database.writing() as connection, pytest.raises(Conflict, match="has succeeded"):
        jobs.resume(connection, job.id)


def test_reports_add_up_the_time_that_drivers_worked(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    claim(database)
    time.sleep(0.3)
    with database.writing() as connection:
        first = jobs.report(connection, job.id, 1, "training", 40, 50, 2.5)
    assert first is not None
    assert 0.25 < first.ran_seconds < 5
    assert first.trials_per_second == 2.5
    with database.reading() as connection:
        assert jobs.last_report(connection, job.id, 1) == first.reported_at
        assert jobs.last_report(connection, job.id, 2) is None
    with database.writing() as connection:
        jobs.mark_lost(connection, job.id, 1, "killed")
    time.sleep(0.5)  # waiting does not count
    make_due(database, job.id)
    claim(database)
    with database.writing() as connection:
        second = jobs.report(connection, job.id, 2, "training", 40, 50)
    assert second is not None
    assert first.ran_seconds <= second.ran_seconds < first.ran_seconds + 0.4


def test_an_adopted_attempt_goes_on_under_a_new_owner(database: Database, stored_study: StoredStudy):
    job = submit(database, stored_study.record.id)
    claim(database, lease=0.1)
    with database.writing() as connection:
        assert jobs.adopt(connection, job.id, 1, "other/2/0", 60)
        assert not jobs.adopt(connection, job.id, 2, "other/2/0", 60)
    held = fetch(database, job.id)
    assert (held.lease_owner, held.attempt, held.state) == ("other/2/0", 1, "running")
    with database.reading() as connection:
        assert jobs.expired(connection) == []


def test_cancel_and_completion_race_to_one_outcome(database: Database, stored_study: StoredStudy):
    for _ in range(10):
        with database.writing() as connection:
            job, _ = jobs.submit(connection, stored_study.record.id, wanted(1000), 40, again=True)
        claimed = claim(database)
        assert claimed is not None

        def cancel(job: str = job.id) -> None:
            with database.writing() as connection:
                jobs.cancel(connection, job)

        def finish(job: str = job.id, attempt: int = claimed.attempt) -> None:
            with database.writing() as connection:
                jobs.finish(connection, job, attempt, "succeeded", "done")

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(cancel), pool.submit(finish)]:
                done.result()
        with database.reading() as connection:
            states = [event.state for event in jobs.events(connection, job.id)]
        assert states in (["queued", "running", "succeeded"], ["queued", "running", "cancelling", "succeeded"])


@pytest.mark.parametrize(("step", "least", "most"), [(2000, 100, 121), (-2000, 0, 5), (90, 90, 95)])
def test_a_clock_that_is_set_hardly_adds_to_the_time_a_job_has_run(
    database: Database, stored_study: StoredStudy, step: float, least: float, most: float
):
    job = submit(database, stored_study.record.id)
    claim(database)
    with database.writing() as connection:
        connection.execute(jobs_table.update().values(reported_at=now() - step))
        reported = jobs.report(connection, job.id, 1, "training", 40, 50)
    assert reported is not None
    assert least <= reported.ran_seconds <= most
