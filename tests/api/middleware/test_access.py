"""What is refused before it is answered: hosts, sites, sizes, rates; and the headers of every answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.headers import COMMON
from api.middleware import access, body_limits, rate_limits
from api.middleware.rate_limits import Rates
from api.protection import Protection, protection_of
from api.serving.in_process import InProcessTransport, in_process
from memscore.errors import TooMany
from memscore.settings import Settings
from memscore.store import Database
from tests.api.conftest import BODY, KEYS_REQUIRED, make_key, problem
from tests.conftest import StoredStudy

pytestmark = pytest.mark.databases("sqlite")  # one kind of database is enough here

Start = Callable[..., httpx.Client]


@pytest.fixture
def start(database: Database) -> Generator[Start]:
    """Starts a service with a protection, and gives a client of it."""
    clients: list[httpx.Client] = []

    def started(protection: Protection) -> httpx.Client:
        transport = InProcessTransport(database, create_app(database, (), protection))
        clients.append(httpx.Client(transport=transport, base_url="http://127.0.0.1:8000"))
        return clients[-1]

    yield started
    for client in clients:
        client.close()


@pytest.fixture
def local(start: Start, settings: Settings) -> httpx.Client:
    """A service on a loopback address, as `memscore serve` starts it."""
    return start(protection_of(settings, "127.0.0.1"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "127.9.9.9", "[::1]:8000", "a.localhost:1"]
)
def test_on_loopback_its_own_names_are_answered(local: httpx.Client, host: str):
    assert local.get("/v1/studies", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "", "[::2]",
     "0.0.0.0", "evil.example:127.0.0.1", "x" * 10_000, "127.0.0.1@evil.example", "[::1].evil.example"],
)  # fmt: skip
def test_a_name_pointed_at_this_machine_is_refused(local: httpx.Client, host: str):
    answer = local.get("/v1/studies", headers={"Host": host})
    problem(answer, 421, "does not answer to the name")
    assert len(answer.text) < 1000
    problem(local.post("/v1/jobs", json=BODY, headers={"Host": host}), 421, "does not answer to the name")


def test_probes_may_come_under_any_name(local: httpx.Client):
    assert local.get("/healthz", headers={"Host": "10.0.0.1:8000"}).status_code == 200


def test_elsewhere_any_host_or_those_that_are_listed(start: Start, settings: Settings, database: Database):
    key = {"Authorization": f"Bearer {make_key(database, 'read')}"}
    anywhere = replace(protection_of(settings, "0.0.0.0"), pepper=KEYS_REQUIRED.pepper)
    assert start(anywhere).get("/v1/studies", headers={"Host": "scores.lab", **key}).status_code == 200
    listed = settings.model_copy(update={"allowed_hosts": "scores.lab, Other.Lab"})
    http = start(replace(protection_of(listed, "0.0.0.0"), pepper=KEYS_REQUIRED.pepper))
    for host, status in (("scores.lab:443", 200), ("other.lab", 200), ("127.0.0.1", 200), ("evil.example", 421)):
        assert http.get("/v1/studies", headers={"Host": host, **key}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "http://127.0.0.1:8000.evil.example"},
    ],
)
def test_a_page_of_another_site_cannot_post_a_job(
    local: httpx.Client, stored_study: StoredStudy, headers: dict[str, str]
):
    for content_type in ("text/plain", "application/json"):
        answer = local.post("/v1/jobs", content=json.dumps(BODY), headers={"Content-Type": content_type, **headers})
        problem(answer, 403, "Pages of other sites may not change anything here")
    problem(local.post("/v1/keys", json={"name": "x", "scope": "admin"}, headers=headers), 403, "Pages of other sites")
    problem(local.delete("/v1/keys/x", headers=headers), 403, "Pages of other sites")
    assert local.get("/v1/jobs").json()["jobs"] == []
    read = local.get("/v1/jobs", headers=headers)
    assert not [name for name in read.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"}, {"Sec-Fetch-Site": "none"},
     {"Origin": "http://127.0.0.1:8000"}],
)  # fmt: skip
def test_own_pages_and_programs_can(local: httpx.Client, stored_study: StoredStudy, headers: dict[str, str]):
    assert local.post("/v1/jobs", json=BODY, headers=headers).status_code == 202


def test_an_origin_that_is_listed_can_use_the_service(start: Start, settings: Settings, stored_study: StoredStudy):
    named = settings.model_copy(update={"cors_origins": "https://pages.lab"})
    http = start(protection_of(named, "127.0.0.1"))
    ours = {"Origin": "https://pages.lab", "Sec-Fetch-Site": "cross-site"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = http.options("/v1/jobs", headers={**ours, **asked})
    assert allowed.headers["access-control-allow-origin"] == "https://pages.lab"
    answer = http.post("/v1/jobs", json=BODY, headers=ours)
    assert answer.status_code == 202
    assert answer.headers["access-control-allow-origin"] == "https://pages.lab"
    theirs = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert http.options("/v1/jobs", headers={**theirs, **asked}).status_code == 400
    assert "access-control-allow-origin" not in http.get("/v1/jobs", headers=theirs).headers


def test_every_answer_tells_browsers_to_do_nothing_with_it(local: httpx.Client, stored_study: StoredStudy):
    answers = [
        local.get("/healthz"), local.get("/nowhere"), local.post("/healthz"), local.post("/v1/jobs", json={}),
        local.get("/v1/studies/made-up/scores/1"), local.get("/v1/studies/made-up/table"), local.get("/metrics"),
        local.get("/v1/studies", headers={"Host": "evil.example"}), local.get("/openapi.json"),
        local.get("/v1/studies", headers={"Authorization": "Bearer wrong"}),
    ]  # fmt: skip
    assert {answer.status_code for answer in answers} == {200, 401, 404, 405, 421, 422}
    for answer in answers:
        for name, value in COMMON:
            assert answer.headers.get_list(name.decode()) == [value.decode()], answer.url
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_a_mistake_of_ours_has_these_headers_too(local: httpx.Client, monkeypatch: pytest.MonkeyPatch):
    from api.routes import health

    monkeypatch.setattr(health, "current_revision", lambda _: 1 // 0)
    answer = local.get("/readyz")
    assert answer.status_code == 500
    assert answer.headers["x-frame-options"] == "DENY"


def test_shared_caches_may_keep_no_answer(local: httpx.Client, stored_study: StoredStudy):
    """RFC 9111, 3.5: what is asked for with a key is kept by none, unless the answer allows it."""
    for path in (
        "/v1/studies",
        "/v1/jobs",
        "/v1/datasets",
        "/v1/studies/made-up/table",
        "/v1/studies/made-up/evidence",
    ):
        cached = local.get(path).headers.get("cache-control", "")
        assert "public" not in cached
        assert "s-maxage" not in cached
        assert "must-revalidate" not in cached
    assert local.get("/v1/keys").headers["cache-control"] == "no-store"


async def posted(app: FastAPI, path: str, sent: list[int], *chunks: bytes) -> httpx.Response:
    """The answer to a body that comes without a length; what was taken of it is in `sent`."""

    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            sent.append(len(chunk))
            yield chunk

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://memscore") as http:
        return await http.post(path, content=stream())


def test_a_body_that_says_it_is_large_is_refused_before_it_is_read(database: Database):
    """Nothing is received here: there is nothing to receive."""
    too_large = ("/v1/jobs", body_limits.MAX_BYTES + 1), ("/v1/studies/import", 2**30 + 1), ("/v1/jobs", 10**30)
    for path, size in too_large:
        sent: list[dict[str, Any]] = []

        async def send(message: Any, sent: list[dict[str, Any]] = sent) -> None:
            sent.append(message)

        scope: dict[str, Any] = {
            "type": "http", "method": "POST", "path": path, "query_string": b"", "root_path": "", "scheme": "http",
            "headers": [(b"content-length", str(size).encode())], "server": ("127.0.0.1", 80), "client": None,
        }  # fmt: skip
        asyncio.run(create_app(database)(scope, None, send))  # pyright: ignore[reportArgumentType] -- not called
        assert sent[0]["status"] == 413
        assert b"The body exceeds" in sent[1]["body"]


def test_a_body_without_a_length_is_refused_once_it_is_too_large(database: Database):
    sent: list[int] = []
    answer = asyncio.run(posted(create_app(database), "/v1/jobs", sent, *[b" " * 2**18] * 100))
    problem(answer, 413, "The body exceeds 1 MiB")
    assert len(sent) == 5


def test_files_have_a_limit_of_their_own(start: Start, database: Database, stored_study: StoredStudy):
    protection = Protection(max_upload_bytes=2**21)
    http, app = start(protection), create_app(database, (), protection)
    for path in ("/v1/studies/import?dataset=made-up", "/v1/studies/made-up/evidence"):
        problem(http.post(path, content=b"x" * 2**21), 422, "is not a")
        problem(http.post(path, content=b"x" * (2**21 + 1)), 413, "The body exceeds 2 MiB")
        sent: list[int] = []
        answer = asyncio.run(posted(app, path, sent, *[b"x" * 2**20] * 10))
        problem(answer, 413, "The body exceeds 2 MiB")
        assert len(sent) == 3


def slowly(seconds: float, *chunks: bytes) -> Callable[[], Any]:
    """A `receive` that waits before each part."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    return receive


async def collected(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])


def test_a_body_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_limits, "START_SECONDS", 0.05)
    with pytest.raises(body_limits.TooSlow, match="less than 4096 bytes a second"):
        asyncio.run(collected(body_limits.parts(slowly(0.02, *[b"x"] * 100), 1000)))
    with pytest.raises(body_limits.TooSlow):
        asyncio.run(collected(body_limits.parts(slowly(60, b"x"), 1000)))


def test_a_slow_body_that_is_on_its_way_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_limits, "START_SECONDS", 0.5)
    large = b"x" * 2 * body_limits.LEAST_RATE
    assert asyncio.run(collected(body_limits.parts(slowly(0.3, large, large, large), 2**20))) == 3 * large


def test_only_some_files_are_taken_at_a_time(database: Database, stored_study: StoredStudy):
    app = create_app(database)

    async def ask() -> list[int]:
        begun, go_on = asyncio.Semaphore(0), asyncio.Event()

        async def stream() -> AsyncIterator[bytes]:
            begun.release()
            await go_on.wait()
            yield b"x"

        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://memscore") as http:
            path = "/v1/studies/made-up/evidence"
            busy = [asyncio.create_task(http.post(path, content=stream())) for _ in range(access.UPLOADS)]
            for _ in busy:
                await begun.acquire()
            refused = await http.post(path, content=b"x")
            go_on.set()
            done = [(await one).status_code for one in busy]
            assert refused.headers["retry-after"] == "10"
            again = await http.post(path, content=b"x")
            return [refused.status_code, *done, again.status_code]

    assert asyncio.run(ask()) == [429, *[422] * access.UPLOADS, 422]


def test_a_key_has_a_bucket_of_requests(monkeypatch: pytest.MonkeyPatch):
    moment = 1000.0
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: moment)
    limited = Rates(5)
    for _ in range(5):
        limited.count("a")
    with pytest.raises(TooMany, match="More than 5 requests a second") as raised:
        limited.count("a")
    assert (raised.value.retry_after, raised.value.quota) == (1, 5)
    limited.count("b")
    moment += 0.2
    limited.count("a")
    with pytest.raises(TooMany):
        limited.count("a")
    moment += 10
    for _ in range(5):
        limited.count("a")


def test_callers_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    moment = 1000.0
    monkeypatch.setattr(rate_limits.time, "monotonic", lambda: moment)
    monkeypatch.setattr(rate_limits, "REMEMBERED", 100)
    limited = Rates(5)
    for number in range(1000):
        moment += 1
        limited.count(str(number))
    assert len(limited._due) <= 101


def test_too_many_requests_are_told_when_to_come_again(start: Start, database: Database):
    http = start(replace(KEYS_REQUIRED, rate_limit=2))
    key = {"Authorization": f"Bearer {make_key(database, 'read')}"}
    answers = [http.get("/v1/studies", headers=key) for _ in range(12)]
    (*_, last) = [answer for answer in answers if answer.status_code == 429]
    problem(last, 429, "More than 2 requests a second")
    assert last.headers["retry-after"] == "1"
    assert last.headers["ratelimit-policy"] == '"requests";q=2;w=1'
    assert last.headers["ratelimit"] == '"requests";r=0;t=1'
    unknown = [http.get("/v1/studies").status_code for _ in range(10)]  # guesses share the bucket of their address
    assert 429 in unknown


def test_the_machines_own_user_has_no_limit_of_rate(start: Start, settings: Settings):
    http = start(protection_of(settings.model_copy(update={"rate_limit": 1}), "127.0.0.1"))
    assert {http.get("/healthz").status_code for _ in range(20)} == {200}


def test_addresses_of_one_ipv6_network_share_a_bucket():
    assert access._address({"client": ("2001:db8::1", 1)}) == access._address({"client": ("2001:db8:0:0:ffff::2", 2)})
    assert access._address({"client": ("2001:db8:0:1::1", 1)}) != access._address({"client": ("2001:db8::1", 1)})
    assert access._address({"client": ("10.0.0.1", 1)}) == "10.0.0.1"
    assert access._address({"client": None}) == ""


def test_in_a_process_of_its_own_user_nothing_is_asked(database: Database):
    with in_process(database) as http:
        assert http.get("/v1/studies", headers={"Host": "anything"}).status_code == 200
