"""Reviews over REST: several reviewers, who may, pages, and what hostile callers get."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api.app import create_app
from api.paging import cursor_of
from api.serving.in_process import InProcessTransport, in_process
from memscore.client import AsyncClient, Client
from memscore.errors import InvalidInput, NotFound
from memscore.settings import Settings
from memscore.store import Database, removal, reviews
from tests.api.conftest import KEYS_REQUIRED, make_key, problem
from tests.conftest import StoredStudy

HERE = "/v1/studies/made-up/reviews"


@pytest.fixture
def http(database: Database, stored_study: StoredStudy, settings: Settings) -> Generator[httpx.Client]:
    with in_process(database, settings.home) as client:
        yield client


def other_class(study: StoredStudy, index: int) -> int:
    return (int(study.dataset.y_train[index]) + 1) % study.dataset.classes


def test_a_verdict_is_kept_replaced_and_taken_back(http: httpx.Client, stored_study: StoredStudy):
    right = other_class(stored_study, 17)
    digest = stored_study.scores.digest
    said = http.put(f"{HERE}/17", json={"verdict": "error", "label": right, "reviewer": "ada", "digest": digest}).json()
    given = int(stored_study.dataset.y_train[17])
    assert {name: said[name] for name in ("index", "given", "verdict", "label", "reviewer", "digest")} == {
        "index": 17, "given": given, "verdict": "error", "label": right, "reviewer": "ada", "digest": digest,
    }  # fmt: skip
    found = http.get(HERE).json()
    assert found["reviews"] == [said]
    assert found["counts"] == {
        "reviewed": 1, "relabel": 1, "leave_out": 0, "fine": 0, "unsure": 0, "disputed": 0,
    }  # fmt: skip
    again = http.put(f"{HERE}/17", json={"verdict": "fine", "reviewer": "ada"}).json()
    assert (again["verdict"], again["label"], again["digest"]) == ("fine", None, None)
    assert again["at"] >= said["at"]
    assert http.get(HERE).json()["counts"]["fine"] == 1
    gone = http.put(f"{HERE}/17", json={"verdict": None, "reviewer": "ada"}).json()
    assert (gone["verdict"], gone["at"]) == (None, None)
    assert http.get(HERE).json()["reviews"] == []
    assert http.put(f"{HERE}/17", json={"verdict": None, "reviewer": "ada"}).status_code == 200, "twice is no error"


def test_reviewers_are_kept_apart_and_may_contradict_each_other(http: httpx.Client):
    for reviewer, verdict in (("ada", "error"), ("ben", "fine"), ("cyd", "unsure")):
        http.put(f"{HERE}/3", json={"verdict": verdict, "reviewer": reviewer}).raise_for_status()
    http.put(f"{HERE}/4", json={"verdict": "fine"}).raise_for_status()
    found = http.get(HERE).json()
    assert [(one["index"], one["reviewer"]) for one in found["reviews"]] == [
        (3, "ada"), (3, "ben"), (3, "cyd"), (4, "reviewer"),
    ]  # fmt: skip
    assert (found["counts"]["disputed"], found["counts"]["fine"], found["counts"]["reviewed"]) == (1, 1, 2)
    assert len(http.get(HERE, params={"reviewer": "ben"}).json()["reviews"]) == 1
    only = http.get(HERE, params={"verdict": "fine", "limit": 1}).json()
    assert [one["reviewer"] for one in only["reviews"]] == ["ben"]
    rest = http.get(HERE, params={"verdict": "fine", "limit": 1, "cursor": only["next"]}).json()
    assert ([one["index"] for one in rest["reviews"]], rest["next"]) == ([4], None)


def test_with_keys_the_reviewer_is_the_keys_name_and_reading_does_not_suffice(
    database: Database, stored_study: StoredStudy, settings: Settings
):
    app = create_app(database, (), KEYS_REQUIRED, settings.home)
    with httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore") as http:
        keys = {scope: {"Authorization": f"Bearer {make_key(database, scope)}"} for scope in ("read", "write")}
        problem(http.put(f"{HERE}/3", json={"verdict": "fine"}), 401, "key")
        problem(http.put(f"{HERE}/3", json={"verdict": "fine"}, headers=keys["read"]), 403, "scope write")
        said = http.put(f"{HERE}/3", json={"verdict": "fine"}, headers=keys["write"]).json()
        name = said["reviewer"]
        assert http.put(f"{HERE}/3", json={"verdict": "unsure", "reviewer": name}, headers=keys["write"]).is_success
        other = {"verdict": "error", "reviewer": "somebody-else"}
        problem(http.put(f"{HERE}/3", json=other, headers=keys["write"]), 422, f"it is '{name}'")
        assert len(http.get(HERE, headers=keys["read"]).json()["reviews"]) == 1


@pytest.mark.parametrize(
    ("index", "body", "status", "sentence"),
    [
        ("60", {"verdict": "fine"}, 404, "There is no training sample 60; they go from 0 to 59."),
        ("99999999999999999999", {"verdict": "fine"}, 404, "There is no training sample"),
        ("x", {"verdict": "fine"}, 422, "index"),
        ("3", {}, 422, "verdict"),
        ("3", {"verdict": "wrong"}, 422, "verdict"),
        ("3", {"verdict": "fine", "label": 1}, 422, "label is for the verdict error alone"),
        ("3", {"verdict": "error", "label": 99}, 422, "99 is no class"),
        ("3", {"verdict": "error", "label": -1}, 422, "label"),
        ("3", {"verdict": "error", "label": 2**40}, 422, "label"),
        ("3", {"verdict": "error", "reviewer": "a\u202eb"}, 422, "reviewer"),
        ("3", {"verdict": "error", "reviewer": "n" * 64}, 422, "reviewer"),
        ("3", {"verdict": "error", "digest": "0"}, 422, "digest"),
        ("3", {"verdict": "error", "more": 1}, 422, "there is no such field"),
    ],
)
def test_wrong_reviews_are_one_sentence_and_leave_nothing(
    http: httpx.Client, index: str, body: dict, status: int, sentence: str
):
    problem(http.put(f"{HERE}/{index}", json=body), status, sentence)
    assert http.get(HERE).json()["reviews"] == []


def test_the_label_that_a_sample_has_is_not_its_right_one(http: httpx.Client, stored_study: StoredStudy):
    given = int(stored_study.dataset.y_train[3])
    problem(http.put(f"{HERE}/3", json={"verdict": "error", "label": given}), 422, "would be fine")
    problem(http.put("/v1/studies/nothing/reviews/3", json={"verdict": "fine"}), 404, "nothing")
    problem(http.get("/v1/studies/nothing/reviews"), 404, "nothing")
    problem(http.get(HERE, params={"cursor": "x"}), 422, "cursor")
    assert http.get(HERE, params={"cursor": cursor_of(2**62, "ada")}).json()["reviews"] == []
    assert http.get(HERE, params={"reviewer": "\x00"}).status_code == 422


def test_two_reviewers_at_once_lose_nothing(database: Database, stored_study: StoredStudy):
    """Many verdicts at the same time, on the same samples too, by two reviewers and by one in two windows."""
    study, barrier = stored_study.record.id, threading.Barrier(4)

    def work(reviewer: str, verdict: str) -> None:
        barrier.wait()
        for index in range(20):
            with database.writing() as connection:
                reviews.put(connection, study, index, reviewer, verdict)  # pyright: ignore[reportArgumentType]

    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(work, *one) for one in (("ada", "fine"), ("ben", "error"), ("ada", "unsure"), ("cyd", "fine"))
        ]
        for job in jobs:
            job.result()
    with database.reading() as connection:
        found = reviews.listing(connection, study)
    assert [(one.index, one.reviewer) for one in found] == [
        (index, reviewer) for index in range(20) for reviewer in ("ada", "ben", "cyd")
    ]


def test_both_clients_review(database: Database, stored_study: StoredStudy, settings: Settings):
    right = other_class(stored_study, 5)
    with Client(http=in_process(database, settings.home)) as client:
        assert client.review("made-up", 5, "error", label=right, reviewer="ada").label == right
        for index in range(6, 12):
            client.review("made-up", index, "fine")
        found = client.reviews("made-up")
        assert (len(found.reviews), found.next, found.counts.fine) == (7, None, 6)
        assert [one.index for one in client.reviews("made-up", verdict="error").reviews] == [5]
        assert client.review("made-up", 5, None, reviewer="ada").verdict is None
        with pytest.raises(NotFound, match="no training sample 60"):
            client.review("made-up", 60, "fine")
        with pytest.raises(InvalidInput, match="is no class"):
            client.review("made-up", 5, "error", label=77)
    assert {"review", "reviews"} <= set(dir(AsyncClient))


def test_reviews_go_with_their_study(database: Database, stored_study: StoredStudy, settings: Settings):
    with database.writing() as connection:
        reviews.put(connection, stored_study.record.id, 3, "ada", "fine")
    removal.remove_study(database, settings.home, "made-up", confirm="made-up", evidence=True)
    with database.reading() as connection:
        assert reviews.listing(connection, stored_study.record.id) == []
