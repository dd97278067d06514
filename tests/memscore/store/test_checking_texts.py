"""Stored texts that cannot be shown: each is named with its row, repairs make it harmless, and others stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Column, String, Table, select, text, update

from memscore.store import Database, api_keys, job_logs, jobs, studies
from memscore.store.checking import check
from memscore.store.checking_texts import FIXED, FREE, MOST_NAMED
from memscore.store.findings import DatabaseFinding
from memscore.store.schema import api_keys as api_keys_table
from memscore.store.schema import datasets, job_events, metadata, pair_scores, sample_scores, trials
from memscore.store.schema import job_logs as job_logs_table
from memscore.store.schema import jobs as jobs_table
from memscore.store.schema import studies as studies_table
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy

MADE_HERE = {
    "id", "study_id", "job_id", "kind", "state", "phase", "digest", "subset_digest", "pairs_digest", "fingerprint",
    "image_shape", "flipped", "lease_owner", "owner", "secret_hash", "scopes", "pepper", "meta",
    "idempotency_keys.name", "idempotency_keys.request", "leases.name", "leftovers.name", "tallies.name",
    "studies.dataset", "split", "verdict",
}  # fmt: skip


@pytest.fixture
def filled(database: Database, stored_study: StoredStudy) -> Database:
    """A database with a row of each kind that holds texts."""
    with database.writing() as connection:
        job, _ = jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=60)), 40)
        job_logs.append(connection, job.id, 1, "a line\n")
        jobs.cancel(connection, job.id)
        api_keys.add(connection, "k1", "secret", _pepper(), "somebody", "read", None)
    return database


def _pepper() -> Any:
    from memscore.keys import Pepper

    return Pepper(b"a pepper of the tests")


def texts_of(database: Database, home: Path, *, repair: bool = False) -> list[DatabaseFinding]:
    found = check(database, home, repair=repair, watch=lambda *_: None)
    return [one for one in found if "cannot be shown" in one.problem]


def test_every_column_with_texts_is_looked_at_or_known_to_be_made_here():
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, String | JSON) and table not in (sample_scores, pair_scores):
                looked_at = column in FREE or column in FIXED
                made_here = column.name in MADE_HERE or f"{table.name}.{column.name}" in MADE_HERE
                assert looked_at != made_here, f"{column}: checking_texts looks at it, or MADE_HERE says who wrote it"


@pytest.mark.parametrize(
    ("column", "bad", "good"),
    [
        (datasets.c.source, "npz:\x1b[2J.npz", "npz:\\x1b[2J.npz"),
        (datasets.c.class_names, ["\ud800cat", "\u202edog", "c"], ["\\ud800cat", "\\u202edog", "c"]),
        (jobs_table.c.error, "no\x07", "no\\x07"),
        (job_events.c.message, "a\x9b31m", "a\\x9b31m"),
        (job_logs_table.c.text, "a\rb\n", "a\\rb\n"),
        (api_keys_table.c.name, "n" * 64, "n" * 63),
        (trials.c.device, "\x7fcpu", "\\x7fcpu"),
        (trials.c.network, "\u2066mlp", "\\u2066mlp"),
    ],
    ids=str,
)
def test_a_text_is_named_with_its_row_and_made_harmless(
    filled: Database, home: Path, column: Column[Any], bad: Any, good: Any
):
    table: Table = column.table  # pyright: ignore[reportAssignmentType]
    if len(str(bad)) == 64 and filled.engine.dialect.name == "postgresql":
        pytest.skip("PostgreSQL keeps to the lengths of columns")
    key = list(table.primary_key.columns)
    with filled.writing() as connection:
        row = connection.execute(select(*key).order_by(*key)).first()
        assert row is not None
        mine = [one == value for one, value in zip(key, row, strict=True)]
        connection.execute(update(table).where(*mine).values({column.name: bad}))
        others = connection.execute(select(table).order_by(*key)).all()[1:]
    (found,) = texts_of(filled, home)
    assert found.place == f"table {table.name}"
    shown = " ".join(f"{one.name}={value}" for one, value in zip(key, row, strict=True))
    assert f"has 1 text in the column {column.name} that cannot be shown as stored, in row {shown}; " in found.problem
    assert found.problem.isprintable()
    assert found.harmless
    (found,) = texts_of(filled, home, repair=True)
    assert found.repaired == "1 text written with escapes, or cut"
    assert texts_of(filled, home) == []
    with filled.reading() as connection:
        assert connection.execute(select(column).where(*mine)).scalar_one() == good
        assert connection.execute(select(table).order_by(*key)).all()[1:] == others


def test_what_identifies_something_stays(filled: Database, home: Path):
    name = "made\x1bup"
    with filled.writing() as connection:
        connection.execute(update(studies_table).values(name=name))
    (found,) = texts_of(filled, home, repair=True)
    assert (found.place, found.repaired) == ("table studies", None)
    assert found.remedy == "give it another name: memscore studies rename ID NEW"
    with filled.writing() as connection:
        (study,) = studies.listing(connection)
        assert study.name == name
        studies.rename(connection, study.id, "finer")
    assert texts_of(filled, home) == []


def test_many_rows_are_counted_and_the_first_named(filled: Database, home: Path):
    with filled.writing() as connection:
        connection.execute(update(trials).values(device="\x00" if filled.engine.dialect.name == "sqlite" else "\x01"))
    (found,) = texts_of(filled, home)
    assert "has 40 texts in the column device" in found.problem
    assert found.problem.count("number=") == MOST_NAMED
    assert f"; and {40 - MOST_NAMED} more; the first has a character at place 0" in found.problem
    assert texts_of(filled, home, repair=True)[0].repaired == "40 texts written with escapes, or cut"
    assert texts_of(filled, home) == []


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("column", ["job_events.message", "job_logs.text", "datasets.source", "api_keys.name"])
def test_bytes_that_are_no_utf_8_are_damage_and_can_be_read_again(filled: Database, home: Path, column: str):
    table, name = column.split(".")
    with filled.writing() as connection:
        connection.execute(text(f"UPDATE {table} SET {name} = CAST(x'61ff62' AS TEXT)"))
    found = texts_of(filled, home)[0]
    assert (found.place, found.damage) == (f"table {table}", True)
    assert "has bytes that are no UTF-8" in found.problem
    repaired = texts_of(filled, home, repair=True)[0]
    assert "written with escapes" in str(repaired.repaired)
    assert texts_of(filled, home) == []
    with filled.reading() as connection:
        found = set(connection.execute(select(metadata.tables[table].c[name])).scalars())
    assert found == {r"a\xffb"}
