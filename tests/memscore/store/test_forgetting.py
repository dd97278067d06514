"""Forgetting samples: what goes, what stays valid, what is refused from then on, and what a crash leaves."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from sqlalchemy import delete, select

from api.serving.in_process import in_process
from memscore import private_folders
from memscore.datasets import forgetting as files
from memscore.datasets import storage
from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import Dataset, build_dataset
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.storage import folder_of, open_dataset, save
from memscore.errors import Conflict, Damaged, InvalidInput, NotFound
from memscore.settings import Settings
from memscore.store import (
    Database,
    datasets,
    evidence,
    forgetting,
    forgotten,
    jobs,
    leftovers,
    removal,
    studies,
    tables,
)
from memscore.store.backup import back_up
from memscore.store.checking import check
from memscore.store.findings import DatabaseFinding
from memscore.store.schema import forgotten_samples, metadata
from memscore.study.spec import Design, Target, Wanted
from memscore.workflows.datasets import ensure_registered, register
from tests.api.conftest import BODY, problem
from tests.conftest import QUICK, StoredStudy, build, make_dataset, make_trials

GONE = Forgotten((3, 17), (5,))
SECRET = "Ada Lovelace"

KILLED = """
import os, sys
from pathlib import Path
from typing import Literal
from memscore.datasets import forgetting as files
from memscore.datasets.forgotten import Forgotten
from memscore.store import forgetting, leftovers, open_database
url, home, name, where = sys.argv[1:]

def die(*_):
    os._exit(137)

def then_die(module, name):
    real = getattr(module, name)
    setattr(module, name, lambda *those: (real(*those), die()))

if where == "rows are there":
    leftovers.overwrite = die
elif where == "the description is written":
    then_die(files, "_mark")
elif where == "an array is overwritten":
    then_die(files, "_overwrite_array")
elif where == "half an array is overwritten":
    def half(file, gone):
        files.np.load(file, mmap_mode="r+")[gone[0]] = 0
        die()
    files._overwrite_array = half
elif where == "columns are half written":
    files.storage.write_column_file = lambda columns, file: (file.write_bytes(b"PAR1"), die())
elif where == "columns are written":
    then_die(files, "_overwrite_columns")
elif where == "files are overwritten":
    then_die(leftovers, "overwrite")
forgetting.forget(open_database(url), Path(home), name, Forgotten((3, 17), (5,)), confirm=name)
"""
STEPS = (
    "rows are there",
    "the description is written",
    "half an array is overwritten",
    "an array is overwritten",
    "columns are half written",
    "columns are written",
    "files are overwritten",
)


def make_table(seed: int = 3) -> Dataset:
    """Features with a text, an id, a group and a number for each sample; those of GONE are of one person."""
    random = np.random.default_rng(seed)

    def columns(samples: int, gone: tuple[int, ...]) -> dict[str, np.ndarray]:
        mine = {index: place for place, index in enumerate(gone)}
        person = [SECRET if index in mine else f"person {index}" for index in range(samples)]
        return {
            "id": np.array([f"{one} no. {index}" for index, one in enumerate(person)]),
            "text": np.array([f"{one} writes {index}" for index, one in enumerate(person)]),
            "group": np.array(person),
            "age": np.array([4242.5 if index in mine else float(index) for index in range(samples)]),
        }

    labels = np.arange(60) % 3
    return build_dataset(
        random.normal(labels[:, None], 1, (60, 20)),
        labels,
        random.normal(np.arange(20)[:, None] % 3, 1, (20, 20)),
        np.arange(20) % 3,
        source="a table",
        columns=SampleColumns(columns(60, GONE.train), columns(20, GONE.test)),
        notes=(f"{SECRET} no. 17 is a copy.", "Another note."),
    )


def store(database: Database, settings: Settings, name: str, dataset: Dataset) -> StoredStudy:
    """Register a dataset, with a study of 40 trials and its tables."""
    record = register(database, settings, name, dataset)
    trials = make_trials(dataset, Design(), blocks=4)
    with database.writing() as connection:
        study = studies.ensure(connection, record, QUICK, Design(), name)
        evidence.add(connection, study.id, trials)
        scores, pairs = build(dataset, trials, Design(), study.id)
        tables.add(connection, study.id, scores, pairs)
    return StoredStudy(study, dataset, trials, scores, pairs)


@pytest.fixture(params=["images", "features"])
def study(request: pytest.FixtureRequest, database: Database, settings: Settings) -> StoredStudy:
    """A study of images without columns, or of features with some; both are named "people"."""
    return store(database, settings, "people", make_dataset() if request.param == "images" else make_table())


@pytest.fixture
def table(database: Database, settings: Settings) -> StoredStudy:
    return store(database, settings, "people", make_table())


def forget(database: Database, home: Path, samples: Forgotten = GONE) -> forgetting.ForgottenSamples:
    return forgetting.forget(database, home, "people", samples, confirm="people", key_name="the data office")


def findings(database: Database, home: Path, *, repair: bool = False) -> list[DatabaseFinding]:
    return list(check(database, home, repair=repair, watch=lambda *_: None))


def noted(database: Database, study: StoredStudy) -> Forgotten:
    with database.reading() as connection:
        return forgotten.of(connection, study.record.fingerprint)


def require_gone(home: Path, study: StoredStudy) -> None:
    """Nothing of the samples is in any file of the home, and all others are as they were."""
    before, stored = study.dataset, open_dataset(home, study.record.fingerprint)
    assert stored.forgotten == GONE
    assert stored.fingerprint == before.fingerprint == study.record.fingerprint
    traces = [before.x_train[index].tobytes() for index in GONE.train] + [before.x_test[5].tobytes(), SECRET.encode()]
    traces += [np.float64(4242.5).tobytes()]
    for file in home.rglob("*"):
        if file.is_file() and "memscore.db" not in file.name:
            content = file.read_bytes()
            assert not any(trace in content for trace in traces), file
    parts: tuple[tuple[Literal["train", "test"], str], ...] = (("train", "x_train"), ("test", "x_test"))
    for split, x in parts:
        kept = np.setdiff1d(np.arange(len(getattr(before, x))), GONE.part(split))
        assert np.array_equal(getattr(stored, x)[kept], getattr(before, x)[kept])
        assert not getattr(stored, x)[list(GONE.part(split))].any()
        for name, column in before.columns.part(split).items():
            now = stored.columns.part(split)[name]
            assert np.array_equal(now[kept], column[kept])
            assert all(one == "" or one != one for one in now[list(GONE.part(split))].tolist())
    assert np.array_equal(stored.y_train, before.y_train)
    assert np.array_equal(stored.y_test, before.y_test)


def test_nothing_is_left_but_labels_and_scores(database: Database, study: StoredStudy, home: Path):
    would = forgetting.forget(database, home, "people", GONE, dry_run=True)
    assert open_dataset(home, study.record.fingerprint).forgotten == Forgotten()
    assert forget(database, home) == would
    assert (would.train, would.test, would.before, would.names, would.copies) == ((3, 17), (5,), 0, (), ())
    require_gone(home, study)
    notes = open_dataset(home, study.record.fingerprint).notes
    assert notes == tuple(one for one in study.dataset.notes if SECRET not in one)
    with database.reading() as connection:
        rows = connection.execute(select(forgotten_samples)).all()
        assert {(row.split, row.sample_index) for row in rows} == {("train", 3), ("train", 17), ("test", 5)}
        assert {row.key_name for row in rows} == {"the data office"}
        assert all(row.created_at > 1.7e9 for row in rows)
        assert leftovers.listed(connection) == []
        assert datasets.by_name(connection, "people").forgotten == 3
        scores, pairs = tables.current(connection, study.record.id)
        assert (scores.digest, pairs.digest) == (study.scores.digest, study.pairs.digest)
        assert evidence.load(connection, study.record.id) == study.trials
    assert findings(database, home) == [], "blank samples are no damage, and the tables still follow from the trials"
    assert findings(database, home, repair=True) == []
    with database.reading() as connection:
        assert tables.current_digests(connection, study.record.id) == (study.scores.digest, study.pairs.digest)


def test_again_and_more_is_no_error(database: Database, study: StoredStudy, home: Path):
    forget(database, home, Forgotten((3,), ()))
    assert forget(database, home).before == 1
    assert forget(database, home).before == 3
    require_gone(home, study)
    assert findings(database, home) == []


@pytest.mark.parametrize(
    ("where", "then"),
    [
        *((where, "again") for where in STEPS),
        *((STEPS[step], then) for step in (0, 2, 4) for then in ("check", "removal")),
    ],
)
@pytest.mark.databases("sqlite")
def test_after_a_kill_nothing_is_served_and_it_is_finished(
    database: Database, database_url: str, table: StoredStudy, home: Path, settings: Settings, where: str, then: str
):
    command = [sys.executable, "-c", KILLED, database_url, str(home), "people", where]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 137, done.stderr
    assert noted(database, table) == GONE
    _require_not_served(database, home)
    with pytest.raises(Conflict, match="is not added again, since 3 samples of it were removed on request"):
        register(database, settings, "another", make_table())
    if then == "again":
        forget(database, home)
    elif then == "check":
        found = findings(database, home)
        assert any("removed dataset, job or sample" in one.problem for one in found)
        assert all(one.repaired for one in findings(database, home, repair=True))
    else:
        register(database, settings, "spare", make_dataset(seed=6))
        removal.remove_dataset(database, home, "spare", confirm="spare")
    require_gone(home, table)
    assert findings(database, home) == []


def _require_not_served(database: Database, home: Path) -> None:
    with in_process(database, home) as http:
        for split, index in (("train", 3), ("train", 17), ("test", 5)):
            answer = http.get(f"/v1/datasets/people/{split}/samples", params={"indices": str(index)})
            (sample,) = answer.json()["samples"]
            assert (sample["forgotten"], sample["text"], sample["columns"]) == (True, None, {})
            problem(http.get(f"/v1/datasets/people/{split}/{index}/neighbours"), 410, "was removed on request")
            assert SECRET not in http.get(f"/v1/datasets/people/{split}/names").text


@pytest.mark.databases("postgresql")
def test_a_kill_between_rows_and_files_on_postgresql(
    database: Database, database_url: str, table: StoredStudy, home: Path
):
    command = [sys.executable, "-c", KILLED, database_url, str(home), "people", "rows are there"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 137
    _require_not_served(database, home)
    forget(database, home)
    require_gone(home, table)


@pytest.mark.parametrize("confirm", [None, "", "People", "made-up"])
def test_nothing_goes_before_it_is_confirmed(database: Database, study: StoredStudy, home: Path, confirm: str | None):
    with pytest.raises(InvalidInput, match=r"2 training samples and 1 test sample of dataset 'people' .*confirm=peop"):
        forgetting.forget(database, home, "people", GONE, confirm=confirm)
    assert noted(database, study) == Forgotten()
    assert findings(database, home) == []


def test_what_is_not_there_cannot_be_forgotten(database: Database, study: StoredStudy, home: Path, tmp_path: Path):
    for samples, said in [
        (Forgotten((60,), ()), "no train sample 60; its indices go from 0 to 59"),
        (Forgotten((), (20,)), "no test sample 20"),
    ]:
        with pytest.raises(NotFound, match=said):
            forget(database, home, samples)
    with pytest.raises(InvalidInput, match="Name the samples to forget"):
        forget(database, home, Forgotten())
    with pytest.raises(NotFound, match="There is no dataset 'nobody'"):
        forgetting.forget(database, home, "nobody", GONE, confirm="nobody")
    with pytest.raises(NotFound, match="are not in"):
        forget(database, tmp_path / "another home")
    assert noted(database, study) == Forgotten()


@pytest.mark.parametrize("state", ["queued", "running", "recovering", "cancelling"])
def test_samples_stay_while_a_job_trains_on_them(database: Database, study: StoredStudy, home: Path, state: str):
    with database.writing() as connection:
        job, _ = jobs.submit(connection, study.record.id, Wanted(target=Target(trials=50)), 40)
        if state != "queued":
            assert jobs.claim(connection, "host/1/0", 60) is not None
        if state == "recovering":
            jobs.mark_lost(connection, job.id, 1, "it was killed")
        if state == "cancelling":
            jobs.cancel(connection, job.id)
        datasets.register(connection, "twin", study.dataset)
    for name in ("people", "twin"):
        for dry_run in (True, False):
            with pytest.raises(Conflict, match=f"Job {job.id} of study 'people', .* is {state}; .*cancel {job.id}"):
                forgetting.forget(database, home, name, GONE, confirm=name, dry_run=dry_run)
    assert noted(database, study) == Forgotten()
    with database.writing() as connection:
        jobs.cancel(connection, job.id)
        jobs.finish(connection, job.id, 1, "cancelled", "cancelled")
    assert forget(database, home).names == ("twin",)
    require_gone(home, study)


def test_nothing_is_trained_any_more(database: Database, study: StoredStudy, home: Path, settings: Settings):
    with database.writing() as connection:
        job, _ = jobs.submit(connection, study.record.id, Wanted(target=Target(trials=50)), 40)
        jobs.cancel(connection, job.id)
        datasets.register(connection, "twin", study.dataset)
    forget(database, home)
    said = "since 3 of its samples were removed on request"
    with in_process(database, home) as http:
        for name in ("people", "twin"):
            posted = {**BODY, "dataset": name}
            problem(http.post("/v1/jobs", json=posted), 409, said)
            problem(http.post("/v1/jobs", json=posted, params={"dry_run": True}), 409, said)
        problem(http.post(f"/v1/jobs/{job.id}/resume"), 409, said)
        assert {one["state"] for one in http.get("/v1/jobs").json()["jobs"]} == {"cancelled"}
    with pytest.raises(Conflict, match=said):
        ensure_registered(database, settings, "people")


def test_added_again_the_samples_do_not_come_back(
    database: Database, study: StoredStudy, home: Path, settings: Settings
):
    forget(database, home)
    for name in ("people", "another"):
        with pytest.raises(Conflict, match=f"Dataset '{name}' is not added again, since 3 samples of it were removed"):
            register(database, settings, name, study.dataset)
    save(study.dataset, home)
    require_gone(home, study)
    removal.remove_study(database, home, "people", confirm="people", evidence=True)
    removal.remove_dataset(database, home, "people", confirm="people")
    with pytest.raises(Conflict, match="Dataset 'people' is not added again"):
        register(database, settings, "people", study.dataset)
    assert list((home / "datasets").iterdir()) == []
    assert noted(database, study) == GONE


@pytest.mark.parametrize("damage", ["array", "description", "all"])
def test_other_damage_is_found_and_repaired_without_them(
    database: Database, study: StoredStudy, home: Path, settings: Settings, damage: str
):
    forget(database, home)
    folder = folder_of(home, study.record.fingerprint)
    if damage == "array":
        array = np.load(folder / "x_train.npy", mmap_mode="r+")
        array[20].flat[0] += 1
        array.flush()
    elif damage == "description":
        (folder / "dataset.json").write_text("{")
    else:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    assert [one.place for one in findings(database, home)] == ["dataset people"]
    with pytest.raises(Conflict):
        register(database, settings, "another", study.dataset)
    assert register(database, settings, "people", study.dataset).forgotten == 3
    require_gone(home, study)
    assert findings(database, home) == []
    with pytest.raises(Conflict):
        register(database, settings, "people", study.dataset)


def test_damage_from_before_is_not_made_sound(database: Database, study: StoredStudy, home: Path):
    array = np.load(folder_of(home, study.record.fingerprint) / "x_train.npy", mmap_mode="r+")
    array[20].flat[0] += 1
    array.flush()
    forget(database, home)
    assert ["do not match their fingerprint" in one.problem for one in findings(database, home)] == [True]


def test_a_restored_database_learns_from_the_files(database: Database, study: StoredStudy, home: Path):
    forget(database, home)
    with database.writing() as connection:
        connection.execute(delete(forgotten_samples))
    with in_process(database, home) as http:
        (sample,) = http.get("/v1/datasets/people/train/samples", params={"indices": "17"}).json()["samples"]
        assert sample["forgotten"]
    (found,) = findings(database, home)
    assert (found.place, found.damage) == ("dataset people", True)
    assert "its files lack 2 training samples and 1 test sample, removed on request; " in found.problem
    assert [one.repaired for one in findings(database, home, repair=True)] == ["noted again"]
    assert noted(database, study) == GONE
    assert findings(database, home) == []


def test_restored_arrays_are_overwritten_again(database: Database, study: StoredStudy, home: Path, tmp_path: Path):
    save(study.dataset, tmp_path / "copy")
    forget(database, home)
    folder = folder_of(home, study.record.fingerprint)
    for file in folder_of(tmp_path / "copy", study.record.fingerprint).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with in_process(database, home) as http:
        (sample,) = http.get("/v1/datasets/people/train/samples", params={"indices": "17"}).json()["samples"]
        assert sample["forgotten"]
    (found,) = findings(database, home)
    assert "still hold samples that were removed on request" in found.problem
    assert [one.repaired for one in findings(database, home, repair=True)] == ["overwritten"]
    require_gone(home, study)


@pytest.mark.databases("sqlite")
def test_a_backup_holds_nothing_of_them(database: Database, table: StoredStudy, home: Path, settings: Settings):
    forget(database, home)
    back_up(database, settings, home / "backup.zip")
    require_gone(home, table)


def test_what_was_left_of_their_writing_goes(
    database: Database, study: StoredStudy, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Scratch folders of killed processes, downloads of a published dataset, and files of attempts."""
    monkeypatch.setattr(private_folders, "PLACE", tmp_path)
    monkeypatch.setattr(files, "DOWNLOADED", {"made up": ("Made",), "a table": ("Made", "made.tar.gz")})
    with database.writing() as connection:
        job, _ = jobs.submit(connection, study.record.id, Wanted(target=Target(trials=50)), 40)
        jobs.cancel(connection, job.id)
    secret = study.dataset.x_train[17].tobytes()
    attempt = private_folders.private_folder(f"{job.id}-1")
    other = private_folders.private_folder("0123456789abcdef-1")
    fingerprint = study.record.fingerprint
    mine, live = (home / "datasets" / f".writing-{name}-abc" for name in (fingerprint, "0" * 64))
    for folder in (attempt, mine, live, home / "downloads" / "Made", home / "downloads" / "Other"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "x_train.npy").write_bytes(secret if folder not in (live, home / "downloads" / "Other") else b"")
    forget(database, home)
    assert [folder.is_dir() for folder in (attempt, mine, home / "downloads" / "Made")] == [False] * 3
    assert [folder.is_dir() for folder in (other, live, home / "downloads" / "Other")] == [True] * 3


def test_equal_samples_are_told(database: Database, home: Path, settings: Settings):
    dataset = make_dataset()
    dataset.x_train[40] = dataset.x_train[17]
    register(database, settings, "people", dataset)
    register(database, settings, "fewer", make_dataset().select(slice(10, 60), slice(None)))
    assert forget(database, home).copies == ("train 7 of fewer", "test 5 of fewer", "train 40 of people")
    assert forget(database, home).copies == ()


def test_whoever_posts_a_job_at_once_finds_the_rows_or_is_found(database: Database, study: StoredStudy, home: Path):
    start = threading.Barrier(6)
    http = in_process(database, home)
    http.get("/v1/jobs").raise_for_status()

    def post(number: int) -> int:
        start.wait()
        return http.post("/v1/jobs", json={**BODY, "dataset": "people", "target": {"trials": 50 + number}}).status_code

    def do_forget() -> bool:
        start.wait()
        try:
            forget(database, home)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        posts = [threads.submit(post, 10 * number) for number in range(5)]
        forgot = threads.submit(do_forget).result()
        answers = {one.result() for one in posts}
    with database.reading() as connection:
        unfinished = jobs.unfinished(connection)
    assert answers <= {202, 409}
    assert bool(unfinished) != forgot, answers
    assert noted(database, study) == (GONE if forgot else Forgotten())


def test_a_job_waits_for_the_rows_of_a_forgetting_that_began_first(
    database: Database, study: StoredStudy, home: Path, monkeypatch: pytest.MonkeyPatch
):
    """And is refused once they are there."""
    inside, posted = threading.Event(), threading.Event()
    real = forgotten.add

    def slowly(*arguments) -> None:
        inside.set()
        posted.wait(0.5)
        real(*arguments)

    monkeypatch.setattr(forgotten, "add", slowly)
    with ThreadPoolExecutor(2) as threads, in_process(database, home) as http:
        forgetting_ = threads.submit(forget, database, home)
        assert inside.wait(30)
        answer = threads.submit(http.post, "/v1/jobs", json={**BODY, "dataset": "people"})
        forgetting_.result()
        problem(answer.result(), 409, "Nothing more is trained on dataset 'people'")
    with database.reading() as connection:
        assert jobs.unfinished(connection) == []


def test_two_forgettings_at_once_both_hold(database: Database, study: StoredStudy, home: Path):
    with ThreadPoolExecutor(2) as threads:
        some = [Forgotten((3,), (5,)), Forgotten((17,), ())]
        list(threads.map(lambda one: forget(database, home, one), some))
    require_gone(home, study)
    assert findings(database, home) == []


def test_who_adds_the_same_data_at_once_waits(
    database: Database, study: StoredStudy, home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    """Otherwise half-overwritten arrays would look damaged, and be replaced by whole ones."""
    inside = threading.Event()
    real = files._overwrite_array

    def slowly(file: Path, gone: tuple[int, ...]) -> None:
        inside.set()
        threading.Event().wait(0.3)
        real(file, gone)

    monkeypatch.setattr(files, "_overwrite_array", slowly)
    with ThreadPoolExecutor(2) as threads:
        done = threads.submit(forget, database, home)
        assert inside.wait(30)
        with pytest.raises(Conflict, match="is not added again"):
            register(database, settings, "another", study.dataset)
        done.result()
    require_gone(home, study)


def test_unreadable_arrays_are_told(database: Database, study: StoredStudy, home: Path):
    (folder_of(home, study.record.fingerprint) / "x_test.npy").write_bytes(b"")
    with pytest.raises(Damaged, match="add the dataset again, which repairs it"):
        forget(database, home)
    assert noted(database, study) == Forgotten()


def test_the_tables_of_the_database_say_nothing_of_the_content(database: Database, table: StoredStudy, home: Path):
    forget(database, home)
    with database.reading() as connection:
        for one in metadata.tables.values():
            assert SECRET not in str(connection.execute(select(one)).all()), one


def test_a_kept_mapping_of_the_arrays_loses_them_too(database: Database, study: StoredStudy, home: Path):
    before = open_dataset(home, study.record.fingerprint)
    assert before.x_train[17].any()
    forget(database, home)
    assert not before.x_train[17].any()
    assert storage.is_blank(open_dataset(home, study.record.fingerprint))
