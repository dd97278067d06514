"""Durations as people write them: 45s, 90m, 2h30m, 1d12h, 2w."""

from __future__ import annotations

import re

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
MOST_DIGITS = 9

_FORM = re.compile("".join(rf"(?:(\d+){unit})?" for unit in UNITS))


def seconds_of(text: str, most_digits: int = MOST_DIGITS) -> int | None:
    """The seconds of a duration with its largest unit first; None for any other form, or for too many digits."""
    found = _FORM.fullmatch(text)
    counts = [count or "" for count in found.groups()] if found else []
    if not any(counts) or any(len(count) > most_digits for count in counts):
        return None
    return sum(int(count or 0) * unit for count, unit in zip(counts, UNITS.values(), strict=True))
