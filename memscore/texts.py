"""Texts that others wrote: which are plain, and how any can be shown without harm to a reader or a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, cast

_HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, lone surrogates, which no encoding has, and marks that reorder a line."""


def is_plain(text: str) -> bool:
    """Whether a text has no harmful characters."""
    return _HARMFUL.search(text) is None


def fault_of(text: str, longest: int) -> str | None:
    """Why a text is refused, as the end of a sentence that names it: too long, or not plain."""
    if len(text) > longest:
        return f"has {len(text):,} characters; at most {longest:,} are kept"
    found = _HARMFUL.search(text)
    if found is None:
        return None
    name = unicodedata.name(found[0], "a control character or half a character")
    return f"has a character at place {found.start()} that cannot be shown (U+{ord(found[0]):04X}, {name.lower()})"


def harmless(text: str) -> str:
    """The text with each harmful character written as Python's escape for it."""
    return _HARMFUL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def harmless_values(value: Any) -> Any:
    """Values of JSON with each of their texts made harmless."""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {harmless(name) if isinstance(name, str) else name: harmless_values(one) for name, one in items}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [harmless_values(one) for one in cast("Sequence[Any]", value)]
    return value
