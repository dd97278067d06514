"""Transactions that read and then write, at once: on PostgreSQL nothing but a lock makes one wait for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import select

from api.serving.in_process import in_process
from memscore.errors import Conflict, MemscoreError
from memscore.store import Database, datasets, evidence, jobs, merging, removal, studies, tables
from memscore.store.schema import metadata
from memscore.study.spec import Target, Wanted
from tests.api.conftest import BODY
from tests.conftest import QUICK, StoredStudy, make_trials

MANY = 8

Found = TypeVar("Found")


def at_once(action: Callable[[int], Found], many: int = MANY) -> list[Found]:
    """What an action gives when threads begin it at the same moment, each with its number."""
    start = threading.Barrier(many)

    def one(number: int) -> Found:
        start.wait()
        return action(number)

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(one, range(many)))


@pytest.fixture
def http(database: Database) -> httpx.Client:
    return in_process(database)


def posted(http: httpx.Client, **fields: object) -> httpx.Response:
    return http.post("/v1/jobs", json={**BODY, **fields})


def test_the_first_jobs_of_a_dataset_all_get_a_study(database: Database, stored_study: StoredStudy, http: httpx.Client):
    """The dataset's name goes to one of the studies; the others get longer ones."""
    recipes = [QUICK.model_copy(update={"epochs": 10 + number}).model_dump(mode="json") for number in range(MANY)]
    answers = at_once(lambda number: posted(http, recipe=recipes[number]))
    assert [answer.status_code for answer in answers] == [202] * MANY, [answer.text for answer in answers]
    assert len({answer.json()["study"] for answer in answers}) == MANY
    assert len({answer.json()["study_name"] for answer in answers}) == MANY


def test_of_equal_names_one_study_gets_it(database: Database, stored_study: StoredStudy, http: httpx.Client):
    recipes = [QUICK.model_copy(update={"epochs": 10 + number}).model_dump(mode="json") for number in range(MANY)]
    answers = at_once(lambda number: posted(http, recipe=recipes[number], study_name="wanted"))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * (MANY - 1)


def test_equal_requests_are_one_job(database: Database, stored_study: StoredStudy, http: httpx.Client):
    answers = at_once(lambda _: posted(http))
    assert len({answer.json()["id"] for answer in answers}) == 1, [answer.text for answer in answers]


def test_a_job_is_not_claimed_while_trials_are_imported(database: Database, stored_study: StoredStudy):
    """Its driver counts the trials when it starts, so they must be there, or the import must be refused."""
    study = stored_study.record.id
    with database.writing() as connection:
        jobs.submit(connection, study, Wanted(target=Target(trials=100)), 40)
    design = stored_study.record.design
    assert design is not None
    brought = make_trials(stored_study.dataset, design, 5)[40:]
    checked, claimed = threading.Event(), threading.Event()
    order: list[str] = []

    def importing() -> None:
        with database.writing() as connection:
            merging.merge(connection, study, brought)
            checked.set()
            claimed.wait(0.5)  # a claim that does not wait comes first
            order.append("imported")

    importer = threading.Thread(target=importing)
    importer.start()
    checked.wait()
    with database.writing() as connection:
        job = jobs.claim(connection, "somebody", 60)
        order.append("claimed")
        claimed.set()
    importer.join()
    assert job is not None
    assert order == ["imported", "claimed"]
    with database.writing() as connection, pytest.raises(Conflict, match="is working on this study"):
        merging.merge(connection, study, brought)


def test_a_name_that_is_free_is_not_given_twice(database: Database, stored_study: StoredStudy):
    """Another instance of the kind: studies that are made without a job, as an import makes them."""
    with database.reading() as connection:
        record = datasets.by_name(connection, "made-up")

    def ensure(number: int) -> str:
        with database.writing() as connection:
            return studies.ensure_imported(connection, record, f"{number:016x}", None).name

    assert len(set(at_once(ensure))) == MANY


def whole(database: Database) -> None:
    """Nothing refers to a study or a dataset that is not there."""
    with database.reading() as connection:
        there = set(connection.execute(select(metadata.tables["studies"].c.id)).scalars())
        for table in metadata.tables.values():
            if "study_id" in table.c:
                assert set(connection.execute(select(table.c.study_id)).scalars()) <= there, table.name
        for study in studies.listing(connection):
            assert datasets.by_name(connection, study.dataset).fingerprint == study.fingerprint


@pytest.mark.parametrize("posts", [1, 4, 7])
def test_a_study_is_removed_beside_posts_of_jobs(
    database: Database, stored_study: StoredStudy, http: httpx.Client, posts: int
):
    """Either the job is there first, and the study stays; or the study goes, and the job gets a new one."""

    def act(number: int) -> httpx.Response:
        if number < posts:
            return posted(http, target={"trials": 50 + 10 * number})
        return http.delete("/v1/studies/made-up", params={"confirm": "made-up", "evidence": True})

    answers = at_once(act)
    assert [answer.status_code for answer in answers[:posts]] == [202] * posts, [one.text for one in answers]
    removals = [answer.status_code for answer in answers[posts:]]
    assert set(removals) <= {200, 404, 409}, [one.text for one in answers]
    whole(database)
    with database.reading() as connection:
        (study,) = studies.listing(connection)
        assert evidence.count(connection, study.id) == (0 if 200 in removals else 40)
        assert {job.id for job in jobs.listing(connection)} == {one.json()["id"] for one in answers[:posts]}


def test_a_dataset_is_removed_beside_posts_of_jobs(
    database: Database, stored_study: StoredStudy, http: httpx.Client, home: Path
):
    removal.remove_study(database, home, "made-up", confirm="made-up", evidence=True)

    def act(number: int) -> httpx.Response:
        if number % 2:
            return posted(http)
        return http.delete("/v1/datasets/made-up", params={"confirm": "made-up"})

    answers = at_once(act)
    statuses = {answer.status_code for answer in answers[1::2]}
    assert statuses in ({202}, {404}), [one.text for one in answers]
    assert {answer.status_code for answer in answers[::2]} <= ({409} if statuses == {202} else {200, 404})
    whole(database)


def test_a_dataset_is_renamed_beside_posts_of_jobs(database: Database, stored_study: StoredStudy, http: httpx.Client):
    recipes = [QUICK.model_copy(update={"epochs": 10 + number}).model_dump(mode="json") for number in range(MANY)]

    def act(number: int) -> httpx.Response:
        if number % 2:
            return posted(http, recipe=recipes[number])
        return http.patch("/v1/datasets/made-up", json={"name": f"renamed-{number}"})

    answers = at_once(act)
    assert sorted(answer.status_code for answer in answers[::2]) == [200, 404, 404, 404]
    assert {answer.status_code for answer in answers[1::2]} <= {202, 404}, [one.text for one in answers]
    whole(database)


@pytest.mark.parametrize("first", ["removal", "import"])
def test_a_study_is_not_removed_while_trials_are_imported(
    database: Database, stored_study: StoredStudy, home: Path, first: str
):
    """Another instance of the kind: whoever adds without a job's lock waits for the study's row."""
    study, design = stored_study.record.id, stored_study.record.design
    assert design is not None
    brought = make_trials(stored_study.dataset, design, 5)[40:]
    begun, other = threading.Event(), threading.Event()
    problems: list[MemscoreError] = []

    def importing() -> None:
        try:
            with database.writing() as connection:
                merging.merge(connection, study, brought)
                if first == "import":
                    begun.set()
                    other.wait(0.5)
        except MemscoreError as error:
            problems.append(error)

    if first == "import":
        importer = threading.Thread(target=importing)
        importer.start()
        begun.wait()
        removed = removal.remove_study(database, home, study, confirm="made-up", evidence=True)
        assert removed.size.trials == 50, "the removal has waited for the import"
    else:
        with database.writing() as connection:
            removal.hold(connection, study)
            importer = threading.Thread(target=importing)
            importer.start()
            importer.join(0.5)
            assert importer.is_alive(), "the import waits for the removal"
            removal.delete_study(connection, study)
    importer.join()
    assert [str(one) for one in problems] == (
        []
        if first == "import"
        else ["What this belongs to was removed in the meantime; see what is left, and try again."]
    )
    whole(database)


def test_tables_of_a_removed_study_are_not_stored(database: Database, stored_study: StoredStudy, home: Path):
    """A driver or an import that was computing them meanwhile learns of it."""
    removal.remove_study(database, home, "made-up", confirm="made-up", evidence=True)
    with pytest.raises(Conflict, match="was removed in the meantime"), database.writing() as connection:
        tables.add(connection, stored_study.record.id, stored_study.scores)
    whole(database)
