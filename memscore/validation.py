"""Pydantic's validation errors as one sentence for users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

TECHNICAL = {
    "Extra inputs are not permitted": "there is no such field",
    "Field required": "this field is missing",
    "Input should be an object": "this must be a JSON object",
    "Input should be a valid dictionary or instance of Recipe": "this must be a JSON object",
}


def sentence(error: ValidationError) -> str:
    """The location and the error there, without a full stop."""
    return first_of(error.errors())


def first_of(errors: Sequence[Mapping[str, Any]]) -> str:
    """The same for a list of errors: an unknown field comes first, since it may be a misspelled required one."""
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    where = ".".join(str(part) for part in first["loc"])
    message = plain(str(first["msg"]))
    return f"{where}: {message}" if where else message


def plain(message: str) -> str:
    """Reword a pydantic message for users."""
    message = message.removeprefix("Value error, ")
    return TECHNICAL.get(message, message)
