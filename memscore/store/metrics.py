"""Numbers for monitoring, over all jobs and trials, in a few queries that stay cheap as both grow."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, case, func, select, text

from memscore.messages.jobs import STATES
from memscore.store import leadership, tallies
from memscore.store.database import now
from memscore.store.jobs import HELD, WAITING
from memscore.store.leadership import LeaseRecord
from memscore.store.schema import full_trials, job_events, jobs, trials
from memscore.study.spec import BLOCK

LOST = ("recovering", "failed")  # states that a lost or failed attempt leaves behind


@dataclass(frozen=True)
class Activity:
    """The state of the service at one moment, over all jobs and studies. Times are in seconds.

    Counts include what was removed, except for the jobs by state.
    """

    jobs: dict[str, int]  # by state, all states
    attempts: int
    attempts_lost: int
    jobs_started: int
    waited: float  # from submission to first start, over all jobs that started
    longest_wait: float  # of the jobs that wait now, since each was queued or may be tried again
    report_age: float  # longest time since a held job's driver reported
    overdue_leases: int
    trials_per_second: float
    trials: int
    full_trials: int
    blocks: int
    leader: LeaseRecord | None
    database_bytes: int


@dataclass(frozen=True)
class Trouble:
    """A job that needs attention; `seconds` since its last report, its lease's end, or its failure."""

    job: str
    seconds: float
    error: str | None = None


def activity(connection: Connection) -> Activity:
    """Read the state of the service."""
    held, waiting = jobs.c.state.in_(HELD), jobs.c.state.in_(WAITING)
    by_state = select(
        jobs.c.state,
        func.count().label("jobs"),
        func.sum(jobs.c.attempt).label("attempts"),
        func.count(jobs.c.started_at).label("started"),
        func.sum(jobs.c.started_at - jobs.c.created_at).label("waited"),
        func.max(case((waiting, now() - jobs.c.not_before))).label("longest_wait"),
        func.max(case((held, now() - jobs.c.reported_at))).label("report_age"),
        func.count(case((and_(held, jobs.c.lease_expires_at < now()), 1))).label("overdue"),
        func.sum(case((held, jobs.c.trials_per_second))).label("rate"),
    ).group_by(jobs.c.state)
    rows = connection.execute(by_state).all()
    lost = select(func.count()).select_from(job_events).where(job_events.c.state.in_(LOST))
    stored, blocks = _stored(connection)
    full = select(func.count()).select_from(full_trials)
    before = tallies.removed(connection)
    return Activity(
        jobs={**dict.fromkeys(STATES, 0), **{row.state: row.jobs for row in rows}},
        attempts=sum(row.attempts for row in rows) + int(before["attempts"]),
        attempts_lost=connection.execute(lost).scalar_one() + int(before["attempts_lost"]),
        jobs_started=sum(row.started for row in rows) + int(before["jobs_started"]),
        waited=sum(row.waited or 0.0 for row in rows) + before["waited"],
        longest_wait=max([0.0, *(row.longest_wait or 0.0 for row in rows)]),
        report_age=max([0.0, *(row.report_age or 0.0 for row in rows)]),
        overdue_leases=sum(row.overdue for row in rows),
        trials_per_second=sum(row.rate or 0.0 for row in rows),
        trials=stored + int(before["trials"]),
        full_trials=connection.execute(full).scalar_one() + int(before["full_trials"]),
        blocks=blocks + int(before["blocks"]),
        leader=leadership.current(connection, leadership.LEADER),
        database_bytes=database_bytes(connection),
    )


def silent(connection: Connection, seconds: float) -> list[Trouble]:
    """Held jobs whose driver has not reported for this long, the longest silent first."""
    age = (now() - jobs.c.reported_at).label("age")
    query = select(jobs.c.id, age).where(jobs.c.state.in_(HELD), age > seconds).order_by(age.desc())
    return [Trouble(*row) for row in connection.execute(query)]


def overdue(connection: Connection) -> list[Trouble]:
    """Held jobs whose lease has expired, the longest ago first."""
    past = (now() - jobs.c.lease_expires_at).label("past")
    query = select(jobs.c.id, past).where(jobs.c.state.in_(HELD), past > 0).order_by(past.desc())
    return [Trouble(*row) for row in connection.execute(query)]


def failed(connection: Connection, seconds: float) -> list[Trouble]:
    """Jobs that failed within the last `seconds`, the newest first."""
    age = (now() - jobs.c.finished_at).label("age")
    query = select(jobs.c.id, age, jobs.c.error).where(jobs.c.state == "failed", age < seconds).order_by(age)
    return [Trouble(*row) for row in connection.execute(query)]


def _stored(connection: Connection) -> tuple[int, int]:
    """The numbers of trials and of blocks, each ten trials of one study."""
    of_study = select(func.count().label("trials")).select_from(trials).group_by(trials.c.study_id).subquery()
    count = of_study.c.trials
    totals = select(func.coalesce(func.sum(count), 0), func.coalesce(func.sum(count // BLOCK), 0))
    stored, blocks = connection.execute(totals).one()
    return int(stored), int(blocks)


def database_bytes(connection: Connection) -> int:
    """The size of the database, indexes included."""
    if connection.dialect.name == "sqlite":
        pages = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        return connection.execute(pages).scalar_one()
    return connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
