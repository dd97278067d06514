"""Numbers and lists as the sentences about a dataset give them."""

from __future__ import annotations

from collections.abc import Sequence

NO_TEST_PART = "There is no test part: mem needs none, but influences do; a test share of 0.2 would make one."


def count(number: int, noun: str) -> str:
    """A number with its noun, such as "1 image" or "2,000 images"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], shown: int) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def was(number: int) -> str:
    """The verb for a number of things."""
    return "was" if number == 1 else "were"
