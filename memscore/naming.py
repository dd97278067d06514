"""Names of samples and classes as people see them: text that can be shown on a page and in a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


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
