"""Transactions that read and then write, at once: on PostgreSQL nothing but a lock makes one wait for the other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httpx
import pytest

from api.serving.in_process import in_process
from memscore.errors import Conflict
from memscore.store import Database, datasets, jobs, merging, studies
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
