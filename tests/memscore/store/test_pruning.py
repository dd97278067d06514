"""Old versions of tables: which go, which stay, and the space they took."""

from __future__ import annotations

import sqlite3

import numpy as np
import pytest
from sqlalchemy import select

from memscore.errors import Conflict, InvalidInput, NotFound, StoreError
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, evidence, jobs, pruning, studies, tables
from memscore.store.datasets import by_name
from memscore.store.pruning import Pruned, prune, vacuum
from memscore.store.publishing import publish
from memscore.store.rebuilding import keep_tables
from memscore.store.schema import pair_tables, score_tables
from memscore.study.spec import Design, Target, Wanted
from tests.command_line import refused
from tests.conftest import QUICK, StoredStudy, build, make_trials

on_sqlite = pytest.mark.databases("sqlite")


@pytest.fixture
def versions(database: Database, stored_study: StoredStudy) -> list[tuple[ScoreTable, PairsTable]]:
    """Five versions of both tables, oldest first, the first of which the study has already."""
    trials = make_trials(stored_study.dataset, Design(), blocks=8)
    made = [
        build(stored_study.dataset, trials[:count], Design(), stored_study.record.id) for count in (40, 50, 60, 70, 80)
    ]
    with database.writing() as connection:
        for scores, pairs in made:
            tables.add(connection, stored_study.record.id, scores, pairs)
    return made


def left(database: Database, study: str) -> tuple[set[str], set[str]]:
    with database.reading() as connection:
        return tuple(  # type: ignore[return-value]
            set(connection.execute(select(stored.c.digest).where(stored.c.study_id == study)).scalars())
            for stored in (score_tables, pair_tables)
        )


def digests(versions: list[tuple[ScoreTable, PairsTable]]) -> tuple[set[str], set[str]]:
    return {scores.digest for scores, _ in versions}, {pairs.digest for _, pairs in versions}


def test_the_newest_versions_stay(
    database: Database, stored_study: StoredStudy, versions: list[tuple[ScoreTable, PairsTable]]
):
    study = stored_study.record.id
    size = sum(len(table.encode()) for pair in versions[:3] for table in pair)
    would = prune(database, None, 2, dry_run=True)
    assert would == [Pruned(study, "made-up", 6, size)]
    assert left(database, study) == digests(versions)
    assert prune(database, None, 2, dry_run=False) == would
    assert left(database, study) == digests(versions[3:])
    assert prune(database, "made-up", 2, dry_run=False) == []
    assert prune(database, "made-up", 1, dry_run=False)[0].versions == 2
    assert left(database, study) == digests(versions[4:])
    with database.reading() as connection:
        assert tables.current(connection, study)[0].decode(ScoreTable).digest == versions[4][0].digest
        assert evidence.load(connection, study) == stored_study.trials


def test_each_study_keeps_its_own(
    database: Database, stored_study: StoredStudy, versions: list[tuple[ScoreTable, PairsTable]]
):
    with database.writing() as connection:
        other = studies.ensure(connection, by_name(connection, "made-up"), QUICK, Design(seed=7), "other")
        trials = make_trials(stored_study.dataset, Design(seed=7), blocks=2)
        made = [build(stored_study.dataset, trials[:count], Design(seed=7), other.id) for count in (10, 20)]
        for scores, pairs in made:
            tables.add(connection, other.id, scores, pairs)
    (pruned,) = prune(database, "other", 1, dry_run=False)
    assert (pruned.name, pruned.versions) == ("other", 2)
    assert left(database, other.id) == digests(made[1:])
    assert left(database, stored_study.record.id) == digests(versions)
    with pytest.raises(NotFound):
        prune(database, "nothing", 1, dry_run=False)


def test_what_is_published_stays(
    database: Database, stored_study: StoredStudy, versions: list[tuple[ScoreTable, PairsTable]]
):
    with database.writing() as connection:
        for stored in (score_tables, pair_tables):
            connection.execute(stored.delete().where(stored.c.trials > 50))
    publish(database, "made-up", lambda *_: None)
    with database.writing() as connection:
        for scores, pairs in versions[2:]:
            tables.add(connection, stored_study.record.id, scores, pairs, replaces=(scores.digest, pairs.digest))
    prune(database, None, 1, dry_run=False)
    assert left(database, stored_study.record.id) == digests([versions[1], versions[4]])


def test_a_rebuild_replaces_the_version_before_it(
    database: Database, stored_study: StoredStudy, versions: list[tuple[ScoreTable, PairsTable]]
):
    study = stored_study.record.id
    with database.writing() as connection:
        for stored in (score_tables, pair_tables):
            connection.execute(stored.delete())
        for scores, pairs in versions[:2]:
            tables.add(connection, study, scores, pairs)
        kept = versions[1][0].digest, versions[1][1].digest
        for scores, pairs in versions[2:]:
            keep_tables(connection, stored_study.record, scores, pairs, replaces=kept)
            kept = scores.digest, pairs.digest
    assert left(database, study) == digests([versions[0], versions[4]])


def test_a_rebuild_never_deletes_what_is_current_or_published(
    database: Database, stored_study: StoredStudy, versions: list[tuple[ScoreTable, PairsTable]]
):
    study, last = stored_study.record.id, versions[4]
    before = left(database, study)
    with database.writing() as connection:
        tables.add(connection, study, *versions[0], replaces=(last[0].digest, last[1].digest))
        tables.add(connection, study, *last, replaces=(last[0].digest, last[1].digest))
        tables.add(connection, study, *last, replaces=("0" * 64, None))
    assert left(database, study) == before
    publish(database, study, lambda *_: None)
    fewer = {name: column[:5] for name, column in last[1].columns.items()}
    pairs = PairsTable.of(fewer, {**last[1].meta, "trials": 90})
    with database.writing() as connection:
        tables.add(connection, study, pairs, replaces=(None, last[1].digest))
    assert left(database, study)[1] == before[1] | {pairs.digest}


@on_sqlite
def test_a_vacuum_makes_the_file_smaller(database: Database, stored_study: StoredStudy):
    study, random = stored_study.record.id, np.random.default_rng(0)
    with database.writing() as connection:
        for trials in range(50, 60):
            columns = {**stored_study.scores.columns, "mem": random.random(20_000).astype(np.float32)}
            tables.add(connection, study, ScoreTable.of(columns, {**stored_study.scores.meta, "trials": trials}))
    vacuum(database)  # nothing has been removed, but the journal may go
    removed = prune(database, None, 1, dry_run=False)[0].bytes
    assert removed > 7e5
    assert vacuum(database) > 0.9 * removed
    with database.reading() as connection:
        assert evidence.load(connection, study) == stored_study.trials


@on_sqlite
def test_a_vacuum_waits_for_nobody(
    database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch, database_url: str
):
    monkeypatch.setattr(pruning, "VACUUM_WAIT_SECONDS", 0.1)
    writer = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="could not be vacuumed: another process is writing to it, try again later"):
        vacuum(database)
    writer.execute("ROLLBACK")
    writer.close()
    with database.writing() as connection:
        job, _ = jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=50)), 40)
        jobs.claim(connection, "host/1/0", 60)
    with pytest.raises(Conflict, match=f"Job {job.id} is writing to the database; vacuum after it has ended"):
        vacuum(database)
    with database.writing() as connection:
        jobs.finish(connection, job.id, 1, "succeeded", "done")
    vacuum(database)


def test_the_command_says_what_it_removed(
    memscore,
    database: Database,
    database_url: str,
    versions: list[tuple[ScoreTable, PairsTable]],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    assert "8 versions would be removed: " in memscore("db", "prune", "--dry-run").out
    if database.engine.dialect.name == "postgresql":
        refused(memscore("db", "prune", "--vacuum"), "PostgreSQL reuses free space by itself")
        with pytest.raises(InvalidInput):
            vacuum(database)
    done = memscore("db", "prune", "--study", "made-up", "--keep", "4", "--json").json
    assert [(one["name"], one["versions"]) for one in done["studies"]] == [("made-up", 2)]
    assert done["file_smaller_by"] is None
    done = memscore("db", "prune")
    assert "6 versions removed: " in done.out
    if database.engine.dialect.name == "sqlite":
        assert "smaller" in memscore("db", "prune", "--vacuum").out
