"""JSON that every reader takes."""

import json
from pathlib import Path
from typing import Any

import pytest

from memscore.strict_json import dumps


def refuse(constant: str) -> None:
    raise AssertionError(constant)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"a": float("nan"), "b": [1.5, float("inf"), (-float("inf"), "NaN")]},
            '{"a": null, "b": [1.5, null, [null, "NaN"]]}',
        ),
        (float("nan"), "null"),
        ({"x": {"y": True}, "z": None, "n": 3}, '{"x": {"y": true}, "z": null, "n": 3}'),
    ],
)
def test_what_is_not_finite_is_null(value: Any, text: str):
    assert dumps(value) == text
    json.loads(text, parse_constant=refuse)


def test_options_are_those_of_json():
    assert dumps({"b": 1, "a": (2,)}, sort_keys=True, separators=(",", ":")) == '{"a":[2],"b":1}'
    assert dumps({"p": Path("x")}, default=str) == '{"p": "x"}'
