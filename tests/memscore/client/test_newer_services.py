"""Answers of a service that is ahead of this client: a field more in each object, a new value in each enumeration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from api.serving.in_process import in_process
from memscore.client import Client
from memscore.client.received import received
from memscore.client.retries import ONCE
from memscore.errors import InvalidInput, ServiceError, Unavailable
from memscore.messages.jobs import STATES, JobEvent, JobMessage
from memscore.store import Database
from memscore.study.spec import Recipe
from tests.conftest import QUICK, StoredStudy
from tests.fault_server import fault_server
from tests.fault_server import json as json_answer

ENUMERATED = {
    *STATES,
    *("balanced", "uniform", "sgd", "adamw", "linear", "cosine", "constant", "float32", "bfloat16"),
    *("margins", "bits", "same_class", "all", "trials", "ready", "ok", "leading", "missing", "images", "features"),
    *("equal", "near", "mirrored"),
    *("pass", "look at it", "cannot be told", "posterior", "raw"),
}


def with_fields(value: Any) -> Any:
    """Plain data with a field more in each object; a recipe's options are a map, whose keys mean something."""
    if isinstance(value, dict):
        fields = {name: one if name == "options" else with_fields(one) for name, one in value.items()}
        return fields | {"of_tomorrow": {"deep": [1, "two"]}}
    return [with_fields(one) for one in value] if isinstance(value, list) else value


def with_values(value: Any) -> Any:
    """Plain data in which each value of an enumeration is one that this version does not know."""
    if isinstance(value, dict):
        return {name: with_values(one) for name, one in value.items()}
    if isinstance(value, list):
        return [with_values(one) for one in value]
    return f"{value} of tomorrow" if isinstance(value, str) and value in ENUMERATED else value


class Relay(httpx.BaseTransport):
    """Passes requests on to a service, and changes its answers in JSON."""

    def __init__(self, service: httpx.Client, change: Callable[[Any], Any]) -> None:
        self.service = service
        self.change = change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.service.request(
            request.method, str(request.url), content=request.read(), headers={"content-type": "application/json"}
        )
        if "json" not in answer.headers.get("content-type", ""):
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        changed = json.dumps(self.change(answer.json())).encode()
        return httpx.Response(answer.status_code, content=changed, headers={"content-type": "application/json"})


def calls(client: Client, study: StoredStudy) -> Iterator[Any]:
    """What a trainer and the command line ask for most."""
    name = study.record.name
    yield client.health()
    yield client.ready()
    yield client.datasets()
    yield client.studies()
    yield client.study(name)
    yield client.score(name, 3)
    yield client.scores(name, [1, 2])
    yield client.sets(name)
    yield client.histogram(name)
    yield client.risk(name)
    yield client.duplicates(name)
    job = client.submit("made-up", QUICK, trials=50)
    yield job
    yield client.jobs()
    yield client.job(job.id)
    yield client.plan("made-up", QUICK, trials=50)


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("change", [with_fields, with_values, lambda data: with_values(with_fields(data))])
def test_every_answer_is_read(change: Callable[[Any], Any], database: Database, stored_study: StoredStudy):
    relay = httpx.Client(transport=Relay(in_process(database), change), base_url="http://relay")
    with Client(http=relay) as client:
        answers = list(calls(client, stored_study))
    with Client(http=in_process(database)) as client:
        expected = list(calls(client, stored_study))
    assert [type(one) for one in answers] == [type(one) for one in expected]


@pytest.mark.databases("sqlite")
def test_what_is_known_is_as_it_was(database: Database, stored_study: StoredStudy):
    relay = httpx.Client(transport=Relay(in_process(database), with_fields), base_url="http://relay")
    with Client(http=relay) as client, Client(http=in_process(database)) as direct:
        posted = direct.submit("made-up", QUICK, trials=50)
        assert client.job(posted.id) == direct.job(posted.id)
        assert client.study(stored_study.record.name) == direct.study(stored_study.record.name)


@pytest.mark.databases("sqlite")
def test_unknown_values_are_kept_as_they_are(database: Database, stored_study: StoredStudy):
    relay = httpx.Client(transport=Relay(in_process(database), with_values), base_url="http://relay")
    with Client(http=relay) as client:
        job = client.submit("made-up", QUICK, trials=50)
        assert job.state == "queued of tomorrow"
        assert not job.finished
        assert job.progress.unit == "trials of tomorrow"
        recipe = client.study(stored_study.record.name).recipe
        assert isinstance(recipe, Recipe)
        assert (recipe.optimizer, recipe.network) == ("sgd of tomorrow", "mlp")


def test_an_event_of_a_new_state_is_read_and_a_garbled_one_is_an_error_of_the_service():
    event = {"id": 3, "job": "ab", "at": "2026-11-29T12:00:00Z", "state": "paused", "message": "", "by": "somebody"}
    assert received(JobEvent, json.dumps(event)).state == "paused"
    with pytest.raises(ValueError, match="JobEvent"):
        received(JobEvent, '{"id": 3')
    with pytest.raises(ValueError, match="created_at"):
        received(JobMessage, "{}")


@pytest.mark.parametrize("content", ["[]", "3", '{"status": 5}', "<html>"])
def test_what_is_no_answer_of_ours_is_refused_in_one_sentence(content: str):
    http = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, text=content)), base_url="http://elsewhere"
    )
    with Client(http=http) as client, pytest.raises(ServiceError, match="is not a memscore service of this version"):
        client.health()


PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


@pytest.mark.parametrize("variable", PROXIES)
@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_requests_to_this_machine_go_through_no_proxy(variable: str, proxy: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, proxy)
    with fault_server(json_answer('{"status": "ok", "version": "1"}')) as server, Client(server.url) as client:
        assert client.health().status == "ok"


@pytest.mark.parametrize("variable", PROXIES)
def test_a_proxy_that_does_not_answer_is_named_without_its_password(variable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv(variable, "http://somebody:secret@127.0.0.1:9")
    with Client("http://lab.example", retries=ONCE) as client, pytest.raises(Unavailable) as error:
        client.health()
    assert f"through the proxy 127.0.0.1:9 of {variable}" in str(error.value)
    assert "see that the proxy reaches it" in str(error.value)
    assert "secret" not in str(error.value)


def test_a_proxy_of_a_kind_that_cannot_be_used_is_one_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(InvalidInput, match=r"through the proxy socks5://127\.0\.0\.1:9 of ALL_PROXY.*NO_PROXY"):
        Client("http://lab.example")
