"""Check of the database: whether it is usable, its speed, the leading dispatcher, and jobs that need attention."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection, select, text

from memscore.counted import counted
from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, problem_of, size, warning
from memscore.errors import MemscoreError, StoreError
from memscore.settings import Settings
from memscore.store import Database, leadership, metrics, open_database
from memscore.store.database import now, require_no_lone_journal, sqlite_file
from memscore.store.locality import USE_POSTGRESQL, require_one_host
from memscore.store.metrics import Trouble
from memscore.store.migrate import current_revision, head_revision, require_current
from memscore.store.open_files import users_of_another

PROBE = "doctor"  # the lease taken and released to measure a write
SLOW_READ, SLOW_WRITE = 0.05, 0.25  # seconds
TURNS = 5
CLOCK_SECONDS = 2.0
LATELY_SECONDS = 24 * 3600.0
NAMED = 3  # maximum jobs named in a sentence
OLDEST_SQLITE = (3, 35, 0)  # has RETURNING


def check(context: Context) -> Iterator[Diagnosis]:
    """Check the database; a step that depends on a failed one is skipped."""
    file = sqlite_file(context.settings.database)
    home = context.settings.home.absolute()
    to_come = file is not None and (file.parent.is_dir() or (file.parent == home and not home.exists()))
    if file is not None:
        lost = list(_lost(file, context.settings))
        yield from lost
        if lost and not file.exists():
            return
    if file is not None and not file.exists() and to_come:
        yield ok("database", f"there is none yet: {file} is created on first use")
        return
    try:
        database = open_database(context.settings.database)
    except MemscoreError as error:
        yield problem_of("database", error, "correct MEMSCORE_DATABASE_URL")
        return
    try:
        yield from _of(database, context.settings)
    except StoreError as error:
        yield problem_of("database", error, "check that it runs and that MEMSCORE_DATABASE_URL is right")
    finally:
        database.close()


def _lost(file: Path, settings: Settings) -> Iterator[Diagnosis]:
    """Whether an SQLite file was taken from under the processes that use it, or from a home that needs it."""
    if others := users_of_another(file, settings.home.absolute()):
        many = len(others) > 1
        who = f"{'processes' if many else 'process'} {', '.join(str(one) for one in others[:NAMED])}"
        who += f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        them = "them" if many else "it"
        found = f"the database file {file} was moved, replaced or removed while {who} used it"
        yield problem("database", found, f"move it back; or restart {them}, and lose what was written since")
        return
    try:
        require_no_lone_journal(file)
    except StoreError as error:
        yield problem_of("database", error, "move the database back")
        return
    if not file.exists() and (kept := len(list((settings.home / "datasets").glob("*")))):
        found = f"there is none, though {settings.home} has the files of {counted(kept, 'dataset')}: {file} is missing"
        yield warning("database", found, "move it back, or add the datasets again")


def _of(database: Database, settings: Settings) -> Iterator[Diagnosis]:
    with database.reading() as connection:
        yield ok("database", _kind(database, connection))
    if database.engine.dialect.name == "sqlite" and sqlite3.sqlite_version_info < OLDEST_SQLITE:
        yield problem("SQLite", f"version {sqlite3.sqlite_version} is too old", "use a newer Python, or PostgreSQL")
    current, head = current_revision(database), head_revision()
    try:
        if current is not None or database.engine.dialect.name != "sqlite":
            require_current(database)  # would create an empty SQLite database
    except StoreError as error:
        yield problem_of("schema", error, "memscore db upgrade")
        return
    yield ok("schema", f"at revision {current}, as this version requires" if current else f"empty, to become {head}")
    if current is None:
        return
    try:
        require_one_host(database, settings)
    except StoreError as error:
        yield problem_of("database's host", error, USE_POSTGRESQL)
    yield _speed(database)
    yield _clock(database)
    with database.reading() as connection:
        yield _dispatcher(connection)
        yield from _jobs(connection, settings)


def _kind(database: Database, connection: Connection) -> str:
    bytes_used = size(metrics.database_bytes(connection))
    if connection.dialect.name == "sqlite":
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
        return f"SQLite {sqlite3.sqlite_version}, {database.shown}, journal mode {mode}, {bytes_used}"
    version = connection.execute(text("SHOW server_version")).scalar_one()
    return f"PostgreSQL {version}, {database.shown}, {bytes_used}"


def _speed(database: Database) -> Diagnosis:
    """Measure a read and a durable write."""

    def read() -> None:
        with database.reading() as connection:
            leadership.current(connection, PROBE)

    def write() -> None:
        with database.writing() as connection:
            leadership.take(connection, PROBE, PROBE, 1)

    def remove() -> None:
        with database.writing() as connection:
            leadership.release(connection, PROBE, PROBE)

    reading, writing = _median(read), _median(write)
    remove()
    found = f"a read takes {1000 * reading:.1f} ms, a write {1000 * writing:.1f} ms"
    if reading > SLOW_READ or writing > SLOW_WRITE:
        return warning(
            "database's speed",
            found,
            "check for a slow disk or network; every driver writes once a second",
        )
    return ok("database's speed", found)


def _median(action: Callable[[], None]) -> float:
    seconds: list[float] = []
    for _ in range(TURNS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def _clock(database: Database) -> Diagnosis:
    with database.reading() as connection:
        before = time.time()
        there = connection.execute(select(now())).scalar_one()
        after = time.time()
    ahead = there - (before + after) / 2
    found = f"the database's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this host's"
    if abs(ahead) > CLOCK_SECONDS:
        return warning(
            "clocks", found, "set both by NTP; leases use only the database's clock, but log times do not agree"
        )
    return ok("clocks", found)


def _dispatcher(connection: Connection) -> Diagnosis:
    leader = leadership.current(connection, leadership.LEADER)
    states = metrics.activity(connection).jobs
    waiting = states["queued"] + states["recovering"] + len(metrics.overdue(connection))
    start = "start one: memscore serve, or memscore dispatch"
    if leader is None or leader.seconds_left < 0:
        found = "none leads" + (f", and {_jobs_wait(waiting)}" if waiting else "; no job waits for one")
        return warning("dispatcher", found, start) if waiting else ok("dispatcher", found)
    host, pid, _ = leader.owner.rsplit("/", 2)
    found = f"process {pid} on {host} leads"
    if leader.note is not None:
        return problem("dispatcher", f"{found}, but cannot launch jobs: {leader.note.rstrip('.')}", "fix this")
    return ok("dispatcher", f"{found}; {_jobs_wait(waiting)}")


def _jobs_wait(count: int) -> str:
    return f"{counted(count, 'job')} waiting"


def _jobs(connection: Connection, settings: Settings) -> Iterator[Diagnosis]:
    stalled = metrics.silent(connection, settings.stall_seconds)
    silent = [one for one in metrics.silent(connection, settings.lease_seconds) if one not in stalled]
    overdue = metrics.overdue(connection)
    failed = metrics.failed(connection, LATELY_SECONDS)
    if stalled:
        yield problem(
            "jobs",
            f"the driver of {_named(stalled)} has stopped reporting, and no dispatcher has replaced it",
            "check that a dispatcher runs, and read the end of memscore jobs log JOB",
        )
    if silent:
        yield warning(
            "jobs",
            f"the driver of {_named(silent)} has stopped reporting",
            "read the end of memscore jobs log JOB; a dispatcher replaces the driver after MEMSCORE_STALL_SECONDS",
        )
    if overdue:
        yield problem(
            "jobs",
            f"the lease of {_named(overdue)} has expired",
            "check that a dispatcher runs and can reach the database: it renews leases and recovers jobs",
        )
    if failed:
        reason = " ".join((failed[0].error or "no reason is stored").split())[:200]
        yield warning(
            "jobs",
            f"failed within a day: {_named(failed)}; the last one: {reason}",
            "fix the cause, then: memscore jobs resume JOB",
        )
    if not (stalled or silent or overdue or failed):
        yield ok("jobs", "all report, hold their leases, and none has failed within a day")


def _named(some: list[Trouble]) -> str:
    more = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
    return ", ".join(f"{one.job} ({one.seconds:.0f} s ago)" for one in some[:NAMED]) + more
