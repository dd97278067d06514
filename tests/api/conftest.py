"""A service in this process, what is sent to it, and what its refusals look like."""

from __future__ import annotations

from collections.abc import Generator

import httpx
import pytest

from api.protection import Protection
from api.serving.in_process import in_process
from memscore import keys
from memscore.keys import Pepper
from memscore.store import Database, api_keys
from tests.conftest import QUICK

BODY = {"dataset": "made-up", "recipe": QUICK.model_dump(mode="json"), "target": {"trials": 50}}
"""A request for a job that fits the stored study."""

PEPPER = Pepper(b"a pepper of the tests")
KEYS_REQUIRED = Protection(keys_required=True, pepper=lambda: PEPPER)


@pytest.fixture(scope="session", autouse=True)
def _routes_shared(routes_shared: None) -> None:
    pass


@pytest.fixture
def http(database: Database) -> Generator[httpx.Client]:
    """A client of a service on the test's database."""
    with in_process(database) as client:
        yield client


def problem(response: httpx.Response, status: int, sentence: str) -> None:
    """Every error is a problem document with one sentence."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert body["type"].startswith("https://")
    assert body["instance"] == response.request.url.path
    assert sentence in body["detail"], body["detail"]
    assert "Traceback" not in response.text


def make_key(database: Database, scope: keys.Scope, expires_in: int | None = None) -> str:
    """A new key of a scope."""
    key, identifier = keys.generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, PEPPER, "somebody", scope, expires_in)
    return key


def count_lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are looked up in the database from now on."""
    looked_up: list[str] = []
    get = api_keys.get
    monkeypatch.setattr(api_keys, "get", lambda connection, one: looked_up.append(one) or get(connection, one))
    return looked_up
