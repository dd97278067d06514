"""Requests: ids in answers, problems and log lines; what we do wrong is logged once; readiness with a dispatcher."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Generator

import httpx
import pytest

from api.metrics import Metrics
from api.middleware.instrumentation import Instrumentation
from api.routes import health
from memscore.logs import REQUEST_ID
from memscore.store import Database, leadership
from tests.api.conftest import BODY, problem
from tests.conftest import StoredStudy


@pytest.fixture
def ids(caplog: pytest.LogCaptureFixture) -> Generator[list[tuple[str, str | None]]]:
    """Each line that is logged, with the request that was answered then."""
    seen: list[tuple[str, str | None]] = []

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((f"{record.levelname} {record.getMessage()}", REQUEST_ID.get()))

    handler = Notes()
    for name in ("api", "memscore"):
        logging.getLogger(name).addHandler(handler)
    caplog.set_level(logging.DEBUG, "api")
    yield seen
    for name in ("api", "memscore"):
        logging.getLogger(name).removeHandler(handler)


def broken(*_: object) -> str:
    raise RuntimeError("a mistake of ours")


def test_a_given_id_comes_back_in_the_answer_the_problem_and_the_log(http: httpx.Client, ids: list):
    answer = http.get("/v1/jobs/none", headers={"X-Request-ID": "Mine-1.2_3"})
    problem(answer, 404, "There is no job")
    assert answer.headers["x-request-id"] == "Mine-1.2_3"
    assert answer.json()["request_id"] == "Mine-1.2_3"
    assert [line for line, request in ids if request == "Mine-1.2_3"]
    assert all(re.fullmatch(r"DEBUG GET /v1/jobs/none 404 in [\d.]+ ms", line) for line, _ in ids)


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", 'a"b', "\xe9", "<script>", "a,b"])
def test_an_id_that_is_none_is_replaced(http: httpx.Client, given: str):
    headers = {b"X-Request-ID": given.encode("latin-1")}
    first, second = (http.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert first != second


@pytest.mark.slower
def test_every_answer_has_an_id(http: httpx.Client, stored_study: StoredStudy):
    answers = [
        http.get("/healthz"),
        http.get("/nowhere"),
        http.post("/healthz"),
        http.post("/v1/jobs", json={}),
        http.get("/v1/jobs?unknown=1"),
        http.head("/v1/studies/made-up/table"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 405, 422, 422, 200]
    assert all(answer.headers["x-request-id"] for answer in answers)
    for answer in answers[1:5]:
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_mistake_of_ours_is_a_problem_with_an_id_and_logged_once(
    http: httpx.Client, ids: list, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, method: str
):
    monkeypatch.setattr(health, "current_revision", broken)
    answer = http.request(method, "/readyz", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "mine"
    if method == "GET":  # the other has no body
        problem(answer, 500, "its log has the details")
        assert answer.json()["request_id"] == "mine"
        assert "a mistake" not in answer.text
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError
    assert ("ERROR unexpected error at /readyz", "mine") in ids


def test_an_error_after_the_answer_began_ends_the_connection(database: Database):
    async def late(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(message)

    metrics = Metrics(database)
    scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
    with pytest.raises(RuntimeError, match="late"):
        asyncio.run(Instrumentation(late, metrics)(scope, None, send))  # pyright: ignore[reportArgumentType] -- not called
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert REQUEST_ID.get() is None


def test_a_path_cannot_forge_a_line(http: httpx.Client, ids: list):
    http.get("/nowhere%0AINFO forged%1b[31m")
    assert ids
    assert all("\n" not in line and "\x1b" not in line for line, _ in ids)


def test_a_job_can_be_followed_from_its_request_on(
    http: httpx.Client, stored_study: StoredStudy, ids: list, caplog: pytest.LogCaptureFixture
):
    made = http.post("/v1/jobs", json=BODY, headers={"X-Request-ID": "mine"}).json()
    http.post("/v1/jobs", json=BODY)  # the same: no new job
    http.post(f"/v1/jobs/{made['id']}/cancel")
    http.post(f"/v1/jobs/{made['id']}/resume")
    told = [record for record in caplog.records if record.name == "api.routes.jobs"]
    assert [record.getMessage() for record in told] == [
        "the command line posted a job for 50 trials",
        "the command line cancels the job, now cancelled",
        "the command line resumes the job, now queued",
    ]
    assert {(record.__dict__["job"], record.__dict__["study"]) for record in told} == {(made["id"], made["study"])}
    assert ("INFO the command line posted a job for 50 trials", "mine") in ids


def test_readiness_tells_whether_a_dispatcher_leads(http: httpx.Client, database: Database):
    assert http.get("/readyz").json().items() >= {"dispatcher": "missing", "dispatcher_note": None}.items()
    problem(http.get("/readyz?require=dispatcher"), 503, "start one with: memscore dispatch")
    problem(http.get("/readyz?require=ray"), 422, "dispatcher")
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    leading = {"status": "ready", "dispatcher": "leading", "dispatcher_note": None}
    assert http.get("/readyz?require=dispatcher").json().items() >= leading.items()
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, "host/1/0", 60, note="Ray does not answer.")
    assert http.get("/readyz").json()["dispatcher_note"] == "Ray does not answer."
    with database.writing() as connection:
        assert leadership.take(connection, leadership.LEADER, "host/1/0", -5)
    assert http.get("/readyz").json()["dispatcher"] == "missing"
    problem(http.get("/readyz?require=dispatcher"), 503, "No dispatcher is running")
