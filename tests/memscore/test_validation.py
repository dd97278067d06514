"""Pydantic's errors in words for users."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from memscore.validation import DIGEST_PATTERN, NAME_PATTERN, sentence


class Body(BaseModel, extra="forbid"):
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    name: Annotated[str, Field(max_length=3)] = "a"
    names: list[str] = []
    flag: bool = False
    digest: Annotated[str, Field(pattern=DIGEST_PATTERN)] = "0" * 64
    called: Annotated[str, Field(pattern=NAME_PATTERN)] = "a"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"count": 0}, "count must be at least 1, not 0"),
        ({"count": 10}, "count must be at most 9, not 10"),
        ({"count": "many"}, "count must be a whole number"),
        ({"count": 1.5}, "count must be a whole number"),
        ({"share": 1}, "share must be below 1, not 1"),
        ({"share": -0.5}, "share must be above 0, not -0.5"),
        ({"share": "1" * 200}, "share must be below 1"),
        ({"share": "half"}, "share must be a number"),
        ({"share": "nan"}, "share must be a number, not nan"),
        ({"share": float("nan")}, "share must be a number, not nan"),
        ({"share": "-inf"}, "share must be above 0, not -inf"),
        ({"digest": "0" * 63}, "digest must be 64 of the characters 0 to 9 and a to f"),
        (
            {"called": "../x"},
            "called must start with a letter or digit and have at most 63 letters, digits, dots, hyphens and "
            "underscores",
        ),
        ({"name": "longer"}, "name must have at most 3 characters"),
        ({"name": 3}, "name must be text"),
        ({"names": [1]}, "names.0 must be text"),
        ({"flag": "perhaps"}, "flag must be true or false"),
        ({"cuont": 3, "count": 0}, "cuont: there is no such field"),
        ("text", "must be a valid dictionary or instance of Body"),
    ],
)
def test_an_error_is_a_sentence_without_pydantic_s_words(given: Any, expected: str):
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(given)
    assert sentence(caught.value) == expected
