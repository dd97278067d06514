"""Answers about all samples: equal ones are made once, in threads of their own, and few wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import api.routes.scores
import api.routes.tables
import api.table_cache
from api.app import create_app
from api.errors import Busy
from api.expensive import Lane
from api.serving.in_process import InProcessTransport
from memscore.errors import InvalidInput
from memscore.scores import explanation
from memscore.store import Database, tables
from memscore.study.spec import Design
from tests.conftest import StoredStudy, build, make_trials

pytestmark = [pytest.mark.usefixtures("stored_study"), pytest.mark.databases("sqlite")]

STUDY = "/v1/studies/made-up"


class Held:
    """A function that waits until it is released, and counts its calls."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.calls = 0
        self.begun = threading.Semaphore(0)
        self.released = threading.Event()

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.calls += 1
        self.begun.release()
        assert self.released.wait(20)
        return self.function(*args, **named)


@pytest.fixture
def app(database: Database) -> FastAPI:
    return create_app(database)


@pytest.fixture
def http(database: Database, app: FastAPI) -> Generator[httpx.Client]:
    with httpx.Client(transport=InProcessTransport(database, app), base_url="http://memscore") as client:
        yield client


@pytest.fixture
def threads() -> Generator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(24) as pool:
        yield pool


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[Any, str], Held]]:
    made: list[Held] = []

    def held(module: Any, name: str) -> Held:
        made.append(Held(getattr(module, name)))
        monkeypatch.setattr(module, name, made[-1])
        return made[-1]

    yield held
    for one in made:
        one.released.set()


@pytest.mark.parametrize(
    ("path", "module", "name"),
    [
        (f"{STUDY}/table?format=csv", api.table_cache, "encode"),
        (f"{STUDY}/pairs/table?format=parquet", api.table_cache, "encode"),
        (f"{STUDY}/suspects", api.table_cache, "label_errors"),
        (f"{STUDY}/compare?with=made-up", api.table_cache, "compare"),
        (f"{STUDY}/pairs?harmful=true", api.table_cache, "harmful_pairs"),
        (f"{STUDY}/explain/3", explanation, "in_words"),
        (f"{STUDY}/sets?format=json", api.routes.tables, "split"),
        (f"{STUDY}/sets", api.routes.tables, "split"),
        (f"{STUDY}/test-scores/3", api.table_cache, "split"),
        (f"{STUDY}/pairs?infl_min=0.1", api.routes.scores, "cursor_of"),
        (f"{STUDY}/scores?sort=label&limit=5", api.routes.scores, "column_of"),
    ],
)
def test_equal_requests_at_once_share_one_answer_and_nobody_else_waits(
    http: httpx.Client,
    threads: ThreadPoolExecutor,
    hold: Callable[[Any, str], Held],
    path: str,
    module: Any,
    name: str,
):
    path += "&limit=5" if "infl_min" in path else ""
    expected = http.get(f"{STUDY}/scores/1").raise_for_status()
    slow = hold(module, name)
    asked = [threads.submit(http.get, path) for _ in range(20)]
    assert slow.begun.acquire(timeout=10)
    for other in ("/healthz", "/readyz", "/v1/jobs", "/v1/studies", f"{STUDY}/scores/1"):
        answer = threads.submit(http.get, other).result(5)
        assert answer.status_code == 200
    assert answer.content == expected.content
    slow.released.set()
    answers = [one.result(20) for one in asked]
    assert {one.status_code for one in answers} == {200}
    assert len({one.content for one in answers}) == 1
    assert slow.calls == 1 or name == "cursor_of"


def test_lists_do_not_wait_behind_exports(
    http: httpx.Client, threads: ThreadPoolExecutor, hold: Callable[[Any, str], Held]
):
    slow = hold(api.table_cache, "encode")
    asked = [threads.submit(http.get, f"{STUDY}/table", params={"format": one}) for one in ("csv", "parquet", "arrow")]
    for _ in range(2):
        assert slow.begun.acquire(timeout=10)
    assert not slow.begun.acquire(timeout=0.2), "more than two exports are made at a time"
    for path in ("explain/3", "findings", "scores?sort=-se", "pairs?test_index=2", "histogram", "sets", "risk"):
        assert threads.submit(http.get, f"{STUDY}/{path}").result(5).status_code == 200, path
    slow.released.set()
    assert [one.result(20).status_code for one in asked] == [200, 200, 200]
    assert slow.calls == 3


def test_too_many_different_ones_are_refused_and_may_come_again(
    app: FastAPI,
    http: httpx.Client,
    threads: ThreadPoolExecutor,
    hold: Callable[[Any, str], Held],
    monkeypatch: pytest.MonkeyPatch,
):
    slow = hold(api.table_cache, "encode")
    http.get(f"{STUDY}/scores/1").raise_for_status()
    monkeypatch.setattr(app.state.tables.lanes.whole, "pending", 2)
    asked = [threads.submit(http.get, f"{STUDY}/table", params={"format": one}) for one in ("csv", "parquet")]
    for _ in asked:
        assert slow.begun.acquire(timeout=10)
    refused = http.get(f"{STUDY}/table", params={"format": "arrow"})
    assert (refused.status_code, refused.json()["title"]) == (503, "Busy")
    assert "already works on 2 other tables or comparisons; try again" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    slow.released.set()
    assert [one.result(20).status_code for one in asked] == [200, 200]
    assert http.get(f"{STUDY}/table", params={"format": "arrow"}).status_code == 200


def test_an_older_version_is_exported_once(
    http: httpx.Client,
    database: Database,
    stored_study: StoredStudy,
    hold: Callable[[Any, str], Held],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(api.table_cache, "FRESH_SECONDS", 0)
    old = http.get(f"{STUDY}/table").headers["etag"].strip('"')
    study = stored_study.record
    trials = make_trials(stored_study.dataset, Design(), blocks=6)
    with database.writing() as connection:
        tables.add(connection, study.id, *build(stored_study.dataset, trials, Design(), study.id))
    counted = hold(api.table_cache, "encode")
    counted.released.set()
    assert http.get(f"{STUDY}/table").headers["etag"].strip('"') != old
    paths = [f"{STUDY}/table?digest={old}&format=csv"] * 3 + [f"{STUDY}/table?digest={old}&format=parquet"]
    first, second, third, other = (http.get(path).raise_for_status() for path in paths)
    assert first.content == second.content == third.content != other.content
    assert counted.calls == 2


def test_whoever_goes_away_cancels_nothing_and_an_error_is_everyones():
    async def run() -> None:
        lane = Lane(1, 2, name="things")
        begun, released = threading.Event(), threading.Event()

        def slow() -> int:
            begun.set()
            assert released.wait(10)
            return 7

        def fail() -> int:
            raise InvalidInput("no")

        first = asyncio.create_task(lane.once("a", slow))
        second = asyncio.create_task(lane.once("a", slow))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        first.cancel()
        failing = [asyncio.create_task(lane.once("b", fail)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Busy, match="already works on 2 things"):
            await lane.once("c", fail)
        released.set()
        assert await second == 7
        assert [str(one) for one in await asyncio.gather(*failing, return_exceptions=True)] == ["no", "no"]
        assert not lane.tasks
        assert await lane.once("a", lambda: 8) == 8

    asyncio.run(run())
