"""Removal: what goes, what stays, what refuses it, and what a crash between rows and files leaves."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from memscore.datasets.storage import folder_of, open_dataset, save, size_of
from memscore.errors import Conflict, InvalidInput, MemscoreError, NotFound, StoreError
from memscore.settings import Settings
from memscore.store import (
    Database,
    datasets,
    evidence,
    job_logs,
    jobs,
    leftovers,
    metrics,
    removal,
    reviews,
    studies,
    tables,
)
from memscore.store.checking import check
from memscore.store.publishing import publish
from memscore.store.schema import jobs as jobs_table
from memscore.store.schema import metadata
from memscore.study.spec import Design, Target, Wanted
from memscore.workflows.datasets import register
from tests.conftest import QUICK, StoredStudy, build, make_dataset, make_trials

KEPT = {"datasets", "forgotten_samples", "leases", "api_keys", "tallies", "leftovers", "idempotency_keys"}
"""Tables that say nothing of a study."""

DAY = 86_400.0

KILLED = """
import os, sys
from pathlib import Path
from memscore.store import leftovers, open_database, removal
url, home, kind, name, where = sys.argv[1:]

def die(*_):
    os._exit(137)

if where == "rows are removed":
    leftovers.sweep = die
elif where == "the folder is set aside":
    real = leftovers.set_aside
    leftovers.set_aside = lambda *those: (real(*those), die())
elif where == "the list is struck off":
    leftovers.clear_aside = die
elif where == "logs are deleted":
    leftovers._strike_off_logs = die
database = open_database(url)
if kind == "dataset":
    removal.remove_dataset(database, Path(home), name, confirm=name)
else:
    removal.remove_study(database, Path(home), name, confirm=name, evidence=True)
"""


def rows(database: Database, besides: Collection[str] = ()) -> dict[str, int]:
    """The number of rows of each table that has any."""
    with database.reading() as connection:
        found = {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
            if name not in besides
        }
    return {name: count for name, count in found.items() if count}


def finished_job(database: Database, home: Path, study: str, trials: int = 50, state: str = "failed") -> str:
    """A job with two attempts, events, a log and files of them, that has ended."""
    with database.writing() as connection:
        job, _ = jobs.submit(connection, study, Wanted(target=Target(trials=trials)), 40)
        for attempt in (1, 2):
            connection.execute(update(jobs_table).where(jobs_table.c.id == job.id).values(not_before=0.0))
            assert jobs.claim(connection, "host/1/0", 60) is not None
            job_logs.append(connection, job.id, attempt, "a line\n")
            if attempt == 1:
                jobs.mark_lost(connection, job.id, 1, "it was killed")
        jobs.finish(connection, job.id, 2, state, "that was it")
    (home / "logs").mkdir(exist_ok=True)
    for attempt in (1, 2):
        (home / "logs" / f"{job.id}-{attempt}.log").write_text("raw\n")
    return job.id


def ended(database: Database, job: str, days: float) -> None:
    """Date the end of a job back by this many days."""
    with database.writing() as connection:
        mine = update(jobs_table).where(jobs_table.c.id == job)
        connection.execute(mine.values(finished_at=jobs_table.c.finished_at - days * DAY))


def remove(database: Database, home: Path, study: str = "made-up") -> removal.RemovedStudy:
    return removal.remove_study(database, home, study, confirm=study, evidence=True)


@pytest.fixture
def whole_study(database: Database, stored_study: StoredStudy, home: Path) -> StoredStudy:
    """A study with a row in every table that can name one, and files of its job."""
    full = list(stored_study.trials[:5])
    with database.writing() as connection:
        connection.execute(
            metadata.tables["full_trials"].insert(), [_as_full(connection, trial.number) for trial in full]
        )
    publish(database, "made-up", lambda *_: None)
    finished_job(database, home, stored_study.record.id)
    with database.writing() as connection:
        reviews.put(connection, stored_study.record.id, 17, "ada", "fine")
    assert set(rows(database, KEPT)) == set(metadata.tables) - KEPT
    return stored_study


def _as_full(connection, number: int) -> dict[str, object]:
    """The row of a trial as that of a full trial."""
    trials, full = metadata.tables["trials"], metadata.tables["full_trials"]
    row = connection.execute(select(trials).where(trials.c.number == number)).one()._mapping
    return {column.name: row.get(column.name) for column in full.columns}


def test_a_study_goes_with_everything_that_it_has(database: Database, whole_study: StoredStudy, home: Path):
    would = removal.remove_study(database, home, "made-up", dry_run=True)
    size = would.size
    assert (size.trials, size.full_trials, size.tables, size.jobs) == (40, 5, 2, 1)
    assert size.published == len(whole_study.scores) + len(whole_study.pairs)
    assert size.reviews == 1
    assert size.table_bytes == len(whole_study.scores.encode()) + len(whole_study.pairs.encode())
    assert size.evidence_bytes == sum(len(one.train_bits) + len(one.test_bits) for one in _all(whole_study))
    assert size.log_bytes == 2 * len("a line\n")
    assert set(rows(database, KEPT)) == set(metadata.tables) - KEPT, "a dry run removes nothing"
    assert remove(database, home) == would
    assert rows(database, KEPT) == {}
    assert list((home / "logs").iterdir()) == []
    assert open_dataset(home, whole_study.record.fingerprint).fingerprint == whole_study.record.fingerprint
    with database.reading() as connection, pytest.raises(NotFound):
        studies.find(connection, "made-up")


def _all(study: StoredStudy):
    return [*study.trials, *study.trials[:5]]


def test_its_name_is_free_and_its_id_the_same(database: Database, whole_study: StoredStudy, home: Path):
    remove(database, home)
    with database.writing() as connection:
        dataset = datasets.by_name(connection, "made-up")
        assert studies.ensure(connection, dataset, QUICK, Design(seed=3), "made-up").id != whole_study.record.id
        again = studies.ensure(connection, dataset, QUICK, Design(), "another")
        assert again.id == whole_study.record.id
        evidence.add(connection, again.id, whole_study.trials)
        assert evidence.load(connection, again.id) == whole_study.trials


def test_other_studies_are_not_touched(database: Database, whole_study: StoredStudy, home: Path):
    other = Design(seed=7)
    trials = make_trials(whole_study.dataset, other, blocks=1)
    with database.writing() as connection:
        record = studies.ensure(connection, datasets.by_name(connection, "made-up"), QUICK, other, "other")
        evidence.add(connection, record.id, trials)
        made = build(whole_study.dataset, trials, other, record.id)
        tables.add(connection, record.id, *made)
    kept = finished_job(database, home, record.id)
    publish(database, "other", lambda *_: None)
    remove(database, home)
    assert sorted(file.name for file in (home / "logs").iterdir()) == [f"{kept}-1.log", f"{kept}-2.log"]
    with database.reading() as connection:
        assert evidence.load(connection, record.id) == trials
        assert tables.current(connection, record.id)[0].digest == made[0].digest
        assert len(jobs.events(connection, kept)) > 3
        assert [part.text for part in job_logs.read(connection, kept)] == ["a line\n"] * 2
    assert rows(database)["sample_scores"] == len(made[0])


def test_evidence_goes_only_when_it_is_named(database: Database, whole_study: StoredStudy, home: Path):
    before = rows(database)
    with pytest.raises(Conflict, match=r"has 40 trials, 5 full trials, .*add evidence=true"):
        removal.remove_study(database, home, "made-up", confirm="made-up")
    assert rows(database) == before
    with database.writing() as connection:
        empty = studies.ensure(connection, datasets.by_name(connection, "made-up"), QUICK, Design(seed=1), "mistyped")
    assert removal.remove_study(database, home, empty.id, confirm="mistyped").size.trials == 0
    assert rows(database) == before


@pytest.mark.parametrize("confirm", [None, "", "Made-up", "made-up ", "other"])
def test_nothing_goes_before_it_is_confirmed(
    database: Database, whole_study: StoredStudy, home: Path, confirm: str | None
):
    before = rows(database)
    with pytest.raises(InvalidInput, match=r"study 'made-up' would go for good \(40 trials, .*confirm=made-up"):
        removal.remove_study(database, home, "made-up", confirm=confirm, evidence=True)
    register(database, Settings(home=home), "spare", make_dataset(seed=5))
    with pytest.raises(InvalidInput, match=r"dataset 'spare' would go for good \(80 samples, .*confirm=spare"):
        removal.remove_dataset(database, home, "spare", confirm=confirm)
    assert rows(database) == {**before, "datasets": 2}


@pytest.mark.parametrize("state", ["queued", "running", "recovering", "cancelling"])
def test_a_study_stays_while_a_job_is_on_it(database: Database, stored_study: StoredStudy, home: Path, state: str):
    with database.writing() as connection:
        job, _ = jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=50)), 40)
        if state != "queued":
            assert jobs.claim(connection, "host/1/0", 60) is not None
        if state == "recovering":
            jobs.mark_lost(connection, job.id, 1, "it was killed")
        if state == "cancelling":
            jobs.cancel(connection, job.id)
    before = rows(database)
    for dry_run in (True, False):
        with pytest.raises(Conflict, match=f"Job {job.id} of study 'made-up' is {state}; .*jobs cancel {job.id}"):
            removal.remove_study(database, home, "made-up", confirm="made-up", evidence=True, dry_run=dry_run)
    assert rows(database) == before
    with database.writing() as connection:
        jobs.cancel(connection, job.id)
        jobs.finish(connection, job.id, 1, "cancelled", "cancelled")
    remove(database, home)


def test_a_dataset_stays_while_a_study_uses_it(database: Database, stored_study: StoredStudy, home: Path):
    with database.writing() as connection:
        for seed in range(1, 7):
            record = datasets.by_name(connection, "made-up")
            studies.ensure(connection, record, QUICK, Design(seed=seed), f"other-{seed}")
    first = "remove those studies first"
    with pytest.raises(Conflict, match=rf"studies made-up, other-1, .*other-4 and 2 more; {first}"):
        removal.remove_dataset(database, home, "made-up", confirm="made-up")
    for study in ("made-up", *(f"other-{seed}" for seed in range(1, 7))):
        remove(database, home, study)
    size = size_of(home, stored_study.record.fingerprint)
    assert size > stored_study.dataset.x_train.nbytes
    would = removal.remove_dataset(database, home, "made-up", dry_run=True)
    assert would == removal.RemovedDataset("made-up", 80, size)
    assert removal.remove_dataset(database, home, "made-up", confirm="made-up") == would
    assert rows(database, ["tallies"]) == {}
    assert list((home / "datasets").iterdir()) == []
    with pytest.raises(NotFound):
        removal.remove_dataset(database, home, "made-up", confirm="made-up")
    register(database, Settings(home=home), "made-up", make_dataset(seed=5))


def test_arrays_stay_as_long_as_they_have_a_name(database: Database, stored_study: StoredStudy, home: Path):
    with database.writing() as connection:
        datasets.register(connection, "twin", stored_study.dataset)
    assert removal.remove_dataset(database, home, "twin", confirm="twin").bytes == 0
    assert open_dataset(home, stored_study.record.fingerprint).fingerprint == stored_study.record.fingerprint


def test_what_is_lost_is_only_what_was_asked_for(database: Database, stored_study: StoredStudy, home: Path):
    """Files that no removal has listed stay: another database may use the same home."""
    save(make_dataset(seed=9), home)
    (home / "logs").mkdir(exist_ok=True)
    (home / "logs" / "0123456789abcdef-1.log").write_text("of another database\n")
    finished_job(database, home, stored_study.record.id)
    remove(database, home)
    removal.remove_dataset(database, home, "made-up", confirm="made-up")
    assert [folder.name for folder in (home / "datasets").iterdir()] == [make_dataset(seed=9).fingerprint]
    assert [file.name for file in (home / "logs").iterdir()] == ["0123456789abcdef-1.log"]


def test_old_jobs_are_pruned(database: Database, stored_study: StoredStudy, home: Path):
    study = stored_study.record.id
    old = [finished_job(database, home, study, 50, "cancelled"), finished_job(database, home, study, 60)]
    for job in old:
        ended(database, job, 31)
    recent = finished_job(database, home, study, 70)
    ended(database, recent, 29)
    with database.writing() as connection:
        waiting, _ = jobs.submit(connection, study, Wanted(target=Target(trials=80)), 40)
    would = removal.prune_jobs(database, home, 30 * DAY, dry_run=True)
    assert would == removal.PrunedJobs(2, 4 * len("a line\n"))
    assert removal.prune_jobs(database, home, 30 * DAY) == would
    assert removal.prune_jobs(database, home, 30 * DAY) == removal.PrunedJobs(0, 0)
    with database.reading() as connection:
        assert {job.id for job in jobs.listing(connection)} == {recent, waiting.id}
        assert evidence.count(connection, study) == 40
        assert len(job_logs.read(connection, recent)) == 2
    assert {file.name.split("-")[0] for file in (home / "logs").iterdir()} == {recent}
    assert rows(database)["job_events"] == 6  # five of the recent job, one of the waiting one


def test_counters_of_metrics_never_fall(database: Database, whole_study: StoredStudy, home: Path):
    def counters() -> tuple[float, ...]:
        with database.reading() as connection:
            now = metrics.activity(connection)
        counted = (now.attempts, now.attempts_lost, now.jobs_started, now.trials, now.full_trials, now.blocks)
        return *counted, round(now.waited, 6)

    before = counters()
    assert before[:6] == (2, 2, 1, 40, 5, 4)
    ended(database, finished_job(database, home, whole_study.record.id, 60), 1)
    with_another = counters()
    removal.prune_jobs(database, home, DAY / 2)
    assert counters() == with_another
    remove(database, home)
    assert counters() == with_another
    assert with_another[:3] == (4, 4, 2)


@pytest.mark.parametrize(
    ("kind", "where", "then"),
    [
        ("dataset", "rows are removed", "another removal"),
        ("dataset", "the folder is set aside", "check"),
        ("dataset", "the list is struck off", "another removal"),
        ("study", "rows are removed", "check"),
        ("study", "logs are deleted", "another removal"),
    ],
)
def test_a_kill_between_rows_and_files_leaves_no_row_without_its_files(
    database: Database, database_url: str, stored_study: StoredStudy, home: Path, kind: str, where: str, then: str
):
    if kind == "dataset":
        register(database, Settings(home=home), "spare", make_dataset(seed=5))
        name, folder, kept = "spare", home / "datasets", [stored_study.record.fingerprint]
    else:
        finished_job(database, home, stored_study.record.id)
        name, folder, kept = "made-up", home / "logs", []
    command = [sys.executable, "-c", KILLED, database_url, str(home), kind, name, where]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 137
    with database.reading() as connection:
        for record in datasets.listing(connection):
            assert open_dataset(home, record.fingerprint).fingerprint == record.fingerprint
    preview = removal.remove_dataset if kind == "dataset" else removal.remove_study
    with pytest.raises(NotFound):
        preview(database, home, name, dry_run=True)
    if then == "check":
        (found,) = check(database, home, repair=False, watch=lambda *_: None)
        assert (found.place, found.damage) == ("files", False)
        assert [one.repaired for one in check(database, home, repair=True, watch=lambda *_: None)] == ["deleted"]
    else:
        register(database, Settings(home=home), "another", make_dataset(seed=6))
        removal.remove_dataset(database, home, "another", confirm="another")
    assert [file.name for file in folder.iterdir()] == kept
    assert "leftovers" not in rows(database)
    assert list(check(database, home, repair=False, watch=lambda *_: None)) == []


def test_a_dataset_that_is_added_again_before_its_files_went_keeps_them(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
):
    dataset, settings = make_dataset(seed=5), Settings(home=home)
    register(database, settings, "first", dataset)
    with monkeypatch.context() as patched:
        patched.setattr(leftovers, "sweep", lambda *_: 0)
        removal.remove_dataset(database, home, "first", confirm="first")
    register(database, settings, "second", dataset)
    assert leftovers.sweep(database, home) == 0
    assert open_dataset(home, dataset.fingerprint).fingerprint == dataset.fingerprint
    assert "leftovers" not in rows(database)


def test_a_dataset_added_while_its_arrays_go_is_written_again(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
):
    """The removal ends between the two steps of adding: the arrays are found there, then the name is registered."""
    dataset, settings = make_dataset(seed=5), Settings(home=home)
    register(database, settings, "first", dataset)
    times: list[str] = []

    def save_and_remove(*arguments) -> str:
        times.append("saved")
        fingerprint = save(*arguments)
        if len(times) == 1:
            removal.remove_dataset(database, home, "first", confirm="first")
            assert not folder_of(home, fingerprint).exists()
        return fingerprint

    monkeypatch.setattr("memscore.store.registering.save", save_and_remove)
    register(database, settings, "second", dataset)
    assert len(times) == 2
    assert open_dataset(home, dataset.fingerprint).fingerprint == dataset.fingerprint


def test_files_that_cannot_be_deleted_are_told_and_kept_on_the_list(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
):
    register(database, Settings(home=home), "spare", make_dataset(seed=5))

    def refuse(*_) -> bool:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(leftovers, "set_aside", refuse)
        with pytest.raises(StoreError, match=r"rows are removed, but .*Permission denied.*db check --repair"):
            removal.remove_dataset(database, home, "spare", confirm="spare")
    assert rows(database) == {"leftovers": 1}
    assert leftovers.sweep(database, home) == 1
    assert rows(database) == {}
    assert list((home / "datasets").iterdir()) == []


def test_a_dataset_is_renamed_with_its_studies(database: Database, stored_study: StoredStudy, home: Path):
    before = rows(database)
    with database.writing() as connection:
        assert datasets.rename(connection, "made-up", "made-up").name == "made-up"
        renamed = datasets.rename(connection, "made-up", "better.name-2")
        assert renamed.fingerprint == stored_study.record.fingerprint
        assert studies.find(connection, "made-up").dataset == "better.name-2"
        assert studies.find(connection, "made-up").id == stored_study.record.id
        with pytest.raises(NotFound):
            datasets.by_name(connection, "made-up")
    assert rows(database) == before
    assert list(check(database, home, repair=False, watch=lambda *_: None)) == []


def test_names_are_refused_alike(database: Database, whole_study: StoredStudy):
    record = whole_study.record
    with database.writing() as connection:
        dataset = datasets.by_name(connection, "made-up")
        datasets.register(connection, "taken", make_dataset(seed=5))
        studies.ensure(connection, dataset, QUICK, Design(seed=1), "taken")
    refusals: list[tuple[str, str, type[MemscoreError], str]] = [
        ("dataset", "taken", Conflict, "belongs to another dataset"),
        ("dataset", "digits", InvalidInput, "a published dataset"),
        ("study", "taken", Conflict, "belongs to another study"),
        ("study", "0123456789abcdef", InvalidInput, "looks like a study's id"),
        *((kind, bad, InvalidInput, "not a valid name") for kind in ("dataset", "study") for bad in BAD),
    ]
    for kind, new, error, sentence in refusals:
        rename = datasets.rename if kind == "dataset" else studies.rename
        with pytest.raises(error, match=sentence), database.writing() as connection:
            rename(connection, "made-up", new)
    with database.writing() as connection:
        assert studies.find(connection, "made-up") == record
        assert studies.rename(connection, record.id, "made-up").name == "made-up"
        assert studies.rename(connection, "made-up", "renamed").id == record.id
        assert studies.ensure(connection, dataset, QUICK, Design(), None).name == "renamed"


BAD = ["", " ", "a b", "../up", ".hidden", "a\n", "é", "x" * 64, "a/b", "\x00"]
