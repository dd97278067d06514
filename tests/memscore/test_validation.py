"""Pydantic's errors in words for users."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from memscore.validation import sentence


class Body(BaseModel, extra="forbid"):
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    name: Annotated[str, Field(max_length=3)] = "a"
    names: list[str] = []
    flag: bool = False


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
