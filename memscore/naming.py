"""Names of samples and classes as people see them: text that can be shown on a page and in a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from memscore.errors import InvalidInput


def legible(text: str) -> str:
    """Replace characters that cannot be shown or stored: control characters and lone surrogates."""
    return "".join("\ufffd" if unicodedata.category(one) in ("Cc", "Cs") else one for one in text).strip()


def class_name(names: Sequence[str], label: int) -> str:
    """The name of a class, or its number where it has none that can be shown; empty for a negative label."""
    if label < 0:
        return ""
    if label >= len(names):
        return str(label)
    return legible(names[label]) or f"class {label}"


def label_of(names: Sequence[str], given: int | str) -> int:
    """The number of a class that is given by name, or else by number. Raises InvalidInput if there is none."""
    if isinstance(given, str):
        if given in names:
            return list(names).index(given)
        if not given.isdecimal():
            raise InvalidInput(f"There is no class {given[:100]!r}; the first are: {', '.join(names[:10])}.")
    if not 0 <= int(given) < len(names):
        raise InvalidInput(f"There is no class {given}; they are numbered from 0 to {len(names) - 1}.")
    return int(given)
