"""Types of arguments: what is taken, what is refused in one sentence, and that all that is public can be checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from memscore import sampling
from memscore.arguments import check_fields, indices_of, shown, typed
from memscore.client import (
    AsyncClient,
    Client,
    dataset_calls,
    following,
    job_calls,
    service_calls,
    study_calls,
    table_calls,
)
from memscore.errors import InvalidInput
from memscore.study.spec import Design

CALLS = (dataset_calls, following, job_calls, service_calls, study_calls, table_calls)


@typed
def taken(
    names: Sequence[str] = (),
    roles: Mapping[str, int | None] | None = None,
    kind: Literal["a", "b"] = "a",
    path: Path | str = "",
    count: int = 0,
    anything: Callable[[], None] | None = None,
) -> tuple[Any, ...]:
    return names, roles, kind, path, count, anything


def test_what_a_function_declares_is_taken():
    frame: Any = {"x": np.zeros(2)}
    three: Any = np.int64(3)
    assert taken(["a"], {"x": 3, "y": None}, "b", Path("p"), three) == (
        ["a"],
        {"x": 3, "y": None},
        "b",
        Path("p"),
        3,
        None,
    )
    assert taken(np.array(["a"]), roles=None, anything=frame)[5] is frame  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"names": "abc"}, "names must be a list, not 'abc'."),
        ({"names": {"a": 1}}, "names must be a list, not {'a': 1}."),
        ({"names": ["a", 1]}, "The items of names must be texts, not 1."),
        ({"roles": ["a"]}, "roles must be a mapping, not ['a']."),
        ({"roles": {1: 2}}, "The keys of roles must be texts, not 1."),
        ({"roles": {"a": "2"}}, "The values of roles must be whole numbers or None, not '2'."),
        ({"kind": "c"}, "kind must be 'a' or 'b', not 'c'."),
        ({"path": 3}, "path must be a path or text, not 3."),
        ({"count": True}, "count must be a whole number, not True."),
        ({"count": np.zeros(99)}, "count must be a whole number, not an array."),
        ({"count": "a\n" * 3}, "count must be a whole number, not 'a\\na\\na\\n'."),
    ],
)
def test_other_types_are_refused(given: dict[str, Any], said: str):
    with pytest.raises(InvalidInput) as refused:
        taken(**given)
    assert str(refused.value) == said


def test_a_value_that_cannot_show_itself_is_named_by_its_type():
    class Broken:
        def __repr__(self) -> str:
            raise ValueError

    assert shown(Broken()) == "a Broken"
    assert shown("x" * 80) == "a str"


def test_indices_and_masks():
    assert indices_of("drop", [4, 0, 4], 5).tolist() == [4, 0, 4]
    assert indices_of("drop", np.arange(5) > 2, 5).tolist() == [3, 4]
    for wrong, said in (
        ([5], "drop must lie in 0 to 4"),
        ([True], "drop must be indices, or a mask"),
        (3, "drop must"),
    ):
        with pytest.raises(InvalidInput, match=said):
            indices_of("drop", wrong, 5)


def test_fields_are_checked():
    @dataclass
    class Bounds:
        low: float

    globals()["Bounds"] = Bounds
    check_fields(Bounds(3))
    with pytest.raises(InvalidInput, match="low must be a number, not '3'"):
        check_fields(Bounds("3"))  # pyright: ignore[reportArgumentType]


def test_the_types_of_every_call_are_known():
    """A name that only type checkers import would make the call fail at its first use."""
    for module in CALLS:
        for name, call in vars(module).items():
            if inspect.isfunction(call) and call.__module__ == module.__name__ and not name.startswith("_"):
                parameters = inspect.signature(call).parameters.values()
                given = [None for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
                with pytest.raises(InvalidInput, match="service must be a ServiceAccess, not None"):
                    typed(call)(*given)
    for function in (sampling.weights, sampling.keep, sampling.sampler):
        assert hasattr(function, "__wrapped__")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("score", (3, 4), "study must be text, not 3."),
        ("score", ("x", "4"), "index must be a whole number, not '4'."),
        ("scores", ("x", 3), "The indices must be a list or an array of integers, not 3."),
        ("scores", ("x", ["a"]), "The indices must be integers in one dimension, not 'a'."),
        ("scores", ("x", "ab"), "The indices must be a list or an array of integers, not 'ab'."),
        ("scores", ("x", b"ab"), "The indices must be a list or an array of integers, not b'ab'."),
        ("scores", ("x", {"a": 1}), "The indices must be a list or an array of integers, not {'a': 1}."),
        ("sets", ("x", "y"), "thresholds must be a Thresholds, not 'y'."),
        ("table", ("x",), "dataset must be a dataset or its fingerprint, not 3."),
        ("jobs", ("odd",), "state must be "),
        ("submit", ("d", 3), "recipe must be text or a Recipe, not 3."),
        ("import_scores", ("x", "d"), "payload must be bytes, not 'x'."),
        ("risk", (Design(),), "study must be text, not "),
    ],
)
def test_a_client_refuses_before_it_asks(name: str, given: tuple[Any, ...], said: str):
    with Client() as client, pytest.raises(InvalidInput) as refused:
        getattr(client, name)(*given, **({"dataset": 3} if name == "table" else {}))
    assert str(refused.value).startswith(said)


def test_a_client_s_own_arguments():
    for kind in (Client, AsyncClient):
        for given, said in (
            ((3,), "url must be text, not 3"),
            (("http://x", 3), "key must be text, not 3"),
        ):
            with pytest.raises(InvalidInput, match=said):
                kind(*given)  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidInput, match="timeout must be a number, not '3'"):
            kind(timeout="3")  # pyright: ignore[reportArgumentType]
