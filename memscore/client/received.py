"""Reads the answers of a service that may be newer than this client.

Fields it does not know are ignored at any depth, also in what requests share with answers, such as recipes. Values of
an enumeration it does not know, such as a new state of a job, are kept as they are.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from memscore.strict_json import dumps

AnyMessage = TypeVar("AnyMessage", bound=BaseModel)

ROUNDS = 5
"""An unknown value may hide others, which only the next attempt meets."""


def received(message: type[AnyMessage], content: bytes | str) -> AnyMessage:
    """An answer as a message. Raises ValidationError if it is none."""
    try:
        return message.model_validate_json(content, extra="ignore")
    except ValidationError as error:
        unknown = error
    if any(_known(one) is None for one in unknown.errors()):
        raise unknown
    data = json.loads(content)
    kept: dict[tuple[int | str, ...], Any] = {}
    for _ in range(ROUNDS):
        for one in unknown.errors():
            if (known := _known(one)) is None:
                raise unknown
            kept.setdefault(one["loc"], _exchanged(data, one["loc"], known))
        try:
            found = message.model_validate_json(dumps(data), extra="ignore")
        except ValidationError as error:
            unknown = error
        else:
            for place, value in kept.items():
                _put(found, place, value)
            return found
    raise unknown


def _known(error: Any) -> str | None:
    """A value in place of an unknown one of an enumeration; None for any other error."""
    if error["type"] != "literal_error" or not isinstance(error["input"], str):
        return None
    return str(error["ctx"]["expected"]).split("'")[1]


def _exchanged(data: Any, place: tuple[int | str, ...], value: str) -> Any:
    """Put a value in a place of plain data, and return what was there."""
    for part in place[:-1]:
        data = data[part]
    before, data[place[-1]] = data[place[-1]], value
    return before


def _put(message: BaseModel, place: tuple[int | str, ...], value: Any) -> None:
    """Set a value in a place of a message, although messages cannot be changed."""
    within: Any = message
    for part in place[:-1]:
        within = getattr(within, str(part)) if isinstance(within, BaseModel) else within[part]
    if isinstance(within, BaseModel):
        object.__setattr__(within, str(place[-1]), value)
    else:
        within[place[-1]] = value
