"""Cursors: the sort values at which a page ended, so that nothing is skipped or shown twice."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any, cast

from fastapi import Query

from memscore import strict_json
from memscore.errors import InvalidInput
from memscore.messages.message import MOST_A_PAGE
from memscore.texts import is_plain

MOST_SINGLE = 3.4028234663852886e38  # the largest number of single precision; times in seconds are far below

Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the previous page")]
Limit = Annotated[int, Query(ge=1, le=MOST_A_PAGE, description="length of the page")]


def cursor_of(*values: float | str | None) -> str:
    """A cursor of these values, safe in a URL without quoting."""
    return base64.urlsafe_b64encode(strict_json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def values_of(cursor: str, *kinds: type | tuple[type, ...]) -> list[Any]:
    """The values of a cursor, which must be of these types. Raises InvalidInput."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        found: object = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        found = None
    values = cast("list[Any]", found) if isinstance(found, list) else []
    if (
        not isinstance(found, list)
        or len(values) != len(kinds)
        or not all(_is(one, kind) for one, kind in zip(values, kinds, strict=True))
    ):
        raise InvalidInput("cursor is not the `next` of a page; leave it out to start from the first page.")
    return values


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    """Whether a value has exactly one of these types, and a database and NumPy can hold it."""
    if type(value) not in (kind if isinstance(kind, tuple) else (kind,)):
        return False
    if isinstance(value, str):
        return is_plain(value)
    if isinstance(value, float):
        return abs(value) <= MOST_SINGLE  # and not NaN
    return not isinstance(value, int) or 0 <= value < 2**63
