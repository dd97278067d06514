"""The check of all that is stored: each kind of damage is named, repairs touch nothing sound, and after them it is."""

from __future__ import annotations

import re
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Column, Connection, Table, delete, select, text, update

from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, checking_studies, evidence, jobs, tables
from memscore.store import studies as study_queries
from memscore.store.checking import size
from memscore.store.database import now
from memscore.store.datasets import by_name
from memscore.store.rebuilding import all_pairs
from memscore.store.schema import (
    datasets,
    full_trials,
    pair_scores,
    pair_tables,
    sample_scores,
    score_tables,
    studies,
    trials,
)
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Design, Target, Wanted
from tests.conftest import StoredStudy, make_trials
from tests.whole_study import Whole


@pytest.fixture
def whole(database: Database, stored_study: StoredStudy, home: Path) -> Whole:
    """What tests/whole_study.py stores."""
    return Whole(database, home, stored_study.record.id)


def test_a_sound_study_has_no_findings(whole: Whole):
    assert whole.check() == []
    assert whole.check(repair=True) == []


def change(table: Table, number: int | None = None, **values: Any) -> Callable[[Connection, Whole], None]:
    """Other values in a row, or in all; of a trial as if they had always been there: with a digest that fits."""

    def damage(connection: Connection, whole: Whole) -> None:
        some = update(table) if number is None else update(table).where(table.c.number == number)
        connection.execute(some.values(**values))
        if number is not None and "digest" not in values and table in (trials, full_trials):
            row = connection.execute(select(table).where(table.c.number == number)).one()
            trial = evidence.trial_of(row)
            connection.execute(update(table).where(table.c.number == number).values(digest=trial.digest))

    return damage


def flip(table: Table, column: str, at: int, number: int | None = None) -> Callable[[Connection, Whole], None]:
    """One bit of a blob."""

    def damage(connection: Connection, whole: Whole) -> None:
        mine = table.c.study_id == whole.study
        mine = mine if number is None else mine & (table.c.number == number)
        blob = bytearray(connection.execute(select(table.c[column]).where(mine)).scalar_one())
        blob[at] ^= 16
        connection.execute(update(table).where(mine).values({column: bytes(blob)}))

    return damage


def lose(column: Column[int], value: int) -> Callable[[Connection, Whole], None]:
    """The rows with this value."""

    def damage(connection: Connection, whole: Whole) -> None:
        connection.execute(delete(column.table).where(column == value))

    return damage


def replace_tables(change: Callable[[ScoreTable, PairsTable], Any]) -> Callable[[Connection, Whole], None]:
    """Tables that are sound by themselves, in place of the current ones."""

    def damage(connection: Connection, whole: Whole) -> None:
        scores, pairs = change(*whole.build(connection))
        connection.execute(score_tables.delete())
        connection.execute(pair_tables.delete())
        tables.add(connection, whole.study, scores, pairs)

    return damage


def other_scores(scores: ScoreTable, pairs: PairsTable) -> tuple[ScoreTable, PairsTable]:
    mem = scores["mem"].copy()
    mem[3] += 0.01
    return ScoreTable.of({**scores.columns, "mem": mem}, scores.meta), pairs


def fewer_pairs(scores: ScoreTable, pairs: PairsTable) -> tuple[ScoreTable, PairsTable]:
    return scores, PairsTable.of({name: column[1:] for name, column in pairs.columns.items()}, pairs.meta)


def hold(connection: Connection, whole: Whole) -> str:
    jobs.submit(connection, whole.study, Wanted(target=Target(trials=100)), 40)
    job = jobs.claim(connection, "host/1/0", 60)
    assert job is not None
    return job.id


def without_lease(connection: Connection, whole: Whole) -> None:
    job = hold(connection, whole)
    connection.execute(update(jobs_table).where(jobs_table.c.id == job).values(lease_owner=None, lease_expires_at=None))


def stray_rows(connection: Connection, whole: Whole) -> None:
    row = connection.execute(select(pair_scores).limit(1)).one()._asdict()
    connection.execute(pair_scores.insert().values({**row, "study_id": "f" * 16}))


ALTERED = "published rows of study"


def unpacked_badly(connection: Connection, whole: Whole) -> None:
    connection.execute(update(trials).where(trials.c.number == 21).values(train_margin=b"not compressed"))


def recompressed(name: str, margins: bytes, number: int) -> Callable[[Connection, Whole], None]:
    """Other margins in a trial, with a digest that fits."""

    def damage(connection: Connection, whole: Whole) -> None:
        mine = trials.c.number == number
        connection.execute(update(trials).where(mine).values({name: zlib.compress(margins)}))
        trial = evidence.trial_of(connection.execute(select(trials).where(mine)).one())
        connection.execute(update(trials).where(mine).values(digest=trial.digest))

    return damage


REPAIRABLE: dict[str, tuple[Callable[[Connection, Whole], None], str, str]] = {
    "bits": (flip(trials, "train_bits", 2, 7), "trial 7", "does not match its digest"),
    "test bits": (flip(trials, "test_bits", 0, 39), "trial 39", "does not match its digest"),
    "probabilities": (flip(trials, "train_probability", 59, 3), "trial 3", "does not match its digest"),
    "digest": (change(trials, 8, digest="0" * 64), "trial 8", "does not match its digest"),
    "subset": (change(trials, 9, subset_digest="0" * 64), "trial 9", "does not follow from its design"),
    "length": (change(trials, 30, train_bits=bytes(9)), "trial 30", "not have the bits of 60 training and 20 test"),
    "length of probabilities": (
        change(trials, 2, test_probability=b"x"),
        "trial 2",
        "not have the probabilities of 60",
    ),
    "compression": (unpacked_badly, "trial 21", "has margins that cannot be decompressed"),
    "mistakes": (flip(trials, "test_mistakes", 0, 25), "trial 25", "does not match its digest"),
    "length of margins": (recompressed("test_margin", bytes(19), 22), "trial 22", "not have a margin for each of its"),
    "signs of margins": (
        recompressed("train_margin", b"\x05" * 60, 23),
        "trial 23",
        "margins that contradict its bits",
    ),
    "full trial's margins": (
        flip(full_trials, "train_margin", 1, 3),
        "full trial 3",
        "has margins that cannot be decompressed",
    ),
    "accuracy": (change(trials, 31, out_accuracy=0.123), "trial 31", "accuracies that do not follow from its bits"),
    "time": (change(trials, 32, seconds=-1), "trial 32", "states an impossible time"),
    "sketches": (flip(full_trials, "train_sketch", 40, 1), "full trial 1", "does not match its digest"),
    "length of sketches": (
        change(full_trials, 2, test_sketch=bytes(639)),
        "full trial 2",
        "not have sketches of 60 training and 20 test",
    ),
    "full trial": (flip(full_trials, "test_bits", 1, 4), "full trial 4", "does not match its digest"),
    "score table": (flip(score_tables, "payload", 600), "score table", "cannot be read, or does not match its digest"),
    "pairs table": (flip(pair_tables, "payload", 600), "pairs table", "cannot be read, or does not match its digest"),
    "name of a table": (change(score_tables, digest="1" * 64), "score table 111111111111", "holds the table"),
    "trials of a table": (change(pair_tables, trials=41), "pairs table", "has metadata that differ from its row's"),
    "meta of a table": (
        change(score_tables, meta={"trials": 40}),
        "score table",
        "has metadata that differ from its row's",
    ),
    "other scores": (replace_tables(other_scores), "tables", "do not follow from the evidence: mem of the score table"),
    "other pairs": (replace_tables(fewer_pairs), "tables", "do not follow from the evidence: train_index of the pairs"),
    "lost trial": (
        lose(trials.c.number, 5),
        "tables",
        "rest on 40 trials and 5 full ones, but the study has 39 trials and 5 full ones",
    ),
    "lost full trial": (
        lose(full_trials.c.number, 0),
        "tables",
        "rest on 40 trials and 5 full ones, but the study has 40 trials and 4 full ones",
    ),
    "published value": (change(sample_scores, mem=0.5), ALTERED, "differ from the table, in sample_scores"),
    "published null": (change(pair_scores, q_value=None), ALTERED, "differ from the table, in pair_scores"),
    "lost published row": (
        lose(sample_scores.c.sample_index, 59),
        ALTERED,
        "differ from the table, in sample_scores",
    ),
    "stray rows": (stray_rows, "table pair_scores", "has 1 row of no published study"),
    "job without lease": (without_lease, "job", "is running, but no process holds its lease"),
}


@pytest.mark.parametrize("kind", REPAIRABLE)
def test_damage_is_named_and_repaired(whole: Whole, kind: str):
    damage, place, problem = REPAIRABLE[kind]
    sound = whole.contents()
    with whole.database.writing() as connection:
        damage(connection, whole)
    damaged = whole.contents()
    first, *others = whole.check()
    assert place in first.place
    assert problem in first.problem
    assert first.damage
    assert all("published rows" in other.place or "tables" in other.place for other in others), others
    assert whole.contents() == damaged, "a check without repair has changed something"

    repaired = whole.check(repair=True)
    assert (repaired[0].place, repaired[0].problem) == (first.place, first.problem)
    assert all(finding.repaired for finding in repaired), repaired
    assert whole.check() == []
    after = whole.contents()
    for name in ("trials", "full_trials", "studies", "datasets"):
        assert set(after[name]) == set(damaged[name]) & set(sound[name]), f"sound rows of {name} are gone or changed"
        assert len(after[name]) >= len(sound[name]) - 1
    current = whole.digests()
    if len(after["trials"]) == 40 and len(after["full_trials"]) == 5:
        with whole.database.reading() as connection:
            assert current == tuple(table.digest for table in whole.build(connection))


@pytest.mark.parametrize(
    ("damage", "place", "problem"),
    [
        (change(datasets, train_samples=61), "dataset made-up", "its sizes, classes or flipped labels differ"),
        (
            change(studies, design={"seed": 4}),
            "study made-up",
            "id that does not follow from its dataset, recipe and design",
        ),
        (change(studies, recipe={"network": "mlp"}), "study", "its row cannot be read"),
        (change(jobs_table, request={"target": {}}), "job", "its request cannot be read"),
    ],
)
def test_what_cannot_be_repaired_is_named_and_left(whole: Whole, damage: Any, place: str, problem: str):
    with whole.database.writing() as connection:
        damage(connection, whole)
    before = whole.contents()
    findings = whole.check(repair=True)
    assert any(place in one.place and problem in one.problem and one.damage for one in findings), findings
    assert {name: whole.contents()[name] for name in ("trials", "studies", "jobs")} == {
        name: before[name] for name in ("trials", "studies", "jobs")
    }


def abandon(connection: Connection, seconds: float) -> None:
    """As in a copy of a database that was taken while a job ran."""
    held, past = jobs_table.c.state.in_(jobs.HELD), now() - seconds
    connection.execute(update(jobs_table).where(held).values(lease_expires_at=past, reported_at=past))


def test_a_job_that_waits_for_a_dispatcher_is_no_damage_and_does_not_keep_its_study_from_being_repaired(whole: Whole):
    with whole.database.writing() as connection:
        hold(connection, whole)
        abandon(connection, 60)
    (note,) = whole.check()
    assert re.search(r"its lease expired 6\d s ago", note.problem), "60 s before, and those that the check took"
    assert "memscore dispatch" in note.remedy
    assert not note.damage
    with whole.database.writing() as connection:
        flip(trials, "train_bits", 0, 7)(connection, whole)
    findings = whole.check(repair=True)
    assert [finding.damage for finding in findings if "trial 7" in finding.place] == [True], "its driver may yet live"
    with whole.database.writing() as connection:
        abandon(connection, 600)
    assert not any(finding.damage for finding in whole.check(repair=True))
    assert [finding.problem[:10] for finding in whole.check()] == ["is running"]


def test_datasets_are_compared_with_their_fingerprint(whole: Whole):
    (folder,) = (whole.home / "datasets").iterdir()
    images = np.load(folder / "x_test.npy")
    images[0, 0, 0] ^= 1
    np.save(folder / "x_test.npy", images)
    (finding,) = whole.check(repair=True)
    assert "do not match their fingerprint" in finding.problem
    (folder / "x_test.npy").write_bytes(b"x")
    (finding,) = whole.check(repair=True)
    assert "its arrays cannot be read" in finding.problem
    shutil.rmtree(folder)
    (finding,) = whole.check(repair=True)
    assert finding.problem == f"its arrays are missing: the folder {folder} does not exist"
    again = "memscore datasets add made-up --from made up"
    assert finding.remedy == f"add the dataset again, with its options: {again}"
    assert finding.damage


def test_without_the_dataset_nothing_of_the_study_is_deleted(whole: Whole):
    """The damaged parts could not be retrained or rebuilt here."""
    shutil.rmtree(whole.home / "datasets")
    with whole.database.writing() as connection:
        flip(trials, "train_bits", 0, 7)(connection, whole)
    before = whole.contents()
    _, trial = whole.check(repair=True)
    assert trial.damage
    assert trial.remedy == "not repaired, because its dataset is missing"
    assert whole.contents() == before


def test_most_trials_are_not_deleted_for_being_as_they_were_stored(whole: Whole, monkeypatch: pytest.MonkeyPatch):
    """As if a later version drew other subsets: evidence is worth more than its opinion."""
    with whole.database.writing() as connection:
        flip(trials, "train_bits", 0, 7)(connection, whole)
    drawn = checking_studies.block_membership
    monkeypatch.setattr(checking_studies, "block_membership", lambda *named: drawn(*named)[::-1])
    findings = whole.check(repair=True)
    assert sum("follow from its design" in finding.problem and finding.damage for finding in findings) == 39
    assert "this version of memscore is more likely" in findings[0].remedy
    monkeypatch.undo()
    assert size(whole.database)["trials"] == 39  # the one that does not match its digest is gone


def earlier_findings(scores: ScoreTable, pairs: PairsTable) -> tuple[ScoreTable, PairsTable]:
    meta = {name: value for name, value in pairs.meta.items() if name != "findings_version"}
    columns = {**pairs.columns, "p_strong": 1 - pairs["p_strong"], "q_weighted": pairs["q_weighted"] / 2}
    return scores, PairsTable.of(columns, meta)


def test_findings_by_earlier_formulas_are_no_damage_and_are_brought_up_to_date(whole: Whole):
    with whole.database.writing() as connection:
        replace_tables(earlier_findings)(connection, whole)
    first, *others = whole.check()
    assert first.harmless
    assert "by the formulas of an earlier version" in first.problem
    assert all("published rows" in other.place for other in others)  # they come from the tables that were replaced
    repaired = whole.check(repair=True)
    assert repaired[0].problem == first.problem
    assert repaired[0].repaired is not None
    assert whole.check() == []
    with whole.database.writing() as connection:
        replace_tables(lambda *built: earlier_findings(*fewer_pairs(*built)))(connection, whole)
    first, *_ = whole.check()
    assert first.damage
    assert "do not follow from the evidence" in first.problem


def test_a_study_that_a_job_works_on_is_not_repaired(whole: Whole):
    with whole.database.writing() as connection:
        hold(connection, whole)
        flip(trials, "train_bits", 0, 7)(connection, whole)
        flip(score_tables, "payload", 600)(connection, whole)
    before = whole.contents()
    findings = whole.check(repair=True)
    assert [finding.damage for finding in findings[:2]] == [True, True]
    assert "a job is working on the study" in findings[0].remedy
    assert whole.contents() == before


def test_tables_that_are_behind_are_no_damage(whole: Whole, stored_study: StoredStudy):
    """As when the driver was killed after it had stored trials."""
    more = make_trials(stored_study.dataset, Design(), blocks=5)[40:]
    with whole.database.writing() as connection:
        evidence.add(connection, whole.study, more)
    (finding,) = whole.check()
    assert not finding.damage
    assert finding.problem == "rest on 40 trials and 5 full ones, but the study has 50 trials and 5 full ones"
    with whole.database.writing() as connection:
        job = hold(connection, whole)
    assert whole.check() == []  # its driver will build them
    with whole.database.writing() as connection:
        jobs.finish(connection, job, 1, "failed", "killed")
    assert [one.repaired for one in whole.check(repair=True)] == ["rebuilt from the evidence"]
    with whole.database.writing() as connection:
        connection.execute(score_tables.delete())
    assert whole.check()[0].problem == "are missing, but the study has 50 trials and 5 full ones"
    assert whole.check(repair=True)[0].repaired
    assert whole.check() == []


def test_pairs_of_all_classes_are_compared_and_built_anew(whole: Whole):
    with whole.database.writing() as connection:
        record = study_queries.find(connection, whole.study)
        pairs = all_pairs(connection, record, *whole.build(connection))
        tables.add(connection, whole.study, pairs)
    assert whole.check() == []
    _, before = whole.digests()
    assert before == pairs.digest
    with whole.database.writing() as connection:
        latest = pair_tables.c.digest == pairs.digest
        connection.execute(update(pair_tables).where(latest).values(payload=b"damaged"))
    assert "pairs table" in whole.check()[0].place
    whole.check(repair=True)
    assert whole.digests()[1] == before
    assert whole.check() == []


def test_imported_scores_are_checked_and_say_what_to_do(whole: Whole):
    with whole.database.writing() as connection:
        scores, pairs = whole.build(connection)
        meta = {**scores.meta, "study": "1" * 16, "trials": 0}
        study_queries.ensure_imported(connection, by_name(connection, "made-up"), "1" * 16, "imported")
        tables.add(connection, "1" * 16, ScoreTable.of(scores.columns, meta), PairsTable.of(pairs.columns, meta))
    assert whole.check() == []
    with whole.database.writing() as connection:
        mine = score_tables.c.study_id == "1" * 16
        connection.execute(update(score_tables).where(mine).values(payload=b"x"))
    (finding,) = whole.check()
    assert finding.remedy == "import the scores again"
    (finding,) = whole.check(repair=True)
    assert finding.repaired == "deleted: import the scores again"
    assert whole.check() == []


def test_the_command_names_damage_and_ends_with_1(
    memscore, whole: Whole, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEMSCORE_DATABASE_URL", database_url)
    done = memscore("db", "check")
    assert done.status == 0
    assert done.out.endswith("Nothing is damaged.\n")
    assert f"Checked {whole.database.shown}: " in done.out
    assert "40 trials, 5 full trials" in done.out
    with whole.database.writing() as connection:
        flip(trials, "train_bits", 0, 7)(connection, whole)
    done = memscore("db", "check")
    assert done.status == 1
    assert f"damaged: study made-up ({whole.study}), trial 7: does not match its digest" in done.out
    assert "Damaged: 1; to repair what can be made again: memscore db check --repair" in done.out
    done = memscore("db", "check", "--json")
    assert (done.status, done.json["damaged"], done.json["checked"]["trials"]) == (1, 1, 40)
    assert done.json["findings"][0]["damage"] is True
    done = memscore("db", "check", "--repair")
    assert done.status == 0
    assert "repaired: " in done.out
    assert done.out.endswith("Everything is repaired.\n")
    assert memscore("db", "check").status == 0
    assert size(whole.database)["trials"] == 39


# SQLite alone has no types of columns, and lets one write into its file.
on_sqlite = pytest.mark.databases("sqlite")


@on_sqlite
def test_values_of_another_type_are_unreadable_rows(whole: Whole):
    statements = [
        "UPDATE trials SET train_bits = 'text' WHERE number = 7",
        "UPDATE trials SET test_bits = substr(test_bits, 1, 2) || CAST(x'ff' AS TEXT) WHERE number = 8",
        "UPDATE trials SET in_accuracy = 'high' WHERE number = 9",
        "UPDATE trials SET device = CAST(x'ff' AS TEXT) WHERE number = 10",
        "UPDATE score_tables SET meta = '{'",
    ]
    with whole.database.writing() as connection:
        for statement in statements:
            connection.execute(text(statement))
    first, *places = [finding.place for finding in whole.check()]
    assert first == "table trials"  # names the device of trial 10
    assert [place.rsplit(", ")[-1] for place in places[:4]] == ["trial 7", "trial 8", "trial 9", "trial 10"]
    assert "score table" in places[4]
    assert all(finding.repaired for finding in whole.check(repair=True))
    assert whole.check() == []
    assert size(whole.database)["trials"] == 37  # what trial 10 found can be read once its device can


@on_sqlite
def test_rows_that_refer_to_nothing_are_named(whole: Whole):
    connection = sqlite3.connect(whole.home / "memscore.db")
    connection.execute("INSERT INTO job_events (job_id, at, state, message) VALUES ('nobody', 0, 'queued', '')")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE jobs SET state = 'sleeping'")
    connection.commit()
    connection.close()
    problems = [finding.problem for finding in whole.check()]
    assert any("refers to a missing row of jobs" in problem for problem in problems)
    assert "is in the unknown state 'sleeping'" in problems


@on_sqlite
def test_a_file_with_damaged_pages_is_named(memscore, whole: Whole):
    whole.database.close()
    file = whole.home / "memscore.db"
    connection = sqlite3.connect(file)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trials'").fetchone()
    (bytes_a_page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * bytes_a_page : page * bytes_a_page] = bytes(bytes_a_page)
    file.write_bytes(content)
    done = memscore("db", "check", "--repair")
    assert done.status == 1
    assert "malformed" in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [("db", "check"), ("db", "prune"), ("scores", "publish", "digits")])
def test_where_there_is_no_database_none_is_made(
    memscore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Any
):
    monkeypatch.setenv("MEMSCORE_HOME", str(tmp_path / "misspelt"))
    done = memscore(*command)
    assert done.status == 1
    assert "There is no database" in done.err
    assert "MEMSCORE_HOME" in done.err
    assert not (tmp_path / "misspelt").exists()
