"""Changes the state of jobs, each time by a conditional UPDATE and a row of job_events.

    queued ──claim──> running ──finish──> succeeded | failed | cancelled
      ^                 │  ╲──cancel──> cancelling ──finish──> cancelled (or succeeded, if it was done)
      └──── recovering <┘ lost, while attempts are left
    queued, recovering ──cancel──> cancelled
    queued, recovering ──settle──> succeeded, when another job of the study has reached the target
    failed, cancelled ──resume──> queued

A driver and its dispatcher act for one attempt: once the job has moved on to another, their writes are ignored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, case, exists, func, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from memscore.counted import counted
from memscore.errors import Conflict, NotFound
from memscore.messages.jobs import STATES, TERMINAL
from memscore.store.database import now, one_at_a_time
from memscore.store.schema import job_events, jobs
from memscore.study.spec import Wanted
from memscore.texts import harmless

MAX_FAILURES = 5  # attempts lost in a row without a new block
ABANDONED_SECONDS = 120.0  # without a lease and without a report, as in a copy of a database
BACK_OFF_SECONDS = 2.0  # doubles with each failure
LONGEST_BACK_OFF = BACK_OFF_SECONDS * 2**MAX_FAILURES
LONGEST_REPORT = 120.0  # most seconds that a job has run between two reports: more is a clock that was set, or a sleep
WAITING = ("queued", "recovering")
HELD = ("running", "cancelling")  # states in which an attempt holds a lease


@dataclass(frozen=True)
class JobRecord:
    """A job as stored. Times are seconds since 1970; `done` and `total` count trials of the study.

    `attempt` counts claims, `failures` those lost in a row without a new block; `started_at` is the time of the first
    claim, `ran_seconds` the time that drivers have worked on it since it was submitted or resumed.
    """

    id: str
    study_id: str
    state: str
    target_trials: int
    attempt: int
    failures: int
    lease_owner: str | None
    lease_expires_at: float | None
    not_before: float
    phase: str
    done: int
    total: int
    error: str | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    request: dict[str, Any]
    trials_per_second: float | None
    reported_at: float | None
    ran_seconds: float

    @property
    def wanted(self) -> Wanted:
        """The target of the job, with its options."""
        return Wanted.model_validate({"target": {"trials": self.target_trials}, **self.request})

    @property
    def finished(self) -> bool:
        """Whether the state is terminal."""
        return self.state in TERMINAL


@dataclass(frozen=True)
class EventRecord:
    """One change of a job."""

    id: int
    at: float
    state: str
    message: str


def submit(
    connection: Connection, study: str, wanted: Wanted, done: int, *, again: bool = False
) -> tuple[JobRecord, bool]:
    """Queue a job, or return the study's job with the same target; and whether it is new.

    A succeeded job counts if the study still has its trials, unless `again` asks for a new one; a failed or cancelled
    job does not.
    """
    one_at_a_time(connection, f"jobs of study {study}")
    target_trials = wanted.target.whole_blocks
    same = connection.execute(
        select(jobs)
        .where(jobs.c.study_id == study, jobs.c.target_trials == target_trials)
        .where(jobs.c.state.in_(("queued", "running", "recovering", "succeeded")))
        .order_by(case((jobs.c.state == "succeeded", 1), else_=0), jobs.c.created_at)
    )
    for row in same:
        job = _record(row)
        if job.wanted == wanted and (not job.finished or (job.done <= done and not again)):
            return job, False
    identifier = secrets.token_hex(8)
    connection.execute(
        jobs.insert().values(
            id=identifier,
            study_id=study,
            state="queued",
            target_trials=target_trials,
            request=wanted.model_dump(mode="json", exclude_defaults=True),
            attempt=0,
            failures=0,
            not_before=now(),
            phase="queued",
            done=done,
            total=max(done, target_trials),
            created_at=now(),
        )
    )
    most = "at most " if wanted.target.precise else ""
    _event(connection, identifier, "queued", f"queued for {most}{counted(target_trials, 'trial')}")
    return get(connection, identifier), True


def settle(connection: Connection, study: str, trials: int, full_trials: int) -> None:
    """End the waiting jobs whose target the study's tables have reached, whichever job trained the trials."""
    waiting = select(jobs).where(jobs.c.study_id == study, jobs.c.state.in_(WAITING), jobs.c.target_trials <= trials)
    for job in [_record(row) for row in connection.execute(waiting)]:
        if job.wanted.full_trials > full_trials or job.wanted.pairs != "same_class":
            continue
        reached = connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.state.in_(WAITING))
            .values(state="succeeded", phase="succeeded", done=trials, total=trials, finished_at=now())
        )
        if reached.rowcount:
            _event(connection, job.id, "succeeded", f"the study has {counted(trials, 'trial')}")


def due(connection: Connection, first: str | None = None) -> bool:
    """Whether a job can be claimed."""
    return connection.execute(_due(first)).scalar() is not None


def claim(connection: Connection, owner: str, lease_seconds: float, first: str | None = None) -> JobRecord | None:
    """Claim the oldest due job whose study no other job is working on. None if there is none.

    As long as the job `first` waits, only it can be claimed.
    """
    due = _due(first)
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    identifier = connection.execute(due).scalar()
    if identifier is None:
        return None
    one_at_a_time(connection, f"study {get(connection, identifier).study_id}")  # an import may be adding trials to it
    take = (
        update(jobs)
        .where(jobs.c.id == identifier, jobs.c.state.in_(WAITING))
        .values(
            state="running",
            attempt=jobs.c.attempt + 1,
            lease_owner=owner,
            lease_expires_at=now() + lease_seconds,
            phase="starting",
            started_at=func.coalesce(jobs.c.started_at, now()),
            reported_at=now(),
            trials_per_second=None,
            error=None,
        )
    )
    try:
        with connection.begin_nested():
            taken = connection.execute(take).rowcount
    except IntegrityError:  # another dispatcher has just claimed another job of this study
        return None
    if not taken:
        return None
    job = get(connection, identifier)
    _event(connection, identifier, "running", f"attempt {job.attempt} claimed by {owner}")
    return job


def renew(connection: Connection, job: str, attempt: int, lease_seconds: float) -> str | None:
    """Extend the lease; returns the job's state, or None if this attempt no longer holds it."""
    renewed = connection.execute(
        update(jobs)
        .where(_held_by(job, attempt))
        .values(lease_expires_at=now() + lease_seconds)
        .returning(jobs.c.state)
    )
    return renewed.scalar()


def adopt(connection: Connection, job: str, attempt: int, owner: str, lease_seconds: float) -> bool:
    """Take over an attempt that another dispatcher launched; returns whether the attempt still holds the job."""
    held_on = connection.execute(
        update(jobs).where(_held_by(job, attempt)).values(lease_owner=owner, lease_expires_at=now() + lease_seconds)
    )
    return bool(held_on.rowcount)


def report(
    connection: Connection,
    job: str,
    attempt: int,
    phase: str,
    done: int,
    total: int,
    trials_per_second: float | None = None,
) -> JobRecord | None:
    """Store progress, the driver's sign of life; returns the job, or None if this attempt no longer holds it.

    New trials since the last report reset the count of lost attempts.
    """
    since = now() - func.coalesce(jobs.c.reported_at, now())
    ran = case((since < 0, 0.0), (since > LONGEST_REPORT, LONGEST_REPORT), else_=since)
    written = connection.execute(
        update(jobs)
        .where(_held_by(job, attempt))
        .values(
            phase=case((jobs.c.state == "cancelling", "cancelling"), else_=phase),
            failures=case((jobs.c.done < done, 0), else_=jobs.c.failures),
            done=done,
            total=total,
            trials_per_second=trials_per_second,
            ran_seconds=jobs.c.ran_seconds + ran,
            reported_at=now(),
        )
        .returning(*jobs.c)
    ).one_or_none()
    return None if written is None else _record(written)


def finish(connection: Connection, job: str, attempt: int, state: str, message: str) -> bool:
    """End the attempt in a terminal state. False if it no longer holds the job."""
    assert state in TERMINAL
    changed = connection.execute(
        update(jobs)
        .where(_held_by(job, attempt))
        .values(
            state=state,
            phase=state,
            finished_at=now(),
            lease_owner=None,
            lease_expires_at=None,
            trials_per_second=None,
            error=message if state == "failed" else None,
        )
    )
    if changed.rowcount:
        _event(connection, job, state, message)
    return bool(changed.rowcount)


def mark_lost(connection: Connection, job: str, attempt: int, reason: str) -> str | None:
    """End an attempt without an outcome: the job recovers, or fails when its attempts are used up.

    A job that was being cancelled becomes cancelled. Returns the new state, or None if the attempt no longer held the
    job.
    """
    row = connection.execute(select(jobs).where(_held_by(job, attempt))).one_or_none()
    if row is None:
        return None
    if row.state == "cancelling":
        return "cancelled" if finish(connection, job, attempt, "cancelled", f"cancelled; {reason}") else None
    failures = row.failures + 1
    if failures >= MAX_FAILURES:
        message = f"{reason}; gave up after {counted(failures, 'attempt')} without a new block"
        return "failed" if finish(connection, job, attempt, "failed", message) else None
    changed = connection.execute(
        update(jobs)
        .where(_held_by(job, attempt))
        .values(
            state="recovering",
            phase="recovering",
            failures=failures,
            lease_owner=None,
            lease_expires_at=None,
            trials_per_second=None,
            not_before=now() + BACK_OFF_SECONDS * 2 ** (failures - 1),
        )
    )
    if not changed.rowcount:
        return None
    _event(connection, job, "recovering", reason)
    return "recovering"


def release(connection: Connection, job: str, attempt: int, reason: str) -> None:
    """Hand a job to the next dispatcher, because this one is being stopped."""
    changed = connection.execute(
        update(jobs)
        .where(_held_by(job, attempt), jobs.c.state == "running")
        .values(
            state="queued",
            phase="queued",
            lease_owner=None,
            lease_expires_at=None,
            trials_per_second=None,
            not_before=now(),
        )
    )
    if changed.rowcount:
        _event(connection, job, "queued", reason)
    else:
        mark_lost(connection, job, attempt, reason)


def cancel(connection: Connection, job: str) -> JobRecord:
    """Cancel a job: at once if it waits or its lease has expired, otherwise its driver stops. Finished jobs stay.

    Raises NotFound.
    """
    waiting = connection.execute(
        update(jobs)
        .where(jobs.c.id == job, jobs.c.state.in_(WAITING))
        .values(state="cancelled", phase="cancelled", finished_at=now())
    )
    if waiting.rowcount:
        _event(connection, job, "cancelled", "cancelled before it ran")
        return get(connection, job)
    # Nobody may be there to end it: a driver that still lives cannot write without its lease.
    for orphan in expired(connection):
        if orphan.id == job and finish(
            connection, job, orphan.attempt, "cancelled", "cancelled after its lease expired"
        ):
            return get(connection, job)
    running = connection.execute(
        update(jobs).where(jobs.c.id == job, jobs.c.state == "running").values(state="cancelling", phase="cancelling")
    )
    if running.rowcount:
        _event(connection, job, "cancelling", "cancellation requested")
    return get(connection, job)


def resume(connection: Connection, job: str) -> JobRecord:
    """Queue a failed or cancelled job again, with all its attempts and time; an unfinished one is not changed.

    Raises NotFound, or Conflict if the job has succeeded.
    """
    if (current := get(connection, job)).state == "succeeded":
        raise Conflict(f"Job {job} has succeeded; to continue its study, post a job with a larger target.")
    changed = connection.execute(
        update(jobs)
        .where(jobs.c.id == job, jobs.c.state.in_(("failed", "cancelled")))
        .values(
            state="queued", phase="queued", failures=0, ran_seconds=0, not_before=now(), error=None, finished_at=None
        )
    )
    if changed.rowcount:
        _event(
            connection,
            job,
            "queued",
            f"resumed after it had {current.state}" if current.state == "failed" else "resumed",
        )
    return get(connection, job)


def is_first_attempt(connection: Connection, study: str, trials: int) -> bool:
    """Whether a study with this many trials has shown nothing yet: no job succeeded, and trials are of failed ones."""
    ended = set(connection.execute(select(jobs.c.state).where(jobs.c.study_id == study)).scalars())
    return "succeeded" not in ended and (trials == 0 or "failed" in ended)


def last_report(connection: Connection, job: str, attempt: int) -> float | None:
    """When the driver of this attempt last reported; None if the attempt no longer holds the job."""
    return connection.execute(select(jobs.c.reported_at).where(_held_by(job, attempt))).scalar()


def expired(connection: Connection) -> list[JobRecord]:
    """Held jobs whose lease has expired by the database's clock."""
    query = select(jobs).where(jobs.c.state.in_(HELD), jobs.c.lease_expires_at < now())
    return [_record(row) for row in connection.execute(query)]


def held(connection: Connection) -> list[JobRecord]:
    """All jobs that an attempt holds."""
    return [_record(row) for row in connection.execute(select(jobs).where(jobs.c.state.in_(HELD)))]


def unfinished(connection: Connection) -> list[JobRecord]:
    """All jobs that wait or run."""
    return [_record(row) for row in connection.execute(select(jobs).where(jobs.c.state.not_in(TERMINAL)))]


def working(connection: Connection) -> list[JobRecord]:
    """Held jobs that a driver may be working on: not those with an expired lease and a driver that is long silent."""
    alive = or_(jobs.c.lease_expires_at >= now(), jobs.c.reported_at >= now() - ABANDONED_SECONDS)
    return [_record(row) for row in connection.execute(select(jobs).where(jobs.c.state.in_(HELD), alive))]


def get(connection: Connection, job: str) -> JobRecord:
    """The job with this id. Raises NotFound."""
    row = connection.execute(select(jobs).where(jobs.c.id == job)).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job!r}; memscore jobs list shows all.")
    return _record(row)


def listing(
    connection: Connection,
    state: str | None = None,
    limit: int = 100,
    *,
    study: str | None = None,
    after: tuple[float, str] | None = None,
) -> list[JobRecord]:
    """Jobs, newest first, of one state and study or of all; `after`: creation time and id of the last one seen."""
    query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
    if state is not None:
        assert state in STATES
        query = query.where(jobs.c.state == state)
    if study is not None:
        query = query.where(jobs.c.study_id == study)
    if after is not None:
        query = query.where(tuple_(jobs.c.created_at, jobs.c.id) < tuple_(*after))
    return [_record(row) for row in connection.execute(query)]


def events(connection: Connection, job: str, after: int = 0) -> list[EventRecord]:
    """The history of a job, oldest first: the events with an id above `after`."""
    columns = (job_events.c.id, job_events.c.at, job_events.c.state, job_events.c.message)
    query = select(*columns).where(job_events.c.job_id == job, job_events.c.id > after).order_by(job_events.c.id)
    return [EventRecord(row.id, row.at, row.state, harmless(row.message)) for row in connection.execute(query)]


def outcomes(connection: Connection, finished: list[str]) -> dict[str, str]:
    """The last message of each of these jobs."""
    last = select(func.max(job_events.c.id)).where(job_events.c.job_id.in_(finished)).group_by(job_events.c.job_id)
    query = select(job_events.c.job_id, job_events.c.message).where(job_events.c.id.in_(last))
    return {row.job_id: harmless(row.message) for row in connection.execute(query)}


def ahead(connection: Connection, job: JobRecord) -> JobRecord | None:
    """The job that a waiting one waits for: a held one of its study, else any held one, else one queued before it."""
    before = and_(jobs.c.state.in_(WAITING), tuple_(jobs.c.created_at, jobs.c.id) < tuple_(job.created_at, job.id))
    held_on = jobs.c.state.in_(HELD)
    found = connection.execute(
        select(jobs)
        .where(jobs.c.id != job.id, or_(held_on, before))
        .order_by(
            case((and_(held_on, jobs.c.study_id == job.study_id), 0), (held_on, 1), else_=2),
            jobs.c.created_at,
            jobs.c.id,
        )
        .limit(1)
    ).one_or_none()
    return None if found is None else _record(found)


def _due(first: str | None) -> Select[Any]:
    """The oldest job that can be claimed; only `first` if it waits."""
    other = jobs.alias("other")
    busy = exists().where(other.c.study_id == jobs.c.study_id, other.c.state.in_(HELD), other.c.id != jobs.c.id)
    preferred = jobs.alias("preferred")
    first_waits = exists().where(preferred.c.id == first, preferred.c.state.in_(WAITING))
    return (
        select(jobs.c.id)
        .where(jobs.c.state.in_(WAITING), ~busy)
        # Further ahead than any back-off, the clock has been set back since.
        .where(or_(jobs.c.not_before <= now(), jobs.c.not_before > now() + LONGEST_BACK_OFF))
        .where(or_(jobs.c.id == first, ~first_waits))
        .order_by(jobs.c.created_at, jobs.c.id)
        .limit(1)
    )


def _held_by(job: str, attempt: int) -> ColumnElement[bool]:
    return and_(jobs.c.id == job, jobs.c.attempt == attempt, jobs.c.state.in_(HELD))


def _event(connection: Connection, job: str, state: str, message: str) -> None:
    connection.execute(job_events.insert().values(job_id=job, at=now(), state=state, message=message))


def _record(row: Row[Any]) -> JobRecord:
    values: dict[str, Any] = dict(row._mapping)  # pyright: ignore[reportPrivateUsage] -- public, in spite of its name
    values["error"] = None if row.error is None else harmless(row.error)
    return JobRecord(**values)
