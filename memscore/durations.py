"""Durations as people write and read them: 90m, 2h30m, 1d12h; 3 s, 29 min, 2 h 38 min, 6.6 days. Times likewise."""

from __future__ import annotations

import re
from datetime import datetime

UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
MOST_DIGITS = 9

_FORM = re.compile("".join(rf"(?:(\d+){unit})?" for unit in UNITS), re.ASCII)


def seconds_of(text: str, most_digits: int = MOST_DIGITS) -> int | None:
    """The seconds of a duration with its largest unit first; None for any other form, or for too many digits."""
    found = _FORM.fullmatch(text)
    counts = [count or "" for count in found.groups()] if found else []
    if not any(counts) or any(len(count) > most_digits for count in counts):
        return None
    return sum(int(count or 0) * unit for count, unit in zip(counts, UNITS.values(), strict=True))


def readable(seconds: float) -> str:
    """A duration as a person reads it, in two figures."""
    if 0 < seconds < 0.01:
        return "under 0.01 s"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days = minutes / (24 * 60)
    return f"{days:.1f} days" if days < 9.95 else f"{days:,.0f} days"


def local_time(time: datetime) -> str:
    """A time with its zone in that of this machine, as its logs have it, to the second."""
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
