"""Both clients' methods say what they take and return, to `inspect`, `help` and type checkers."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from memscore.client import (
    AsyncClient,
    Client,
    dataset_calls,
    following,
    job_calls,
    run_calls,
    service_calls,
    study_calls,
    table_calls,
)
from memscore.client.service_access import ServiceAccess
from memscore.client.steps import Emit
from memscore.messages.scores import Score
from scripts.client_calls import CLIENT, generated

CALLS: dict[str, Callable[..., Any]] = {
    name: function
    for module in (dataset_calls, following, job_calls, run_calls, service_calls, study_calls, table_calls)
    for name, function in inspect.getmembers(module, inspect.isgeneratorfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
}


@pytest.mark.parametrize("name", ["blocking", "asynchronous"])
def test_the_methods_are_up_to_date_with_the_calls(name: str):
    path: Path = CLIENT / f"{name}.py"
    assert generated(path) == path.read_text(), "run: make client"


@pytest.mark.parametrize(("client", "others"), [(Client, {"close", "url"}), (AsyncClient, {"aclose", "url"})])
def test_a_client_has_each_call_and_nothing_else(client: type, others: set[str]):
    assert {name for name in vars(client) if not name.startswith("_")} == CALLS.keys() | others
    assert len(CALLS) > 35


@pytest.mark.parametrize("name", CALLS)
def test_a_method_takes_what_its_call_takes(name: str):
    service, *expected = inspect.signature(CALLS[name]).parameters.values()
    assert service.annotation == ServiceAccess.__name__
    for client in (Client, AsyncClient):
        first, *parameters = inspect.signature(getattr(client, name)).parameters.values()
        assert first.name == "self"
        assert parameters == expected


@pytest.mark.parametrize("name", CALLS)
def test_a_method_returns_what_its_call_returns(name: str):
    steps, _, result = get_args(get_type_hints(CALLS[name])["return"])
    blocking, asynchronous = getattr(Client, name), getattr(AsyncClient, name)
    returned = get_type_hints(blocking)["return"], get_type_hints(asynchronous)["return"]
    if result is None:
        (item,) = [get_args(step)[0] for step in get_args(steps) if get_origin(step) is Emit]
        assert returned == (Iterator[item], AsyncGenerator[item])
    else:
        assert returned == (result, result)
    assert inspect.iscoroutinefunction(asynchronous) == (result is not None)
    assert not inspect.iscoroutinefunction(blocking)


@pytest.mark.parametrize("name", CALLS)
def test_a_method_is_documented_as_its_call(name: str):
    text = " ".join((CALLS[name].__doc__ or "").split())
    assert text
    for client in (Client, AsyncClient):
        method = getattr(client, name)
        assert " ".join(method.__doc__.split()) == text
        assert method.__qualname__ == f"{client.__name__}.{name}"
        assert method.__module__ == client.__module__


def test_one_signature_as_a_user_sees_it():
    for client in (Client, AsyncClient):
        assert str(inspect.signature(client.score)) == "(self, study: 'str', index: 'int') -> 'Score'"
        assert get_type_hints(client.score) == {"study": str, "index": int, "return": Score}
