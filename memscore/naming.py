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
    """The number of a class that is given by name, or else by number. Raises InvalidInput if there is none.

    Spaces around a name and its case matter only where another class has the same name without them. Where all classes
    are named by whole numbers, a text such as "02" is one of these, never the place of a class.
    """
    if not isinstance(given, str):
        if not 0 <= given < len(names):
            raise InvalidInput(f"There is no class {given}; they are numbered from 0 to {len(names) - 1}.")
        return given
    if given in names:
        return list(names).index(given)
    alike = [place for place, name in enumerate(names) if _plain(name) == _plain(given)]
    if len(alike) == 1:
        return alike[0]
    if given.isdecimal() and not named_by_numbers(names):
        return label_of(names, int(given))
    raise InvalidInput(f"There is no class {given[:100]!r}; the first are: {', '.join(names[:10])}.")


def named_by_numbers(names: Sequence[str]) -> bool:
    """Whether all classes have whole numbers as names, and some another than their place."""
    return all(map(_is_number, names)) and any(int(name) != place for place, name in enumerate(names))


def require_clear(names: Sequence[str], given: int | str | None) -> None:
    """Raise InvalidInput for a number where classes are named by other numbers than their places: it may mean two."""
    if isinstance(given, int) and named_by_numbers(names):
        first = f"{', '.join(names[:5])}{' and so on' if len(names) > 5 else ''}"
        raise InvalidInput(
            f"The classes are named {first}, so {given} may be a name or a place; write the name as text, such as "
            f'"{names[0]}".'
        )


def _plain(name: str) -> str:
    """A name without spaces around it, in lower case; a number without zeros before it."""
    name = name.strip().casefold()
    return str(int(name)) if _is_number(name) else name


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()
