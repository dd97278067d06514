"""Checks everything stored: reports damage, and repairs whatever can be made again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, func, select, text

from memscore.counted import counted
from memscore.datasets.forgotten import described
from memscore.datasets.storage import alone, has_right_arrays, is_blank, open_dataset
from memscore.errors import Damaged, NotFound
from memscore.messages.jobs import STATES
from memscore.store import forgotten, jobs, leftovers, studies
from memscore.store.checking_published import check_published
from memscore.store.checking_studies import StudyCheck
from memscore.store.checking_texts import check_texts
from memscore.store.database import Database, now
from memscore.store.datasets import DatasetRecord, by_name
from memscore.store.findings import UNREADABLE, DatabaseFinding, Watch, guarded
from memscore.store.schema import datasets as datasets_table
from memscore.store.schema import (
    full_trials,
    pair_tables,
    published_scores,
    score_tables,
    trials,
)
from memscore.store.schema import jobs as jobs_table
from memscore.store.schema import studies as studies_table

MOST_ERRORS = 100  # reported by SQLite
COUNTED = (datasets_table, trials, full_trials, score_tables, pair_tables, published_scores, jobs_table)


def size(database: Database) -> dict[str, int]:
    """The number of rows to check, by table."""
    with database.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in COUNTED
        }


def check(database: Database, home: Path, *, repair: bool, watch: Watch) -> Iterator[DatabaseFinding]:
    """Check everything and yield the findings.

    With `repair`, damaged trials and tables are deleted (to be trained and built again), tables and published rows that
    do not follow from the evidence are replaced, jobs without a lease are queued again, texts that cannot be shown are
    written with escapes, files of removed data are deleted, and samples that were removed on request are overwritten.
    Sound data is not touched.
    """
    if database.engine.dialect.name == "sqlite":
        yield from guarded("database", _check_file(database, watch))
    yield from check_texts(database, repair, watch)
    yield from guarded("datasets", _check_datasets(database, home, repair, watch))
    yield from guarded("studies", _check_studies(database, home, repair, watch))
    yield from guarded("published rows", check_published(database, repair, watch))
    yield from guarded("jobs", _check_jobs(database, repair, watch))
    yield from guarded("removed files", _check_leftovers(database, home, repair))


def _check_file(database: Database, watch: Watch) -> Iterator[DatabaseFinding]:
    """SQLite's own checks of its file and of references between rows."""
    watch("database file", 0)
    with database.reading() as connection:
        errors = connection.execute(text(f"PRAGMA integrity_check({MOST_ERRORS})")).scalars().all()
        strays = connection.execute(text("PRAGMA foreign_key_check")).all()
    copy = "restore the database from a copy, or recover the readable part with: sqlite3 FILE .recover"
    yield from (DatabaseFinding("database file", error, copy) for error in errors if error != "ok")
    for table, row, parent, _ in strays:
        yield DatabaseFinding(f"table {table}", f"its row {row} refers to a missing row of {parent}", copy)


def _check_datasets(database: Database, home: Path, repair: bool, watch: Watch) -> Iterator[DatabaseFinding]:
    """Compare the arrays on disk with the fingerprint, and the stored row with the arrays."""
    with database.reading() as connection:
        names = connection.execute(select(datasets_table.c.name).order_by(datasets_table.c.name)).scalars().all()
    faults: dict[str, tuple[str, str] | None] = {}
    for name in names:
        watch(f"dataset {name}", 0)
        try:
            with database.reading() as connection:
                record = by_name(connection, name)
        except UNREADABLE:
            yield DatabaseFinding(f"dataset {name}", "its row cannot be read", "restore the database from a copy")
            continue
        first = record.fingerprint not in faults  # of the names of these data
        if first:
            faults[record.fingerprint] = arrays_fault(home, name, record.fingerprint, record.source)
        fault = faults[record.fingerprint] or _record_fault(record, home)
        if fault is not None:
            yield DatabaseFinding(f"dataset {name}", *fault)
        if first:
            yield from _forgotten_findings(database, home, record, repair)
        watch(f"dataset {name}", 1)


def arrays_fault(home: Path, name: str, fingerprint: str, source: str) -> tuple[str, str] | None:
    """What is wrong with the stored arrays of a registered dataset, and what to do; None if they are as registered."""
    folder = home / "datasets" / fingerprint
    add = f"add the dataset again: memscore datasets add {name}"
    if source != name:
        add = f"add the dataset again, with its options: memscore datasets add {name} --from {source}"
    try:
        dataset = open_dataset(home, fingerprint)
    except NotFound:
        return f"its arrays are missing: the folder {folder} does not exist", add
    except Damaged as error:
        return f"its arrays cannot be read: {error}", add
    if not has_right_arrays(home, fingerprint, dataset):
        return f"its arrays in {folder} do not match their fingerprint", add
    return None


def _forgotten_findings(
    database: Database, home: Path, record: DatasetRecord, repair: bool
) -> Iterator[DatabaseFinding]:
    """Look for forgotten samples that are still in the files, and for those that only the files know of."""
    with database.reading() as connection:
        noted = forgotten.of(connection, record.fingerprint)
    try:
        stored = open_dataset(home, record.fingerprint)
        blank = is_blank(stored)
    except (NotFound, Damaged):
        return
    place = f"dataset {record.name}"
    if unknown := stored.forgotten - noted:
        problem = f"its files lack {described(unknown)}, removed on request; the database is an older copy without that"
        if repair:
            with database.writing() as connection:
                forgotten.add(connection, record.fingerprint, unknown, None)
        yield DatabaseFinding(place, problem, "--repair notes it again", "noted again" if repair else None)
    if noted - stored.forgotten or not blank:
        problem = "its files still hold samples that were removed on request"
        if repair:
            with alone(home, record.fingerprint):
                leftovers.overwrite_forgotten(database, home, record.fingerprint)
        yield DatabaseFinding(place, problem, "--repair overwrites them", "overwritten" if repair else None)


def _record_fault(record: DatasetRecord, home: Path) -> tuple[str, str] | None:
    dataset = open_dataset(home, record.fingerprint)
    stated = (record.train_samples, record.test_samples, record.image_shape, len(record.class_names), record.flipped)
    flipped = tuple(np.flatnonzero(dataset.flipped).tolist())
    if stated != (len(dataset.y_train), len(dataset.y_test), dataset.x_train.shape[1:], dataset.classes, flipped):
        return (
            "its sizes, classes or flipped labels differ from those of its arrays",
            "restore the database from a copy",
        )
    return None


def _check_studies(database: Database, home: Path, repair: bool, watch: Watch) -> Iterator[DatabaseFinding]:
    with database.reading() as connection:
        query = select(studies_table.c.id).order_by(studies_table.c.created_at, studies_table.c.id)
        identifiers = connection.execute(query).scalars().all()
    for identifier in identifiers:
        try:
            with database.reading() as connection:
                study = studies.find(connection, identifier)
        except UNREADABLE:
            yield DatabaseFinding(f"study {identifier}", "its row cannot be read", "restore the database from a copy")
            continue
        yield from guarded(f"study {study.name}", StudyCheck(database, home, study, repair, watch).run())


def _check_jobs(database: Database, repair: bool, watch: Watch) -> Iterator[DatabaseFinding]:
    """Check the states, the requests, and the leases of held jobs."""
    overdue = (now() - jobs_table.c.lease_expires_at).label("overdue")
    columns = (jobs_table.c.id, jobs_table.c.state, jobs_table.c.attempt, jobs_table.c.lease_owner, overdue)
    with database.reading() as connection:
        rows = connection.execute(select(*columns).order_by(jobs_table.c.created_at)).all()
    for row in rows:
        place = f"job {row.id}"
        if row.state not in STATES:
            yield DatabaseFinding(place, f"is in the unknown state {row.state!r}", "restore the database from a copy")
        elif row.state in jobs.HELD and (row.lease_owner is None or row.overdue is None):
            repaired = _release(database, row.id, row.attempt) if repair else None
            yield DatabaseFinding(
                place,
                f"is {row.state}, but no process holds its lease",
                "--repair gives it to the next attempt",
                repaired,
            )
        elif row.state in jobs.HELD and row.overdue > 0:
            problem = (
                f"is {row.state}, but its lease expired {row.overdue:.0f} s ago and no dispatcher has taken it over"
            )
            yield DatabaseFinding(place, problem, "start one: memscore serve, or memscore dispatch", harmless=True)
        with database.reading() as connection:
            yield from _request_findings(connection, row.id)
        watch("jobs", 1)


def _check_leftovers(database: Database, home: Path, repair: bool) -> Iterator[DatabaseFinding]:
    """Look for files whose removal a crash has interrupted."""
    with database.reading() as connection:
        listed = leftovers.listed(connection)
    if repair:
        leftovers.sweep(database, home)
    if listed:
        problem = f"are not deleted or overwritten yet, of {counted(len(listed), 'removed dataset, job or sample')}"
        yield DatabaseFinding("files", problem, "--repair deletes them", "deleted" if repair else None, harmless=True)


def _request_findings(connection: Connection, job: str) -> Iterator[DatabaseFinding]:
    try:
        _ = jobs.get(connection, job).wanted
    except NotFound:
        return
    except UNREADABLE:
        yield DatabaseFinding(f"job {job}", "its request cannot be read", "restore the database from a copy")


def _release(database: Database, job: str, attempt: int) -> str | None:
    with database.writing() as connection:
        state = jobs.mark_lost(connection, job, attempt, "a check found it without a lease")
    return None if state is None else f"now {state}"
