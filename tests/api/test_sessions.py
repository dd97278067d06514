"""Sessions of browsers: what the cookie is, what it allows, how it ends, and what other pages cannot do with it."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.cookies import Morsel, SimpleCookie

import httpx
import pytest
from sqlalchemy import select, text, update

from api import authentication, sessions
from api.app import create_app
from api.middleware.access import is_open
from api.protection import Protection
from api.serving.in_process import InProcessTransport
from api.serving.server import configuration
from memscore import keys
from memscore.keys import Pepper
from memscore.settings import Settings
from memscore.store import Database, api_keys
from memscore.store.database import now
from tests.api.conftest import BODY, KEYS_REQUIRED, PEPPER, count_lookups, make_key, problem
from tests.conftest import StoredStudy

pytestmark = pytest.mark.databases("sqlite")  # one kind of database is enough here

Start = Callable[..., httpx.Client]
PATH = "/v1/session"
NOBODY = {"signed_in": False, "name": None, "csrf": None, "expires_at": None}


@pytest.fixture
def start(database: Database) -> Generator[Start]:
    """Starts a process of the service, and gives a browser that has not been there yet."""
    clients: list[httpx.Client] = []

    def started(protection: Protection = KEYS_REQUIRED, url: str = "http://127.0.0.1:8000") -> httpx.Client:
        transport = InProcessTransport(database, create_app(database, (), protection))
        clients.append(httpx.Client(transport=transport, base_url=url))
        return clients[-1]

    yield started
    for client in clients:
        client.close()


@pytest.fixture
def browser(start: Start) -> httpx.Client:
    """A browser before a service that needs keys."""
    return start()


def sign_in(browser: httpx.Client, key: str) -> dict:
    answer = browser.post(PATH, json={"key": key})
    assert answer.status_code == 200, answer.text
    return answer.json()


def signed_in(browser: httpx.Client, database: Database, scope: keys.Scope) -> dict[str, str]:
    """The header that changes take in a new session of a new key."""
    return {"X-CSRF-Token": sign_in(browser, make_key(database, scope))["csrf"]}


def cookie_of(answer: httpx.Response) -> Morsel[str]:
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel


def with_cookie(browser: httpx.Client, token: str) -> None:
    browser.cookies.clear()
    browser.headers["Cookie"] = f"{sessions.COOKIE}={token}"


def revoke_all(database: Database) -> None:
    """As another process does, which cannot tell this one."""
    with database.writing() as connection:
        connection.execute(update(api_keys.api_keys).values(revoked_at=now()))


def test_a_session_stands_for_its_key(browser: httpx.Client, database: Database, stored_study: StoredStudy):
    assert browser.get(PATH).json() == {**NOBODY, "keys_required": True, "scope": None, "scopes": []}
    problem(browser.get("/v1/studies"), 401, "This service needs a key")
    begun = sign_in(browser, make_key(database, "write"))
    assert begun.items() >= {"signed_in": True, "keys_required": True, "name": "somebody", "scope": "write"}.items()
    assert begun["scopes"] == ["read", "write"]
    assert browser.get(PATH).json() == begun
    for path in ("/v1/studies", "/v1/studies/made-up/scores/1", "/v1/studies/made-up/table", "/metrics"):
        assert browser.get(path).status_code == 200, path
    header = {"X-CSRF-Token": begun["csrf"]}
    assert browser.post("/v1/jobs", json=BODY, headers=header).status_code == 202
    problem(browser.post("/v1/keys", json={}, headers=header), 403, "the scope admin; this key has write")
    problem(browser.get("/v1/keys"), 403, "the scope admin; this key has write")


def test_streams_and_ready_answers_work_by_the_cookie_alone(
    browser: httpx.Client, database: Database, stored_study: StoredStudy
):
    header = signed_in(browser, database, "write")
    job = browser.post("/v1/jobs", json=BODY, headers=header).json()["id"]
    browser.post(f"/v1/jobs/{job}/cancel", headers=header)
    stream = browser.get(f"/v1/jobs/{job}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "event: state" in stream.text
    body = {"indices": [1]}
    assert browser.post("/v1/studies/made-up/scores/lookup", json=body, headers=header).status_code == 200
    problem(browser.post("/v1/studies/made-up/scores/lookup", json=body), 403, "X-CSRF-Token")


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser: httpx.Client, database: Database):
    """HttpOnly: a script that got into a page could not read it. And neither it nor the body holds the key."""
    key = make_key(database, "admin")
    answer = browser.post(PATH, json={"key": key})
    cookie = cookie_of(answer)
    assert cookie["httponly"] is True
    assert (cookie.key, cookie["path"], cookie["samesite"], cookie["domain"]) == ("memscore_session", "/", "strict", "")
    assert int(cookie["max-age"]) == 12 * 3600
    assert cookie.value not in answer.text
    assert browser.get(PATH).text == answer.text
    secret = key.rpartition("_")[2]
    for shown in (str(answer.headers), answer.text):
        assert secret not in shown
        assert PEPPER.hash(key) not in shown
    assert answer.headers["cache-control"] == browser.get(PATH).headers["cache-control"] == "no-store"


def test_over_https_the_cookie_is_never_sent_in_the_clear(start: Start, database: Database):
    browser = start(url="https://scores.lab")
    answer = browser.post(PATH, json={"key": make_key(database, "read")})
    cookie = cookie_of(answer)
    assert cookie.key == "__Host-memscore_session"
    assert cookie["secure"] is True
    assert browser.get("/v1/studies").status_code == 200
    with_cookie(browser, cookie.value)  # under the name of a cookie that a page over HTTP can set
    problem(browser.get("/v1/studies"), 401, "This service needs a key")


@pytest.mark.parametrize(
    ("address", "trusted", "believed"),
    [("127.0.0.1", None, True), ("::1", None, True), ("10.0.0.1", None, False), ("10.0.0.1", "10.0.0.1", True)],
)
def test_a_trusted_proxy_says_that_it_is_https(
    database: Database, address: str, trusted: str | None, believed: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    if trusted is not None:
        monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    served = configuration(create_app(database, (), KEYS_REQUIRED), Settings(stop_seconds=1))
    served.load()
    key = make_key(database, "read")

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(served.loaded_app, client=(address, 1))  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            return await http.post(PATH, json={"key": key}, headers={"X-Forwarded-Proto": "https"})

    assert bool(cookie_of(asyncio.run(ask()))["secure"]) is believed


def test_a_session_ends_with_its_key_if_that_is_sooner(browser: httpx.Client, database: Database):
    answer = browser.post(PATH, json={"key": make_key(database, "read", expires_in=600)})
    assert 590 <= int(cookie_of(answer)["max-age"]) <= 600
    left = datetime.fromisoformat(answer.json()["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


def test_a_session_ends_after_12_hours_whatever_the_browser_does(
    browser: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
):
    with_cookie(browser, cookie_of(browser.post(PATH, json={"key": make_key(database, "read")})).value)
    assert browser.get("/v1/studies").status_code == 200
    later = sessions.time.time() + sessions.LIFETIME_SECONDS
    monkeypatch.setattr(sessions.time, "time", lambda: later)
    monkeypatch.setattr(authentication.time, "monotonic", lambda: later)
    problem(browser.get("/v1/studies"), 401, "The session has ended")


def test_a_session_survives_a_restart_and_works_on_every_process(start: Start, database: Database):
    begun_at, other = start(), start()
    answer = begun_at.post(PATH, json={"key": make_key(database, "write")})
    with_cookie(other, cookie_of(answer).value)
    assert other.get(PATH).json() == answer.json()
    header = {"X-CSRF-Token": answer.json()["csrf"]}
    problem(other.post("/v1/jobs/none/cancel", headers=header), 404, "There is no job")


@pytest.mark.parametrize(
    "key", ["", "x", "memscore_x", "\u00e9", "x" * 100_000, pytest.param(keys.generate()[0], id="unknown")]
)
def test_a_wrong_key_begins_no_session(browser: httpx.Client, key: str):
    sent = browser.post(PATH, json={"key": key})
    problem(sent, 401, "does not know the key" if keys.id_of(key) else "This is not a complete key")
    assert "set-cookie" not in sent.headers
    assert browser.get(PATH).json()["signed_in"] is False


def test_a_key_that_is_over_begins_no_session(browser: httpx.Client, database: Database):
    problem(browser.post(PATH, json={"key": make_key(database, "read", -1)}), 401, "has expired; ask for a new one")
    key = make_key(database, "read")
    revoke_all(database)
    problem(browser.post(PATH, json={"key": key}), 401, "was revoked; ask for a new one")


def test_a_revoked_keys_sessions_end_at_once(browser: httpx.Client, database: Database):
    admin = {"Authorization": f"Bearer {make_key(database, 'admin')}"}
    key = make_key(database, "read")
    sign_in(browser, key)
    assert browser.get("/v1/studies").status_code == 200
    assert browser.delete(f"/v1/keys/{keys.id_of(key)}", headers=admin).status_code == 200
    problem(browser.get("/v1/studies"), 401, "was revoked; ask for a new one")
    assert browser.get(PATH).json()["signed_in"] is False


def test_a_key_revoked_by_another_process_ends_its_sessions_within_a_second(
    browser: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
):
    assert authentication.VERIFIED_SECONDS <= 1
    header = signed_in(browser, database, "write")
    assert browser.get("/v1/studies").status_code == 200
    revoke_all(database)
    moment = authentication.time.monotonic() + authentication.VERIFIED_SECONDS
    monkeypatch.setattr(authentication.time, "monotonic", lambda: moment)
    problem(browser.get("/v1/studies"), 401, "was revoked; ask for a new one")
    problem(browser.post("/v1/jobs", json=BODY, headers=header), 401, "was revoked; ask for a new one")


def test_a_session_that_was_right_a_moment_ago_needs_no_database(
    browser: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
):
    signed_in(browser, database, "read")
    moment = authentication.time.monotonic()
    monkeypatch.setattr(authentication.time, "monotonic", lambda: moment)
    looked_up = count_lookups(monkeypatch)
    for _ in range(5):
        assert browser.get(PATH).json()["signed_in"]
    assert len(looked_up) == 1


def test_a_changed_token_is_no_session(browser: httpx.Client, database: Database):
    """Every part of it is signed: the key, both times, the random bits."""
    token = cookie_of(browser.post(PATH, json={"key": make_key(database, "read")})).value
    admin = str(keys.id_of(make_key(database, "admin")))
    identifier, issued, expires_at, nonce, signature = token.split(".")
    with_cookie(browser, token)
    assert browser.get("/v1/studies").status_code == 200
    for changed in (
        (admin, issued, expires_at, nonce, signature),
        (keys.generate()[1], issued, expires_at, nonce, signature),
        (identifier, str(int(issued) + 1), expires_at, nonce, signature),
        (identifier, issued, str(int(expires_at) + 1), nonce, signature),
        (identifier, issued, expires_at, nonce[::-1], signature),
        (identifier, issued, expires_at, nonce, signature[::-1]),
        (identifier, issued, expires_at, nonce),
        (identifier, issued, "9" * 5000, nonce, signature),
        ("\xff",),
    ):
        with_cookie(browser, "")
        cookie = f"{sessions.COOKIE}={'.'.join(changed)}".encode("latin-1")
        problem(browser.get("/v1/studies", headers={b"Cookie": cookie}), 401, "The session has ended")


def test_the_csrf_token_is_no_session(browser: httpx.Client, database: Database):
    answer = browser.post(PATH, json={"key": make_key(database, "read")})
    signed = cookie_of(answer).value.rpartition(".")[0]
    with_cookie(browser, f"{signed}.{answer.json()['csrf']}")
    problem(browser.get("/v1/studies"), 401, "The session has ended")


def test_a_session_needs_the_pepper_and_the_stored_hash_of_the_key(start: Start, database: Database):
    browser = start()
    token = cookie_of(browser.post(PATH, json={"key": make_key(database, "read")})).value
    another = start(replace(KEYS_REQUIRED, pepper=lambda: Pepper(b"another long pepper")))
    with_cookie(another, token)
    problem(another.get("/v1/studies"), 401, "The session has ended")
    with database.writing() as connection:
        connection.execute(text("UPDATE api_keys SET secret_hash = :hash"), {"hash": "1" * 64})
    with_cookie(browser, token)
    problem(browser.get("/v1/studies"), 401, "The session has ended")


def test_the_database_holds_nothing_of_a_session(browser: httpx.Client, database: Database):
    token = cookie_of(browser.post(PATH, json={"key": make_key(database, "read")})).value
    with database.reading() as connection:
        stored = str(connection.execute(select(api_keys.api_keys)).mappings().all())
    assert not any(part in stored for part in token.split(".")[3:])


def test_a_change_by_the_cookie_needs_the_csrf_token(
    browser: httpx.Client, database: Database, stored_study: StoredStudy
):
    """Of the very session: neither none, nor a wrong one, nor that of another session of the same key."""
    key = make_key(database, "admin")
    others = {"X-CSRF-Token": sign_in(browser, key)["csrf"]}
    ours = {"X-CSRF-Token": sign_in(browser, key)["csrf"]}
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * 64}, others, {b"X-CSRF-Token": b"\xff"}):
        for method, path in (
            ("POST", "/v1/jobs"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/none"), ("DELETE", PATH),
            ("POST", "/v1/studies/import"), ("POST", "/v1/studies/made-up/evidence"), ("PUT", "/v1/jobs"),
        ):  # fmt: skip
            answer = browser.request(method, path, json={}, headers=headers)
            problem(answer, 403, "needs the header X-CSRF-Token with `csrf` from GET /v1/session")
            assert answer.json()["type"].endswith("/csrf-token-needed")
    assert browser.get("/v1/jobs").json()["jobs"] == []
    assert browser.post("/v1/jobs", json=BODY, headers=ours).status_code == 202


def test_the_csrf_token_is_compared_in_constant_time(
    browser: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
):
    header = signed_in(browser, database, "read")
    compared: list[object] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(sessions.hmac, "compare_digest", lambda one, other: compared.append(one) or compare(one, other))
    browser.post("/v1/studies/none/scores/lookup", json={"indices": []}, headers=header)
    assert header["X-CSRF-Token"].encode() in compared
    assert any(isinstance(one, str) and len(one) == 64 for one in compared), "the cookie's signature"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_changes_nothing_even_with_the_token(
    browser: httpx.Client, database: Database, site: str
):
    headers = {**signed_in(browser, database, "admin"), "Sec-Fetch-Site": site, "Origin": "http://127.0.0.1:3000"}
    problem(
        browser.post("/v1/keys", json={"name": "x", "scope": "admin"}, headers=headers), 403, "Pages of other sites"
    )
    problem(browser.delete(PATH, headers=headers), 403, "Pages of other sites")


def test_a_page_of_another_site_cannot_sign_anybody_in(browser: httpx.Client, database: Database):
    """Else what somebody does would be done under a key of the page's."""
    body = {"key": make_key(database, "admin")}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = browser.post(PATH, json=body, headers=headers)
        problem(answer, 403, "Pages of other sites")
        assert "set-cookie" not in answer.headers


def test_a_session_that_somebody_brings_is_never_taken_over(browser: httpx.Client, database: Database):
    """Each sign-in makes a token of its own, whatever cookie comes with it."""
    brought = cookie_of(browser.post(PATH, json={"key": make_key(database, "read")})).value
    key, seen = make_key(database, "admin"), {brought}
    for cookie in (brought, "chosen-by-somebody", brought):
        with_cookie(browser, cookie)
        answer = browser.post(PATH, json={"key": key})
        assert answer.json()["scope"] == "admin"
        made = cookie_of(answer).value
        assert made not in seen
        assert made.split(".")[3] not in {token.split(".")[3] for token in seen}
        seen.add(made)


def test_a_key_goes_before_a_cookie(browser: httpx.Client, database: Database):
    signed_in(browser, database, "read")
    admin = {"Authorization": f"Bearer {make_key(database, 'admin')}"}
    made = browser.post("/v1/keys", json={"name": "x", "scope": "read"}, headers=admin)
    assert made.status_code == 201, "no CSRF token is needed: pages of other sites cannot send a key"
    problem(browser.get("/v1/studies", headers={"Authorization": "Bearer wrong"}), 401, "mistyped")
    told = browser.get(PATH, headers=admin).json()
    assert told == {**NOBODY, "name": "somebody", "keys_required": True, "scope": "admin", "scopes": [*keys.SCOPES]}


def test_signing_out_takes_the_cookie_back(browser: httpx.Client, database: Database):
    header = signed_in(browser, database, "write")
    answer = browser.delete(PATH, headers=header)
    assert answer.json() == {**NOBODY, "keys_required": True, "scope": None, "scopes": []}
    cookie = cookie_of(answer)
    assert (cookie.value, cookie["max-age"], cookie["path"]) == ("", "0", "/")
    assert not browser.cookies
    problem(browser.get("/v1/studies"), 401, "This service needs a key")
    assert browser.delete(PATH).status_code == 200


def test_a_session_that_is_over_stands_in_no_ones_way(browser: httpx.Client, database: Database):
    with_cookie(browser, "over")
    problem(browser.get("/v1/studies"), 401, "sign in again")
    assert browser.get(PATH).json()["signed_in"] is False
    assert browser.get("/docs").status_code == 200
    assert browser.delete(PATH).status_code == 200
    assert sign_in(browser, make_key(database, "read"))["signed_in"]


def test_pages_do_without_the_database(browser: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch):
    signed_in(browser, database, "read")
    looked_up = count_lookups(monkeypatch)
    assert browser.get("/docs").status_code == 200
    assert looked_up == []


@pytest.mark.parametrize(
    "path",
    ["/", "/jobs", "/jobs/new", "/jobs/5f2b9c41d07ae836", "/studies/digits", "/studies/digits/train/17", "/compare",
     "/sign-in", "/datasets/digits", "/assets/0123456789abcdef/main.js", "/docs", "/openapi.json", PATH],
)  # fmt: skip
def test_pages_and_their_files_need_no_key(path: str):
    assert is_open(path)


def test_what_is_mounted_below_another_address_is_guarded_too(database: Database):
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/scores", create_app(database, (), KEYS_REQUIRED))])

    async def ask(path: str) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as http:
            return (await http.get(path)).status_code

    assert asyncio.run(ask("/scores/v1/studies")) == asyncio.run(ask("/scores/metrics")) == 401
    assert asyncio.run(ask("/scores/v1/session")) == asyncio.run(ask("/scores/docs")) == 200


def test_where_no_key_is_needed_everyone_is_this_machines_own_user(start: Start, database: Database):
    browser = start(replace(KEYS_REQUIRED, keys_required=False))
    everything = {"keys_required": False, "scope": "admin", "scopes": [*keys.SCOPES]}
    assert browser.get(PATH).json() == {**NOBODY, **everything}
    with_cookie(browser, "of-another-service-on-another-port")
    assert browser.get(PATH).json() == {**NOBODY, **everything}
    assert browser.get("/v1/keys").status_code == 200
    del browser.headers["Cookie"]
    header = signed_in(browser, database, "read")
    assert browser.get(PATH).json().items() >= {"signed_in": True, "keys_required": False, "scope": "read"}.items()
    problem(browser.get("/v1/keys"), 403, "the scope admin; this key has read")
    browser.delete(PATH, headers=header)
    assert browser.get("/v1/keys").status_code == 200


def test_guesses_at_the_sign_in_have_the_limit_of_their_address(
    start: Start, database: Database, monkeypatch: pytest.MonkeyPatch
):
    """A session, which has a limit of its own, does not help."""
    moment = authentication.time.monotonic()
    monkeypatch.setattr(authentication.time, "monotonic", lambda: moment)
    browser = start(replace(KEYS_REQUIRED, rate_limit=4))
    signed_in(browser, database, "read")
    assert browser.get("/v1/studies").status_code == 200
    found = [browser.post(PATH, json={"key": keys.generate()[0]}).status_code for _ in range(4)]
    assert found == [401, 401, 429, 429]
    assert browser.get("/v1/studies").status_code == 200


def test_a_session_and_its_key_are_one_caller(browser: httpx.Client, database: Database, stored_study: StoredStudy):
    """Idempotency keys belong to a caller; a session and its key are the same caller."""
    key = make_key(database, "write")
    csrf = {"X-CSRF-Token": sign_in(browser, key)["csrf"], "Idempotency-Key": '"once"'}
    first = browser.post("/v1/jobs", json=BODY, headers=csrf)
    bearer = {"Authorization": f"Bearer {key}", "Idempotency-Key": '"once"'}
    again = browser.post("/v1/jobs", json=BODY, headers=bearer)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"


def test_the_use_of_a_session_is_a_use_of_its_key(
    browser: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
):
    from threading import Event

    signed_in(browser, database, "read")
    noted = Event()
    monkeypatch.setattr(authentication.api_keys, "note_use", lambda *_: noted.set())
    with database.writing() as connection:
        connection.execute(text("UPDATE api_keys SET last_used_at = 0"))
    browser.get("/v1/studies")
    assert noted.wait(10)


@pytest.mark.parametrize("body", [{}, {"key": None}, {"key": 1}, {"key": "x", "name": "y"}, [], "x"])
def test_a_wrong_sign_in_is_a_problem_that_does_not_show_the_key(browser: httpx.Client, body: object):
    assert browser.post(PATH, json=body).status_code == 422


def test_a_browser_that_meets_another_name_is_refused_with_a_session_too(start: Start, database: Database):
    browser = start(replace(KEYS_REQUIRED, hosts=frozenset()))
    signed_in(browser, database, "read")
    token = next(iter(browser.cookies.jar)).value
    cookie = {"Cookie": f"{sessions.COOKIE}={token}", "Host": "evil.example"}
    problem(browser.get("/v1/studies", headers=cookie), 421, "does not answer to the name")
