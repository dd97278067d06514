"""Scores as plain rows: what is written, when it is replaced, and the commands and queries on them."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Table, select, text

from memscore.errors import Damaged, NoScoresYet, NotFound
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, publishing, studies, tables
from memscore.store.datasets import by_name
from memscore.store.publishing import publish, unpublish
from memscore.store.schema import pair_scores, published_scores, sample_scores, score_tables
from memscore.study.spec import Design
from tests.conftest import QUICK, StoredStudy, build, make_trials


def ignore(done: int, total: int) -> None:
    pass


def stored(database: Database, table: Table, study: str) -> dict[str, np.ndarray]:
    """The published columns; NaN where there is NULL."""
    order = list(table.primary_key.columns)
    with database.reading() as connection:
        rows = connection.execute(select(table).where(table.c.study_id == study).order_by(*order)).all()
    return {
        column.name: np.array([np.nan if row[place] is None else row[place] for row in rows])
        for place, column in enumerate(table.columns)
        if place
    }


def require_published(database: Database, scores: ScoreTable, pairs: PairsTable) -> None:
    samples = stored(database, sample_scores, scores.meta["study"])
    assert samples.pop("sample_index").tolist() == list(range(len(scores)))
    for name, column in samples.items():
        np.testing.assert_array_equal(column.astype(scores[name].dtype), scores[name], name)
    found = stored(database, pair_scores, scores.meta["study"])
    order = np.lexsort((pairs["test_index"], pairs["train_index"]))
    for name, column in found.items():
        np.testing.assert_array_equal(column.astype(pairs[name].dtype), pairs[name][order], name)


def rows_of(database: Database, table: Table) -> int:
    with database.reading() as connection:
        return len(connection.execute(select(table)).all())


@pytest.fixture
def uncertain(database: Database, stored_study: StoredStudy) -> tuple[ScoreTable, PairsTable]:
    """Newer tables of the study, in which some values are undefined."""
    design = Design()
    trials = make_trials(stored_study.dataset, design, blocks=5)
    scores, pairs = build(stored_study.dataset, trials, design, stored_study.record.id)
    undefined = np.arange(60) % 7 == 0
    columns = dict(scores.columns)
    for name in ("mem", "se", "mem_low", "mem_high", "p_out"):
        columns[name] = np.where(undefined, np.nan, columns[name])
    return ScoreTable.of(columns, scores.meta), pairs


def test_the_current_tables_become_rows(database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(publishing, "CHUNK", 17)
    progress: list[tuple[int, int]] = []
    done = publish(database, "made-up", lambda done, total: progress.append((done, total)))
    total = len(stored_study.scores) + len(stored_study.pairs)
    assert (done.trials, done.samples, done.pairs, done.changed) == (40, 60, total - 60, True)
    assert progress[0] == (17, total)
    assert progress[-1] == (total, total)
    require_published(database, stored_study.scores, stored_study.pairs)


def test_undefined_values_are_null(
    database: Database, stored_study: StoredStudy, uncertain: tuple[ScoreTable, PairsTable]
):
    with database.writing() as connection:
        tables.add(connection, stored_study.record.id, *uncertain)
    publish(database, "made-up", ignore)
    require_published(database, *uncertain)
    with database.reading() as connection:
        null = connection.execute(select(sample_scores.c.sample_index).where(sample_scores.c.mem.is_(None))).scalars()
        assert sorted(null) == list(range(0, 60, 7))


def test_the_same_tables_are_not_written_again_and_new_ones_replace_them(
    database: Database, stored_study: StoredStudy, uncertain: tuple[ScoreTable, PairsTable]
):
    study = stored_study.record.id
    assert publish(database, study, ignore).changed
    with database.writing() as connection:
        connection.execute(sample_scores.delete().where(sample_scores.c.sample_index == 0))
    assert not publish(database, study, ignore).changed
    assert rows_of(database, sample_scores) == 59  # nothing was touched
    with database.writing() as connection:
        tables.add(connection, study, *uncertain)
    assert publish(database, study, ignore).changed
    require_published(database, *uncertain)


def test_other_pairs_with_the_same_scores_are_a_change(database: Database, stored_study: StoredStudy):
    study = stored_study.record.id
    publish(database, study, ignore)
    fewer = {name: column[:5] for name, column in stored_study.pairs.columns.items()}
    pairs = PairsTable.of(fewer, {**stored_study.pairs.meta, "scope": "all"})
    with database.writing() as connection:
        tables.add(connection, study, pairs)
    assert publish(database, study, ignore).changed
    require_published(database, stored_study.scores, pairs)


def test_another_study_is_left_alone(database: Database, stored_study: StoredStudy):
    with database.writing() as connection:
        other = studies.ensure(connection, by_name(connection, "made-up"), QUICK, Design(seed=7), None)
        trials = make_trials(stored_study.dataset, Design(seed=7), blocks=2)
        tables.add(connection, other.id, *build(stored_study.dataset, trials, Design(seed=7), other.id))
    publish(database, other.id, ignore)
    publish(database, "made-up", ignore)
    assert rows_of(database, sample_scores) == 120
    assert unpublish(database, other.id)
    assert not unpublish(database, other.id)
    require_published(database, stored_study.scores, stored_study.pairs)
    assert rows_of(database, published_scores) == 1


def test_what_fails_leaves_the_rows_there_were(
    database: Database,
    stored_study: StoredStudy,
    uncertain: tuple[ScoreTable, PairsTable],
    monkeypatch: pytest.MonkeyPatch,
):
    publish(database, "made-up", ignore)
    with database.writing() as connection:
        tables.add(connection, stored_study.record.id, *uncertain)

    def fail(done: int, total: int) -> None:
        if done > 30:
            raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "CHUNK", 17)
    with pytest.raises(KeyboardInterrupt):
        publish(database, "made-up", fail)
    require_published(database, stored_study.scores, stored_study.pairs)


def test_who_publishes_at_the_same_time_waits(database: Database, stored_study: StoredStudy):
    outcomes: list[bool] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(publish(database, "made-up", ignore).changed)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True]
    require_published(database, stored_study.scores, stored_study.pairs)


def test_nothing_to_publish_is_said(database: Database, stored_study: StoredStudy):
    with pytest.raises(NotFound):
        publish(database, "nothing", ignore)
    with database.writing() as connection:
        connection.execute(score_tables.update().values(payload=b"x"))
    with pytest.raises(Damaged, match=r"score table of study .* is damaged; run: memscore db check --repair"):
        publish(database, "made-up", ignore)
    with database.writing() as connection:
        connection.execute(score_tables.delete())
    with pytest.raises(NoScoresYet):
        publish(database, "made-up", ignore)


@pytest.fixture
def embedded(database_url: str, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch) -> StoredStudy:
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    return stored_study


def test_the_command_says_what_it_did(memscore, embedded: StoredStudy):
    written = memscore("scores", "publish", "made-up")
    pairs = len(embedded.pairs)
    assert (
        written.out == f"Study made-up: 60 rows of sample_scores and {pairs} of pair_scores written, from 40 trials\n"
    )
    assert "unchanged since it was published" in memscore("scores", "publish", embedded.record.id).out
    message = memscore("scores", "publish", "made-up", "--json").json
    assert (message["digest"], message["changed"]) == (embedded.scores.digest, False)
    assert memscore("scores", "publish", "made-up", "--unpublish").out == "The rows of made-up were removed.\n"
    assert memscore("scores", "publish", "made-up", "--unpublish", "--json").json["changed"] is False
    unknown = memscore("scores", "publish", "nothing")
    assert unknown.status == 1
    assert "error: There is no study 'nothing'" in unknown.err


def test_the_queries_of_the_documentation_run(database: Database, stored_study: StoredStudy):
    publish(database, "made-up", ignore)
    page = (Path(__file__).parents[3] / "docs" / "database.md").read_text()
    queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    assert len(queries) >= 3
    answers: list[Any] = []
    for query in queries:
        with database.reading() as connection:
            answers.append(connection.execute(text(query.replace("'digits'", "'made-up'"))).all())
    assert all(answers), "a query of the documentation finds nothing"
    assert [row.is_current for row in answers[-1]] == [True]
    mem, label = stored_study.scores["mem"], stored_study.scores["label"]
    best = {int(one): float(np.nanmax(mem[label == one])) for one in np.unique(label)}
    assert {row.label: row.mem for row in answers[0] if row.place == 1} == pytest.approx(best)
