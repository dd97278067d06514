"""Migrations on SQLite and PostgreSQL: up and down with data, in parallel, interrupted, and on strange databases."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text, update

from memscore.datasets.forgotten import Forgotten
from memscore.errors import InvalidInput, StoreError
from memscore.store import (
    Database,
    evidence,
    forgotten,
    job_logs,
    jobs,
    leadership,
    leftovers,
    open_database,
    reviews,
    tallies,
)
from memscore.store.migrate import (
    DowngradeLoss,
    current_revision,
    downgrade,
    head_revision,
    losses,
    migrations_folder,
    require_current,
    revisions,
    upgrade,
)
from memscore.store.schema import full_trials, metadata, trials
from memscore.study.evidence import Trial
from memscore.study.spec import Target, Wanted
from tests.command_line import refused
from tests.conftest import StoredStudy
from tests.made_evidence import with_outputs

PROCESSES = 6

SKETCHES: dict[str, Any] = dict.fromkeys(("train_sketch", "test_sketch"))
WITHOUT: dict[str, Any] = {
    **dict.fromkeys(("train_margin", "test_margin", "train_mistakes", "test_mistakes")),
    **SKETCHES,
}

UPGRADING = """
import os, signal, sys
from sqlalchemy import event
from memscore.store import open_database
from memscore.store.migrate import upgrade
url, wanted = sys.argv[1:]
database = open_database(url)

@event.listens_for(database.engine, "after_cursor_execute")
def die(connection, cursor, statement, *rest):
    if wanted in statement:
        os.kill(os.getpid(), signal.SIGKILL)

print("ready", flush=True)
sys.stdin.readline()  # all start together
upgrade(database)
"""


def test_migrations_give_exactly_the_schema(database: Database):
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_give_what_the_models_would_create(tmp_path: Path):
    """Also checks, defaults and the conditions of indexes, which the comparison above leaves out."""
    migrated, created = (open_database(f"sqlite:///{tmp_path / name}.db") for name in ("migrated", "created"))
    upgrade(migrated)
    with created.writing() as connection:
        metadata.create_all(connection)
    assert _described(created) == _described(migrated)
    for database in (migrated, created):
        database.close()


def _described(database: Database) -> dict[str, Any]:
    with database.reading() as connection:
        inspector = inspect(connection)
        described: dict[str, Any] = {}
        for name in metadata.tables:
            checks = inspector.get_check_constraints(name)
            indexes = [
                (
                    one["name"],
                    one["column_names"],
                    one["unique"],
                    str(one.get("dialect_options", {}).get("sqlite_where")),
                )
                for one in inspector.get_indexes(name)
            ]
            described[name] = (
                {
                    one["name"]: (str(one["type"]), one["nullable"], one["default"])
                    for one in inspector.get_columns(name)
                },
                inspector.get_pk_constraint(name),
                sorted(map(str, inspector.get_foreign_keys(name))),
                sorted(indexes, key=str),
                sorted(map(str, inspector.get_unique_constraints(name))),
                sorted((str(one["name"]), one["sqltext"]) for one in checks),
            )
    return described


def test_the_files_of_the_chain_begin_with_the_revisions_that_alembic_sees():
    scripts = ScriptDirectory(str(migrations_folder())).walk_revisions()
    assert revisions() == [script.revision for script in scripts][::-1]


def test_every_step_down_and_up_keeps_what_has_a_place(database: Database, full_study: StoredStudy):
    with database.writing() as connection:
        leftovers.note(connection, "job", "0123456789abcdef")
        tallies.add(connection, {"trials": 10})
        forgotten.add(connection, full_study.record.fingerprint, Forgotten((17,), (3,)), "the data office")
        reviews.put(connection, full_study.record.id, 4, "ada", "error", label=1)
    before = _contents(database)
    assert all(before[name] for name in metadata.tables if not name.endswith(("_scores", "_keys"))), "a table is empty"
    chain = revisions()
    for below in (*chain[-2::-1], "base"):
        downgrade(database, below)
        _require_kept(before, _contents(database))
        before = _contents(database)
    assert before == {}
    for above in chain:
        upgrade(database, above)
        assert current_revision(database) == above
    assert set(_contents(database)) == set(metadata.tables)


def test_the_way_down_and_up_again_keeps_evidence_readable(database: Database, full_study: StoredStudy):
    """Digests cover probabilities, for which the oldest schema has no place."""
    before = _contents(database)
    for revision in revisions()[-2::-1]:
        downgrade(database, revision)
    for revision in revisions()[1:]:
        upgrade(database, revision)
    _require_kept(before, _contents(database), lost={"full_trials", "job_logs", "leases"})
    plain = [replace(trial, train_probability=None, test_probability=None, **WITHOUT) for trial in full_study.trials]
    with database.reading() as connection:
        assert evidence.load(connection, full_study.record.id) == plain
        (job,) = jobs.listing(connection)
    assert (job.ran_seconds, job.request, job.state) == (0, {}, "running")


def test_a_step_down_keeps_evidence_readable_without_margins(database: Database, full_study: StoredStudy):
    with database.writing() as connection:
        connection.execute(update(trials).where(trials.c.number == 1).values(train_mistakes=b""))
        connection.execute(update(trials).where(trials.c.number == 2).values(train_margin=b"not compressed"))
        before = connection.execute(trials.select().order_by(trials.c.number)).all()
    downgrade(database, "0006")
    upgrade(database)
    study = full_study.record.id
    with database.writing() as connection:
        after = connection.execute(trials.select().order_by(trials.c.number)).all()
        assert [after[number].digest == before[number].digest for number in range(6)] == [
            False,
            True,  # damaged before, and still
            True,
            False,
            False,
            True,
        ]
        connection.execute(trials.delete().where(trials.c.number.in_([1, 2])))
        kept = [replace(trial, **WITHOUT) for trial in full_study.trials if trial.number not in (1, 2)]
        assert evidence.load(connection, study) == kept
        full = [replace(trial, out_accuracy=None) for trial in full_study.trials[:5]]
        plain = [replace(trial, train_probability=None, test_probability=None, **WITHOUT) for trial in full]
        assert evidence.load(connection, study, full=True) == plain


def test_a_step_down_keeps_full_trials_readable_without_sketches(database: Database, full_study: StoredStudy):
    study = full_study.record.id
    with database.writing() as connection:
        whole = evidence.load(connection, study, full=True)
        wrong = full_trials.c.number == 1
        connection.execute(update(full_trials).where(wrong).values(test_sketch=b"another"))
        before = connection.execute(full_trials.select().order_by(full_trials.c.number)).all()
    downgrade(database, "0007")
    upgrade(database)
    with database.writing() as connection:
        after = connection.execute(full_trials.select().order_by(full_trials.c.number)).all()
        same = [one.digest == other.digest for one, other in zip(before, after, strict=True)]
        assert same == [False, True, False, False, False]  # damaged before, and still
        connection.execute(full_trials.delete().where(wrong))
        kept = [replace(trial, **SKETCHES) for trial in whole if trial.number != 1]
        assert evidence.load(connection, study, full=True) == kept
        assert evidence.sketches(connection, study) == []


def test_damaged_evidence_is_not_made_sound_by_going_down(database: Database, full_study: StoredStudy):
    with database.writing() as connection:
        connection.execute(update(trials).where(trials.c.number == 3).values(test_bits=b"\x00\x00\x00"))
        rows = connection.execute(trials.select().order_by(trials.c.number)).all()
    downgrade(database, "0001")
    upgrade(database)
    with database.reading() as connection:
        after = connection.execute(trials.select().order_by(trials.c.number)).all()
    assert after[3].digest == rows[3].digest
    assert after[2].digest != rows[2].digest


def _contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables, in an order of their own."""
    with database.reading() as connection:
        names = set(inspect(connection).get_table_names()) - {"alembic_version"}
        found = {name: connection.execute(text(f"SELECT * FROM {name}")).mappings().all() for name in names}
    return {name: sorted(({**row} for row in rows), key=str) for name, rows in found.items()}


def _require_kept(before: dict[str, Any], after: dict[str, Any], lost: Collection[str] = ()) -> None:
    """Each row is there with each of the columns that its table still had all the time."""
    for name in after.keys() & before.keys() - set(lost):
        assert len(after[name]) == len(before[name]), name
        if not before[name]:
            continue
        columns = before[name][0].keys() & after[name][0].keys()
        columns -= {"digest"} if name in ("trials", "full_trials") else set()
        columns -= {"train_probability", "test_probability", "request", *WITHOUT}
        columns -= {"trials_per_second", "reported_at", "ran_seconds"}
        kept = [
            sorted(str({column: row[column] for column in sorted(columns)}) for row in some[name])
            for some in (before, after)
        ]
        assert kept[0] == kept[1], name


@pytest.fixture
def full_study(database: Database, stored_study: StoredStudy) -> StoredStudy:
    """A study with something in every table that a job writes; its first block recorded probabilities."""
    random = np.random.default_rng(1)

    labels = stored_study.dataset.y_train, stored_study.dataset.y_test

    def recorded(trial: Trial) -> Trial:
        some = replace(trial, train_probability=random.bytes(60), test_probability=random.bytes(20))
        return with_outputs(some, *labels) if trial.number < 5 else some

    study = stored_study.record.id
    changed = [recorded(trial) if trial.number < 10 else trial for trial in stored_study.trials]
    full = [with_outputs(replace(trial, out_accuracy=None), *labels) for trial in stored_study.trials[:5]]
    with database.writing() as connection:
        connection.execute(trials.delete().where(trials.c.number < 10))
        evidence.add(connection, study, changed + full)
        job, _ = jobs.submit(connection, study, Wanted(target=Target(trials=50), full_trials=3), 40)
        assert jobs.claim(connection, "host/1/0", 60) is not None
        jobs.report(connection, job.id, 1, "training", 45, 50, 1.5)
        job_logs.append(connection, job.id, 1, "a line\n")
        leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    return replace(stored_study, trials=changed)


def test_what_a_downgrade_would_lose_is_told_and_not_lost(database: Database, full_study: StoredStudy):
    contents = _contents(database)
    of_margins = [
        DowngradeLoss(f"{table}.{name}", 5)
        for table in ("full_trials", "trials")
        for name in ("test_margin", "test_mistakes", "train_margin", "train_mistakes")
    ]
    of_sketches = [DowngradeLoss(f"full_trials.{name}", 5) for name in ("test_sketch", "train_sketch")]
    assert losses(database, "0007") == of_sketches
    of_full = sorted([*of_margins[:4], *of_sketches], key=lambda loss: loss.what)
    assert losses(database, "0006") == of_full + of_margins[4:]
    assert losses(database, "0002") == [
        *of_full,
        DowngradeLoss("job_logs", 1),
        DowngradeLoss("jobs.ran_seconds", 1),
        DowngradeLoss("jobs.reported_at", 1),
        DowngradeLoss("jobs.trials_per_second", 1),
        DowngradeLoss("leases", 1),
        *of_margins[4:],
    ]
    told = {loss.what: loss.values for loss in losses(database, "0001")}
    assert (told["full_trials"], told["trials.train_probability"], told["jobs.request"]) == (5, 10, 1)
    assert {loss.what: loss.values for loss in losses(database, "base")}["trials"] == 40
    assert current_revision(database) == head_revision()
    assert _contents(database) == contents


def test_a_revision_that_does_not_lie_below_is_refused(database: Database):
    for revision in (head_revision(), "0815", "-1", "head"):
        with pytest.raises(InvalidInput, match="give one of: base, 0001"):
            downgrade(database, revision)
    downgrade(database, "base")
    with pytest.raises(InvalidInput, match="at revision none"):
        downgrade(database, "0001")


def start(url: str, die_at: str = "nowhere") -> subprocess.Popen[str]:
    """A process that upgrades when it gets a line."""
    command = [sys.executable, "-c", UPGRADING, url, die_at]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_parallel_upgrades_of_an_empty_database_do_not_race(database_url: str):
    processes = [start(database_url) for _ in range(PROCESSES)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, errors
    database = open_database(database_url)
    assert current_revision(database) == head_revision()
    require_current(database)
    database.close()


@pytest.mark.parametrize(
    ("before", "statement"),
    [("base", "CREATE TABLE trials"), ("0002", "CREATE TABLE job_logs"), ("0002", "UPDATE alembic_version")],
)
def test_an_upgrade_killed_in_the_middle_changes_nothing(database: Database, before: str, statement: str):
    downgrade(database, before)
    revision, contents = current_revision(database), _contents(database)
    process = start(database.engine.url.render_as_string(hide_password=False), statement)
    process.communicate("\n")
    assert process.returncode == -signal.SIGKILL
    assert (current_revision(database), _contents(database)) == (revision, contents)
    upgrade(database)
    require_current(database)


def test_a_database_behind_or_ahead_is_refused_with_what_to_do(database: Database):
    require_current(database)
    downgrade(database, "0001")
    with pytest.raises(
        StoreError, match=f"at revision 0001, this version needs {head_revision()}; run: memscore db up"
    ):
        require_current(database)
    upgrade(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refuses in (require_current, upgrade, lambda ahead: downgrade(ahead, "0001")):
        with pytest.raises(StoreError, match=r"made by a newer version \(revision 9999\); update memscore"):
            refuses(database)
    with database.writing() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    for refuses in (require_current, upgrade):
        with pytest.raises(StoreError, match="restore the database from a copy"):
            refuses(database)


def test_only_an_empty_sqlite_database_is_made_ready_by_itself(database_url: str):
    database = open_database(database_url)
    if database.engine.dialect.name == "sqlite":
        require_current(database)
        assert current_revision(database) == head_revision()
    else:
        with pytest.raises(StoreError, match=r"at revision none, this version needs .*; run: memscore db upgrade"):
            require_current(database)
    database.close()


def test_a_database_of_another_program_is_left_alone(database_url: str):
    database = open_database(database_url)
    with database.writing() as connection:
        for name in ("customers", "orders"):
            connection.execute(text(f"CREATE TABLE {name} (id INTEGER)"))
    for refuses in (require_current, upgrade, lambda other: downgrade(other, "base")):
        with pytest.raises(
            StoreError, match="belongs to another program: it has the tables customers, orders; name an"
        ):
            refuses(database)
    with database.reading() as connection:
        assert inspect(connection).get_table_names() == ["customers", "orders"]
    database.close()


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path):
    file = tmp_path / "notes.txt"
    file.write_bytes(b"remember the milk\n" * 1000)
    database = open_database(f"sqlite:///{file}")
    for refuses in (require_current, upgrade):
        with pytest.raises(StoreError, match="cannot be used: file is not a database"):
            refuses(database)
    database.close()
    assert file.read_bytes() == b"remember the milk\n" * 1000


def test_the_command_downgrades_after_it_has_asked(
    memscore, database: Database, database_url: str, full_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)

    def answer(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    refused(memscore("db", "downgrade", "0002", "--yes"), "The dispatcher host/1/0 is using this database; stop the")
    with database.writing() as connection:
        leadership.release(connection, leadership.LEADER, "host/1/0")
    answer("n\n")
    asked = memscore("db", "downgrade", "0002")
    assert asked.status == 1
    assert "would be lost: job_logs, 1 rows" in asked.out
    assert "would be lost: jobs.ran_seconds, 1 values" in asked.out
    assert current_revision(database) == head_revision()
    answer("y\n")
    assert memscore("db", "downgrade", "0002").status == 0
    assert current_revision(database) == "0002"
    refused(memscore("db", "downgrade", "0001", "--json"), "add --yes")
    assert memscore("db", "downgrade", "0001", "--yes", "--json").json == {
        "before": "0002",
        "after": "0001",
        "lost": {"full_trials": 5, "jobs.request": 1, "trials.test_probability": 10, "trials.train_probability": 10},
    }
    refused(memscore("db", "downgrade", "0002"), "give one of: base")
    up = memscore("db", "upgrade").out.replace("\n", "")
    assert "revision 0001 -> 0011" in up
    assert "Revisions come from /" in up
