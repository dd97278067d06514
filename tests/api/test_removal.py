"""Removal and new names over REST: who may, what is answered first, and what hostile callers get."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from api import dependencies, routes
from api.app import create_app
from api.serving.in_process import InProcessTransport, in_process
from api.table_cache import StudyTables, TableCache
from memscore.client import Client
from memscore.errors import Conflict, InsufficientScope, InvalidInput, NotFound
from memscore.exchange.evidence_file import read_evidence
from memscore.exchange.feldman_zhang import published_of
from memscore.keys import Scope
from memscore.settings import Settings
from memscore.store import Database, datasets, jobs, studies, tables
from memscore.study.spec import Design
from memscore.workflows.datasets import register
from tests.api.conftest import BODY, KEYS_REQUIRED, make_key, problem
from tests.conftest import QUICK, StoredStudy, build, make_dataset, make_trials

CHANGES: list[tuple[str, str, dict[str, Any]]] = [
    ("DELETE", "/v1/datasets/spare", {"params": {"confirm": "spare"}}),
    ("DELETE", "/v1/datasets/spare/samples", {"params": {"confirm": "spare", "train": "17"}}),
    ("PATCH", "/v1/datasets/spare", {"json": {"name": "other"}}),
    ("DELETE", "/v1/studies/made-up", {"params": {"confirm": "made-up", "evidence": True}}),
    ("PATCH", "/v1/studies/made-up", {"json": {"name": "other"}}),
    ("DELETE", "/v1/jobs", {"params": {"older": 0}}),
]


@pytest.fixture
def spare(database: Database, stored_study: StoredStudy, settings: Settings) -> StoredStudy:
    """A stored study, and a dataset that no study uses."""
    register(database, settings, "spare", make_dataset(seed=5))
    return stored_study


@pytest.fixture
def http(database: Database, settings: Settings) -> Generator[httpx.Client]:
    with in_process(database, settings.home) as client:
        yield client


def protected(database: Database, settings: Settings) -> httpx.Client:
    """A client of a service that needs keys."""
    app = create_app(database, (), KEYS_REQUIRED, settings.home)
    return httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore")


def state(database: Database) -> tuple[list[str], list[str], int]:
    with database.reading() as connection:
        return (
            [one.name for one in datasets.listing(connection)],
            [one.name for one in studies.listing(connection)],
            len(jobs.listing(connection)),
        )


@pytest.mark.parametrize(("method", "path", "rest"), CHANGES)
@pytest.mark.parametrize(("scope", "status"), [(None, 401), ("read", 403), ("write", 403), ("admin", 200)])
def test_only_an_administrator_may(
    database: Database, spare: StoredStudy, settings: Settings, scope: Scope | None, status: int, method, path, rest
):
    before = state(database)
    headers = {} if scope is None else {"Authorization": f"Bearer {make_key(database, scope)}"}
    with protected(database, settings) as http:
        for dry_run in (True, False) if method == "DELETE" else (False,):
            more = {"params": {**rest["params"], "dry_run": True}} if dry_run else {}
            answer = http.request(method, path, **{**rest, **more}, headers=headers)
            assert answer.status_code == status, answer.text
            if status != 200:
                assert answer.headers["content-type"] == "application/problem+json"
                assert state(database) == before


def test_a_removal_is_told_first_and_confirmed(database: Database, spare: StoredStudy, http: httpx.Client):
    before = state(database)
    told = http.delete("/v1/datasets/spare", params={"dry_run": True}).json()
    assert (told["removed"], told["name"], told["samples"]) == (False, "spare", 80)
    assert told["bytes"] > 80 * 16
    for confirm in ({}, {"confirm": ""}, {"confirm": "Spare"}, {"confirm": "made-up"}):
        problem(http.delete("/v1/datasets/spare", params=confirm), 422, "dataset 'spare' would go for good (80 samples")
    problem(http.delete("/v1/studies/made-up"), 422, "study 'made-up' would go for good (40 trials, 2 tables, 0 jobs, ")
    identifier = spare.record.id
    problem(http.delete(f"/v1/studies/{identifier}", params={"confirm": identifier}), 422, "confirm=made-up")
    problem(http.delete("/v1/studies/made-up", params={"confirm": "made-up"}), 409, "add evidence=true")
    problem(http.delete("/v1/datasets/made-up", params={"confirm": "made-up"}), 409, "is used by study made-up")
    assert state(database) == before
    done = http.delete(f"/v1/studies/{identifier}", params={"confirm": "made-up", "evidence": True}).json()
    assert done == {
        "removed": True,
        "id": identifier,
        "name": "made-up",
        "trials": 40,
        "full_trials": 0,
        "tables": 2,
        "published": 0,
        "reviews": 0,
        "jobs": 0,
        "bytes": done["bytes"],
    }
    assert http.delete("/v1/datasets/spare", params={"confirm": "spare"}).json() == {**told, "removed": True}
    assert state(database) == (["made-up"], [], 0)


def test_what_was_removed_is_no_longer_answered(database: Database, spare: StoredStudy, http: httpx.Client):
    """Not from a table kept in memory, nor from arrays that are still mapped."""
    paths = ["/v1/studies/made-up/scores/3", "/v1/studies/made-up", "/v1/studies/made-up/table"]
    images = ["/v1/datasets/spare/train/3/image.png", "/v1/datasets/spare/train/sprite.png?indices=1,2"]
    assert {http.get(path).status_code for path in paths + images} == {200}
    http.delete("/v1/studies/made-up", params={"confirm": "made-up", "evidence": True}).raise_for_status()
    http.delete("/v1/datasets/spare", params={"confirm": "spare"}).raise_for_status()
    for path in paths:
        problem(http.get(path), 404, "There is no study 'made-up'")
    for path in images:
        problem(http.get(path), 404, "There is no dataset 'spare'")


def test_a_new_name_is_answered_at_once_and_the_old_one_no_more(
    database: Database, spare: StoredStudy, http: httpx.Client
):
    before = http.get("/v1/studies/made-up/scores/3").json()
    renamed = http.patch("/v1/studies/made-up", json={"name": "finer"}).json()
    assert (renamed["name"], renamed["id"]) == ("finer", spare.record.id)
    assert http.patch("/v1/datasets/made-up", json={"name": "better"}).json()["name"] == "better"
    assert http.get("/v1/studies/finer").json()["dataset"] == "better"
    assert http.get("/v1/studies/finer/scores/3").json() == before
    problem(http.get("/v1/studies/made-up/scores/3"), 404, "There is no study 'made-up'")
    problem(http.get("/v1/datasets/made-up"), 404, "There is no dataset 'made-up'")
    assert http.post("/v1/jobs", json={**BODY, "dataset": "better"}).json()["study_name"] == "finer"


def test_a_name_that_became_free_is_the_next_studys_at_once(
    database: Database, stored_study: StoredStudy, http: httpx.Client
):
    """Within the second, too, in which tables in memory are not compared with the database."""
    path, row = "/v1/studies/made-up/scores/3", {"study": stored_study.record.id}
    for change in ("rename", "remove"):
        assert http.get(path).json()["study"] == row["study"]
        if change == "rename":
            http.patch("/v1/studies/made-up", json={"name": "finer"}).raise_for_status()
        else:
            http.delete("/v1/studies/made-up", params={"confirm": "made-up", "evidence": True}).raise_for_status()
        design = Design(seed=len(change))
        trials = make_trials(stored_study.dataset, design, blocks=1)
        with database.writing() as connection:
            dataset = datasets.by_name(connection, "made-up")
            study = studies.ensure(connection, dataset, QUICK, design, "made-up")
            tables.add(connection, study.id, *build(stored_study.dataset, trials, design, study.id))
        row = {"study": study.id}
        assert http.get(path).json()["study"] == study.id


def test_what_was_being_read_while_a_study_changed_is_not_used(
    database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch
):
    begun, go_on = threading.Event(), threading.Event()
    load = TableCache._load  # pyright: ignore[reportPrivateUsage]

    def slowly(cache: TableCache, study: str) -> StudyTables:
        found = load(cache, study)
        if not begun.is_set():
            begun.set()
            go_on.wait(20)
        return found

    monkeypatch.setattr(TableCache, "_load", slowly)

    async def ask() -> None:
        cache = TableCache(database)
        early = asyncio.create_task(cache.get("made-up"))
        await asyncio.to_thread(begun.wait, 20)
        with database.writing() as connection:
            studies.rename(connection, "made-up", "finer")
        cache.drop()
        with pytest.raises(NotFound):
            await cache.get("made-up")
        go_on.set()
        assert (await early).study.name == "made-up", "it was asked for before"
        assert cache.fresh("made-up") is None
        assert (await cache.get("finer")).study.name == "finer"

    asyncio.run(ask())


HOSTILE_NAMES = [
    "",
    " ",
    "a b",
    "../../etc",
    "a/b",
    "a\n",
    "\x00",
    "é",
    "\ud800",
    "x" * 64,
    "x" * 5000,
    5,
    None,
    [],
    {},
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("path", ["/v1/datasets/spare", "/v1/studies/made-up"])
def test_a_new_name_must_be_one(database: Database, spare: StoredStudy, http: httpx.Client, path: str, name: object):
    before = state(database)
    body = {"name": name}
    if name == "\ud800":
        answer = http.patch(path, content=b'{"name": "\\ud800"}', headers={"content-type": "application/json"})
    else:
        answer = http.patch(path, json=body)
    problem(answer, 422, "name")
    assert state(database) == before


@pytest.mark.parametrize(
    ("method", "path", "rest", "status"),
    [
        ("PATCH", "/v1/datasets/spare", {"json": {}}, 422),
        ("PATCH", "/v1/datasets/spare", {"json": {"name": "other", "fingerprint": "0" * 64}}, 422),
        ("PATCH", "/v1/datasets/spare", {"content": b"{"}, 422),
        ("PATCH", "/v1/datasets/nothing", {"json": {"name": "other"}}, 404),
        ("PATCH", "/v1/datasets/spare", {"json": {"name": "made-up"}}, 409),
        ("PATCH", "/v1/studies/nothing", {"json": {"name": "other"}}, 404),
        ("PATCH", "/v1/studies/made-up", {"json": {"name": "0123456789abcdef"}}, 422),
        ("DELETE", "/v1/datasets/nothing", {"params": {"confirm": "nothing"}}, 404),
        ("DELETE", "/v1/datasets/spare", {"params": {"confirm": "x" * 5000}}, 422),
        ("DELETE", "/v1/datasets/spare", {"params": {"confirm": "spare", "force": "true"}}, 422),
        ("DELETE", "/v1/datasets/spare", {"params": {"confirm": "spare", "dry_run": "perhaps"}}, 422),
        ("DELETE", "/v1/studies/made-up", {"params": {"confirm": "made-up", "evidence": "maybe"}}, 422),
        ("DELETE", "/v1/studies/nothing", {"params": {"confirm": "nothing"}}, 404),
        ("DELETE", "/v1/jobs", {}, 422),
        ("DELETE", "/v1/jobs", {"params": {"older": "-1"}}, 422),
        ("DELETE", "/v1/jobs", {"params": {"older": "nan"}}, 422),
        ("DELETE", "/v1/jobs", {"params": {"older": "inf"}}, 422),
        ("DELETE", "/v1/jobs", {"params": {"older": "1e30"}}, 422),
        ("DELETE", "/v1/jobs", {"params": {"older": "7d"}}, 422),
        ("DELETE", "/v1/jobs/0123456789abcdef", {}, 405),
        ("DELETE", "/v1/studies", {}, 405),
        ("DELETE", "/v1/datasets", {}, 405),
    ],
)
def test_what_is_meant_must_be_clear(
    database: Database,
    spare: StoredStudy,
    http: httpx.Client,
    method: str,
    path: str,
    rest: dict[str, Any],
    status: int,
):
    http.post("/v1/jobs", json=BODY)
    before = state(database)
    problem(http.request(method, path, **rest), status, "")
    assert state(database) == before


@pytest.mark.parametrize("kind", ["datasets", "studies", "jobs"])
@pytest.mark.parametrize("name", ["%00", "%ff%fe", "%ED%A0%80", "..%2f..", "x" * 5000, "' OR 1=1 --"])
def test_hostile_addresses_remove_nothing(
    database: Database, spare: StoredStudy, http: httpx.Client, kind: str, name: str
):
    before = state(database)
    path = f"/v1/{kind}/{name}"
    for answer in (http.delete(path, params={"confirm": name}), http.patch(path, json={"name": "other"})):
        assert 400 <= answer.status_code < 500, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert state(database) == before


def test_pages_of_other_sites_may_not(database: Database, spare: StoredStudy, http: httpx.Client):
    before = state(database)
    for method, path, rest in CHANGES:
        answer = http.request(method, path, **rest, headers={"Sec-Fetch-Site": "cross-site"})
        problem(answer, 403, "Pages of other sites may not change anything here")
    assert state(database) == before


def test_a_study_with_a_job_stays(database: Database, spare: StoredStudy, http: httpx.Client):
    job = http.post("/v1/jobs", json=BODY).json()["id"]
    confirmed = {"confirm": "made-up", "evidence": True}
    problem(http.delete("/v1/studies/made-up", params=confirmed), 409, f"Job {job} of study 'made-up' is queued")
    assert http.delete("/v1/jobs", params={"older": 0}).json() == {"removed": True, "jobs": 0, "bytes": 0}
    http.post(f"/v1/jobs/{job}/cancel")
    assert http.delete("/v1/jobs", params={"older": 0, "dry_run": True}).json()["jobs"] == 1
    assert http.delete("/v1/jobs", params={"older": 3600}).json()["jobs"] == 0
    assert http.delete("/v1/jobs", params={"older": 0}).json() == {"removed": True, "jobs": 1, "bytes": 0}
    problem(http.get(f"/v1/jobs/{job}"), 404, "There is no job")
    problem(http.get(f"/v1/jobs/{job}/events"), 404, "There is no job")


def test_the_client_raises_what_the_service_says(database: Database, spare: StoredStudy, http: httpx.Client):
    with Client(http=http) as client:
        assert client.remove_dataset("spare", dry_run=True).removed is False
        with pytest.raises(InvalidInput, match="confirm=spare"):
            client.remove_dataset("spare")
        with pytest.raises(Conflict, match="is used by study"):
            client.remove_dataset("made-up", confirm="made-up")
        with pytest.raises(Conflict, match="evidence=true"):
            client.remove_study("made-up", confirm="made-up")
        with pytest.raises(InvalidInput, match="is not a name"):
            client.remove_study("../keys", confirm="../keys")
        assert client.rename_study("made-up", "finer").name == "finer"
        assert client.rename_dataset("made-up", "better").name == "better"
        assert client.remove_study("finer", confirm="finer", evidence=True).trials == 40
        assert client.remove_dataset("better", confirm="better").removed is True
        assert client.prune_jobs(0.0).jobs == 0
        with pytest.raises(NotFound):
            client.remove_dataset("better", confirm="better")


def test_the_client_of_a_reader_is_told_what_it_lacks(database: Database, spare: StoredStudy, settings: Settings):
    http = protected(database, settings)
    http.headers["Authorization"] = f"Bearer {make_key(database, 'write')}"
    with Client(http=http) as client, pytest.raises(InsufficientScope, match="needs a key with the scope admin"):
        client.remove_dataset("spare", confirm="spare")


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("DELETE", "/v1/datasets/spare/samples?train=17&train=4&confirm=spare", "train"),
        ("DELETE", "/v1/datasets/spare?dry_run=true&dry_run=false&confirm=spare", "dry_run"),
        ("DELETE", "/v1/datasets/spare?confirm=other&confirm=spare", "confirm"),
        ("DELETE", "/v1/jobs?older=1e9&older=0", "older"),
        ("GET", "/v1/studies/made-up/scores?limit=5&limit=5", "limit"),
    ],
)
def test_a_parameter_given_twice_is_refused(
    database: Database, spare: StoredStudy, http: httpx.Client, method: str, path: str, name: str
):
    """All but one would be ignored: of two samples, one would stay."""
    before = state(database)
    problem(http.request(method, path), 422, f"The query parameter {name!r} is given more than once; give it once")
    assert state(database) == before


ASKED = [
    ("PATCH", "/v1/datasets/spare", {"json": {"name": "other"}}, "renamed the dataset spare to other"),
    ("DELETE", "/v1/datasets/other", {"params": {"confirm": "other"}}, "removed the dataset other"),
    ("PATCH", "/v1/studies/made-up", {"json": {"name": "finer"}}, "renamed the study made-up to finer"),
    ("DELETE", "/v1/jobs", {"params": {"older": 0}}, "removed 1 finished job"),
    ("DELETE", "/v1/studies/finer", {"params": {"confirm": "finer", "evidence": True}}, "removed the study finer: "),
]


def test_every_operation_that_changes_something_knows_who_asks():
    """Those that sign in and out name their key themselves; a look-up changes nothing."""
    modules = [import_module(f"{routes.__name__}.{one.name}") for one in iter_modules(routes.__path__)]
    every = [one for module in modules if hasattr(module, "router") for one in module.router.routes]
    changing = {
        one.operation_id: {need.call for need in one.dependant.dependencies}
        for one in every
        if isinstance(one, APIRoute) and not (one.methods or set[str]()) <= {"GET", "HEAD"}
    }
    nameless = {name for name, needed in changing.items() if dependencies._actor not in needed}
    assert nameless == {"sign_in", "sign_out", "look_up_scores"}
    assert len(changing) > 10


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("who", ["the key somebody", "a user of this machine", "the command line"])
def test_the_log_says_who_did_it_and_no_secret(
    database: Database, spare: StoredStudy, settings: Settings, caplog: pytest.LogCaptureFixture, who: str
):
    caplog.set_level("INFO", logger="api")
    secret = make_key(database, "admin")
    headers = {}
    if who == "the key somebody":
        http = protected(database, settings)
        headers = {"Authorization": f"Bearer {secret}"}
    elif who == "a user of this machine":
        app = create_app(database, (), home=settings.home)
        http = httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore")
    else:
        http = in_process(database, settings.home)
    with http:
        job = http.post("/v1/jobs", json=BODY, headers=headers).json()["id"]
        file = http.get("/v1/studies/made-up/evidence", headers=headers).content
        unpacked, made = read_evidence(file).unpacked(), spare.dataset
        scores = published_of(unpacked, made.y_train, made.y_test).encode()
        brought = [
            ("POST", f"/v1/jobs/{job}/cancel", {}, "cancels the job, now cancelled"),
            ("POST", f"/v1/jobs/{job}/resume", {}, "resumes the job, now queued"),
            ("POST", "/v1/jobs", {"json": {**BODY, "design": {"seed": 9}}}, "posted a job for 50 trials"),
            ("POST", f"/v1/jobs/{job}/cancel", {}, "cancels the job, now cancelled"),
            ("POST", "/v1/studies/made-up/evidence", {"content": file}, "merged 0 new trials into the study made-up"),
            (
                "POST",
                "/v1/studies/import",
                {"params": {"dataset": "made-up", "name": "published"}, "content": scores},
                "imported scores as the study published",
            ),
        ]
        for method, path, rest, said in (*brought, *ASKED):
            caplog.clear()
            http.request(method, path, **rest, headers=headers).raise_for_status()
            (line,) = [one.getMessage() for one in caplog.records if said in one.getMessage()]
            assert line.startswith(f"{who} {said}")
            assert secret not in caplog.text
        if headers:
            caplog.clear()
            made = http.post("/v1/keys", json={"name": "trainer", "scope": "read"}, headers=headers).json()
            http.delete(f"/v1/keys/{made['id']}", headers=headers).raise_for_status()
            said = [one.getMessage() for one in caplog.records if one.name == "api.routes.keys"]
            assert said == [
                f"{who} made key {made['id']} for trainer with the scope read",
                f"{who} revoked key {made['id']} of trainer",
            ]
            assert made["key"] not in caplog.text
