"""Parse NAME=VALUE pairs from a command line, and numbers as people write them."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from typing import Any

from memscore.errors import InvalidInput

Fields = dict[str, Any]


def number(text: str) -> float:
    """A number or a fraction such as 8/255. Raises InvalidInput for anything else."""
    try:
        above, _, below = text.partition("/")
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError) as error:
        raise InvalidInput(f"{text!r} is not a number; use one such as 0.03 or 8/255.") from error


def pairs(assignments: Iterable[str], flag: str = "--set") -> dict[str, str]:
    """Names and texts from NAME=VALUE texts. Raises InvalidInput for a malformed text or a name that is set twice."""
    found: dict[str, str] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not name or not text.strip():
            raise InvalidInput(f"{flag} {assignment!r} is not an assignment; write it as NAME=VALUE.")
        if name in found:
            raise InvalidInput(f"{flag} sets {name} twice.")
        found[name] = text.strip()
    return found


def assigned(assignments: Iterable[str], fields: Container[str]) -> tuple[Fields, Fields]:
    """The pairs that name one of `fields`, and the rest, which are options of the method. Raises InvalidInput."""
    given = {name: value(text) for name, text in pairs(assignments).items()}
    found = {name: one for name, one in given.items() if name in fields}
    return found, {name: one for name, one in given.items() if name not in fields}


def value(text: str) -> Any:
    """The text as JSON or as a fraction, or unchanged if it is neither."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return number(text)
    except InvalidInput:
        return text
