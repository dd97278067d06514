"""NAME=VALUE pairs of a command line, and numbers as people write them."""

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
        raise InvalidInput(f"{text!r} is no number; write one such as 0.03 or 8/255.") from error


def assigned(assignments: Iterable[str], fields: Container[str]) -> tuple[Fields, Fields]:
    """The pairs that name one of `fields`, and the others, which are options of a method. Raises InvalidInput."""
    found: Fields = {}
    others: Fields = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise InvalidInput(f"--set {assignment!r} is no assignment; write it as NAME=VALUE.")
        name = name.strip().replace("-", "_")
        (found if name in fields else others)[name] = value(text.strip())
    return found, others


def value(text: str) -> Any:
    """JSON, a fraction, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return number(text)
    except InvalidInput:
        return text
