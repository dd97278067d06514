"""Pydantic's validation errors as one sentence for users."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

TECHNICAL = {
    "extra_forbidden": "there is no such field",
    "missing": "this field is missing",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
}
"""Wordings by pydantic's type of error."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
"""Of names of datasets and studies."""

DIGEST_PATTERN = r"^[0-9a-f]{64}$"
"""Of SHA-256 in hexadecimal digits: fingerprints of datasets, digests of tables."""

PATTERNS = {
    NAME_PATTERN: "must start with a letter or digit and have at most 63 letters, digits, dots, hyphens and "
    "underscores",
    DIGEST_PATTERN: "must be 64 of the characters 0 to 9 and a to f",
}
"""Wordings by pattern, which no person should have to read."""

OBJECTS = frozenset(("Input should be an object", "Input should be a valid dictionary or instance of Recipe"))

BOUNDS = {"greater_than_equal": "at least", "less_than_equal": "at most", "greater_than": "above", "less_than": "below"}

SHOWN = 30
"""Most characters of a number out of range that a sentence repeats."""


def sentence(error: ValidationError) -> str:
    """The location and the error there, without a full stop."""
    return first_of(error.errors())


def first_of(errors: Sequence[Mapping[str, Any]]) -> str:
    """The same for a list of errors: an unknown field comes first, since it may be a misspelled required one."""
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    return located(".".join(str(part) for part in first["loc"]), worded(first))


def located(where: str, message: str) -> str:
    """What is wrong at a place: `trials must be at least 1, not 0`."""
    if not where:
        return message
    return f"{where} {message}" if message.startswith("must ") else f"{where}: {message}"


def worded(error: Mapping[str, Any]) -> str:
    """Reword one of pydantic's errors for users; a number out of range is repeated."""
    kind, message = str(error["type"]), str(error["msg"]).removeprefix("Value error, ")
    if kind in BOUNDS:
        limit = next(iter(error["ctx"].values()))
        bound = f"{limit:g}" if isinstance(limit, float) else limit
        value = error.get("input")
        given = f"{value:g}" if isinstance(value, float) else str(value)
        if given.strip().lower().removeprefix("-").removeprefix("+") == "nan":
            return f"must be a number, not {given}"
        return f"must be {BOUNDS[kind]} {bound}{f', not {given}' if len(given) <= SHOWN else ''}"
    if kind == "string_pattern_mismatch" and (text := PATTERNS.get(error["ctx"]["pattern"])):
        return text
    if message in OBJECTS:
        return "must be a JSON object"
    return TECHNICAL.get(kind) or re.sub(r"^(Input|String|List|Value) should ", "must ", message)
