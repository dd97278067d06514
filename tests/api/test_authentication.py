"""Keys: who may do what, on SQLite and PostgreSQL."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select, text, update

from api import authentication
from api.app import create_app
from api.protection import protection_of, require_a_key
from api.serving.in_process import InProcessTransport, in_process
from memscore import keys
from memscore.errors import InvalidInput
from memscore.keys import Pepper
from memscore.settings import Settings
from memscore.store import Database, api_keys
from memscore.store.database import now
from tests.api.conftest import BODY, KEYS_REQUIRED, PEPPER, count_lookups, make_key, problem
from tests.conftest import StoredStudy


@pytest.fixture
def protected(database: Database) -> Generator[httpx.Client]:
    """A service that needs keys."""
    transport = InProcessTransport(database, create_app(database, (), KEYS_REQUIRED))
    with httpx.Client(transport=transport, base_url="http://memscore") as client:
        yield client


@pytest.fixture
def with_key(database: Database) -> Callable[[keys.Scope], dict[str, str]]:
    """Headers with a new key of a scope."""
    return lambda scope: {"Authorization": f"Bearer {make_key(database, scope)}"}


@pytest.mark.slower
def test_without_a_key_everything_that_tells_of_what_is_stored_is_refused(protected: httpx.Client):
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert protected.get(path).status_code == 200
    for path in ("/nowhere", "/v1", "/V1/studies", "/nowhere/v1/studies"):
        problem(protected.get(path), 404, "There is nothing at")
    for path in ("/v1/studies", "/v1/jobs", "/v1/keys", "/metrics", "/v1/nowhere", "/v1/studies/x/table", "/v1/",
                 "/v1%2Fstudies", "/v1/session/", "/v1/sessions"):  # fmt: skip
        answer = protected.get(path)
        problem(answer, 401, "This service needs a key; send it as: Authorization: Bearer KEY")
        assert answer.headers["www-authenticate"] == 'Bearer realm="memscore"'
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
    problem(protected.post("/v1/jobs", json=BODY), 401, "This service needs a key")
    assert protected.head("/v1/studies").status_code == 401
    assert protected.options("/v1/studies").status_code == 401


def test_scopes_allow_what_they_say(protected: httpx.Client, with_key: Callable, stored_study: StoredStudy):
    reader, writer, admin = (with_key(scope) for scope in keys.SCOPES)
    for headers in (reader, writer, admin):
        assert protected.get("/v1/studies/made-up/scores/1", headers=headers).status_code == 200
        assert protected.head("/v1/studies/made-up/table", headers=headers).status_code == 200
        assert protected.get("/metrics", headers=headers).status_code == 200
    for path in ("/v1/jobs", "/v1/jobs/none/cancel", "/v1/studies/import?dataset=made-up", "/v1/studies/x/evidence"):
        answer = protected.post(path, headers=reader, content=b"{}")
        problem(answer, 403, "This needs a key with the scope write; this key has read.")
        assert answer.json()["type"].endswith("/insufficient-scope")
        assert 'error="insufficient_scope", scope="write"' in answer.headers["www-authenticate"]
    assert protected.post("/v1/jobs", headers=writer, json=BODY).status_code == 202
    for request in (("GET", "/v1/keys"), ("POST", "/v1/keys"), ("DELETE", "/v1/keys/none")):
        problem(protected.request(*request, headers=writer), 403, "the scope admin; this key has write")
    assert protected.get("/v1/keys", headers=admin).status_code == 200
    assert protected.post("/v1/jobs", headers=admin, json=BODY).status_code == 202


def test_a_lookup_of_many_scores_is_a_read():
    assert authentication.needed_scope("POST", "/v1/studies/digits/scores/lookup") == "read"


def test_a_wrong_key_is_refused_whatever_part_of_it_is_wrong(protected: httpx.Client, database: Database):
    key = make_key(database, "admin")
    other, _ = keys.generate()
    mixed = key[: keys.ID_LENGTH + len(keys.PREFIX) + 1] + other[keys.ID_LENGTH + len(keys.PREFIX) + 1 : -6]
    for wrong in (other, mixed + keys._check(mixed)):
        answer = protected.get("/v1/studies", headers={"Authorization": f"Bearer {wrong}"})
        problem(answer, 401, "does not know the key")
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("damage", [lambda key: key[:-1], lambda key: key + "x", lambda key: key.swapcase(), str.upper])
def test_a_mistyped_key_is_refused_without_the_database(
    protected: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch, damage: Callable[[str], str]
):
    key = make_key(database, "admin")
    looked_up = count_lookups(monkeypatch)
    answer = protected.get("/v1/studies", headers={"Authorization": f"Bearer {damage(key)}"})
    problem(answer, 401, "it was cut off or mistyped; copy it again")
    assert looked_up == []


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "memscore_x", "Bearer \xff\xfe", "é"]
)
def test_what_is_no_bearer_key_is_refused(protected: httpx.Client, header: str):
    answer = protected.get("/v1/studies", headers={b"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_revoked_key_is_refused_at_once(protected: httpx.Client, database: Database, with_key: Callable):
    admin, reader = with_key("admin"), with_key("read")
    assert protected.get("/v1/studies", headers=reader).status_code == 200
    made = {one["id"]: one for one in protected.get("/v1/keys", headers=admin).json()["keys"]}
    (victim,) = [one for one in made.values() if one["scope"] == "read"]
    assert protected.delete(f"/v1/keys/{victim['id']}", headers=admin).json()["state"] == "revoked"
    problem(protected.get("/v1/studies", headers=reader), 401, "was revoked; ask for a new one")
    assert protected.delete(f"/v1/keys/{victim['id']}", headers=admin).json()["state"] == "revoked"
    problem(protected.delete("/v1/keys/none", headers=admin), 404, "There is no key 'none'")


def test_a_key_revoked_by_another_process_is_refused_once_it_is_looked_up_again(
    protected: httpx.Client, database: Database, with_key: Callable, monkeypatch: pytest.MonkeyPatch
):
    assert authentication.VERIFIED_SECONDS <= 1
    reader = with_key("read")
    assert protected.get("/v1/studies", headers=reader).status_code == 200
    with database.writing() as connection:
        connection.execute(update(api_keys.api_keys).values(revoked_at=now()))
    moment = authentication.time.monotonic() + authentication.VERIFIED_SECONDS
    monkeypatch.setattr(authentication.time, "monotonic", lambda: moment)
    problem(protected.get("/v1/studies", headers=reader), 401, "was revoked")


def test_an_expired_key_is_refused(protected: httpx.Client, database: Database):
    headers = {"Authorization": f"Bearer {make_key(database, 'read', expires_in=-1)}"}
    problem(protected.get("/v1/studies", headers=headers), 401, "has expired; ask for a new one")
    later = {"Authorization": f"Bearer {make_key(database, 'read', expires_in=60)}"}
    assert protected.get("/v1/studies", headers=later).status_code == 200


def test_a_key_that_was_right_a_moment_ago_needs_no_database(
    protected: httpx.Client, with_key: Callable, monkeypatch: pytest.MonkeyPatch
):
    moment = authentication.time.monotonic()
    monkeypatch.setattr(authentication.time, "monotonic", lambda: moment)
    looked_up, reader = count_lookups(monkeypatch), with_key("read")
    looked_up.clear()
    for _ in range(5):
        assert protected.get("/healthz", headers=reader).status_code == 200
    assert len(looked_up) == 1


def test_the_database_holds_no_key_and_hashes_need_the_pepper(database: Database):
    key = make_key(database, "admin")
    with database.reading() as connection:
        (row,) = connection.execute(select(api_keys.api_keys)).mappings().all()
    secret = key.rpartition("_")[2][: keys.SECRET_LENGTH]
    assert secret not in str(dict(row))
    assert row["secret_hash"] == PEPPER.hash(key) != Pepper(b"another long pepper").hash(key)


def test_keys_are_compared_in_constant_time(
    protected: httpx.Client, with_key: Callable, monkeypatch: pytest.MonkeyPatch
):
    compared: list[tuple[str, str]] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        authentication.hmac, "compare_digest", lambda one, other: compared.append((one, other)) or compare(one, other)
    )
    protected.get("/v1/studies", headers=with_key("read"))
    protected.get("/v1/studies", headers={"Authorization": f"Bearer {keys.generate()[0]}"})
    assert [len(one) == len(other) == 64 for one, other in compared] == [True, True]


def test_on_a_loopback_address_a_key_is_optional_but_must_be_right(database: Database):
    with in_process(database) as http:
        assert http.get("/v1/studies").status_code == 200
        problem(http.get("/v1/studies", headers={"Authorization": "Bearer wrong"}), 401, "mistyped")


def test_a_key_is_shown_once_and_then_works(protected: httpx.Client, with_key: Callable):
    admin = with_key("admin")
    made = protected.post("/v1/keys", headers=admin, json={"name": "trainer", "scope": "read", "expires_in": 3600})
    assert made.status_code == 201
    body = made.json()
    assert made.headers["cache-control"] == "no-store"
    assert keys.id_of(body["key"]) == body["id"]
    assert body.items() >= {"name": "trainer", "scope": "read", "state": "live", "last_used_at": None}.items()
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < left < timedelta(minutes=61)
    assert protected.get("/v1/studies", headers={"Authorization": f"Bearer {body['key']}"}).status_code == 200
    listed = protected.get("/v1/keys", headers=admin)
    assert listed.headers["cache-control"] == "no-store"
    assert body["key"] not in listed.text
    assert {one["name"] for one in listed.json()["keys"]} == {"somebody", "trainer"}


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "x"}, {"name": "x", "scope": "root"}, {"name": "../x", "scope": "read"}, {"name": "x", "scope": []},
     {"name": "x", "scope": "read", "expires_in": 0}, {"name": "x", "scope": "read", "secret": "mine"}],
)  # fmt: skip
def test_a_wrong_request_for_a_key_is_a_problem(protected: httpx.Client, with_key: Callable, body: dict):
    assert protected.post("/v1/keys", headers=with_key("admin"), json=body).status_code == 422


def test_the_use_of_a_key_is_noted_once_a_minute(database: Database):
    key, identifier = keys.generate()
    with database.writing() as connection:
        assert api_keys.add(connection, identifier, key, PEPPER, "x", "read", None).use_is_old
        api_keys.note_use(connection, identifier)
        first = api_keys.get(connection, identifier)
        api_keys.note_use(connection, identifier)
        assert api_keys.get(connection, identifier) == first
        assert not first.use_is_old
        connection.execute(text("UPDATE api_keys SET last_used_at = last_used_at - 61"))
        assert api_keys.get(connection, identifier).use_is_old
        api_keys.note_use(connection, identifier)
        assert api_keys.get(connection, identifier).last_used_at >= first.last_used_at  # pyright: ignore[reportOperatorIssue]


def test_a_used_key_says_when(protected: httpx.Client, with_key: Callable, monkeypatch: pytest.MonkeyPatch):
    from threading import Event

    noted = Event()
    note = api_keys.note_use
    monkeypatch.setattr(api_keys, "note_use", lambda *given: (note(*given), noted.set()))
    admin = with_key("admin")
    protected.get("/v1/keys", headers=admin)
    assert noted.wait(10)
    for _ in range(100):  # until that transaction has ended
        (one,) = protected.get("/v1/keys", headers=admin).json()["keys"]
        if one["last_used_at"]:
            return
    raise AssertionError("the use is not noted")


def test_beyond_loopback_a_service_refuses_to_start_without_a_key(database: Database, settings: Settings):
    protection = protection_of(settings, "0.0.0.0")
    assert protection.keys_required
    with pytest.raises(InvalidInput, match="make one: memscore keys create NAME --scope admin"):
        require_a_key(database, protection, "0.0.0.0")
    key, identifier = keys.generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, protection.pepper(), "x", "read", None)
    require_a_key(database, protection, "0.0.0.0")
    another = settings.model_copy(update={"key_pepper": None, "home": settings.home / "another"})
    another.home.mkdir()
    with pytest.raises(InvalidInput, match="hashed with a pepper other than"):
        require_a_key(database, protection_of(another, "0.0.0.0"), "0.0.0.0")
    with database.writing() as connection:
        api_keys.revoke(connection, identifier)
    with pytest.raises(InvalidInput, match="none exists yet"):
        require_a_key(database, protection, "0.0.0.0")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_no_key_is_needed_unless_it_is_asked_for(settings_of_sqlite: Settings, host: str):
    assert not protection_of(settings_of_sqlite, host).keys_required
    asked = settings_of_sqlite.model_copy(update={"require_keys": True})
    assert protection_of(asked, host).keys_required


def test_a_key_of_another_pepper_is_refused_and_the_log_says_why(
    protected: httpx.Client, database: Database, caplog: pytest.LogCaptureFixture
):
    key, identifier = keys.generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, Pepper(b"another long pepper"), "x", "read", None)
    caplog.set_level(logging.INFO)
    problem(protected.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"}), 401, "does not know the key")
    assert f"key {identifier} was hashed with a pepper other than" in caplog.text
    assert key not in caplog.text


def test_a_host_with_another_pepper_makes_no_key_that_others_would_refuse(database: Database):
    key, identifier = keys.generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, PEPPER, "x", "admin", None)
    with in_process(database) as http:
        wanted = {"name": "x", "scope": "read"}
        problem(http.post("/v1/keys", json=wanted), 422, "copy the file key-pepper from the home folder")
        http.delete(f"/v1/keys/{identifier}")
        assert http.post("/v1/keys", json=wanted).status_code == 201


@pytest.mark.slower
def test_the_description_says_which_key_a_call_needs(protected: httpx.Client):
    document = protected.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"].items() >= {"type": "http", "scheme": "bearer"}.items()
    needs = {
        f"{method} {path}": operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert needs["get /healthz"] == needs["get /readyz"] == []
    assert needs["get /metrics"] == needs["get /v1/studies"] == [{"key": ["read"]}, {"session": ["read"]}]
    write, admin = ([{"key": [scope]}, {"session": [scope], "csrf": []}] for scope in ("write", "admin"))
    assert needs["post /v1/jobs"] == needs["post /v1/studies/import"] == write
    assert needs["post /v1/keys"] == needs["delete /v1/keys/{id}"] == admin
    assert {} in needs["get /v1/session"]
    assert {} in needs["post /v1/session"]
