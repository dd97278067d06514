"""What a check of the database finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DatabaseError

from memscore.errors import MemscoreError

UNREADABLE = (MemscoreError, DatabaseError, TypeError, ValueError, KeyError)
"""What it ends in to read a page that is damaged, or a row whose values are not of their columns' types."""

Watch = Callable[[str, int], object]
"""Told what is being looked at, and how many more things have been."""


@dataclass(frozen=True)
class DatabaseFinding:
    """Something that is not as it should be.

    `remedy` is what to do, or what `--repair` does; `repaired`: what it has done. What is `harmless` is no damage:
    nothing is lost or wrong.
    """

    place: str
    problem: str
    remedy: str = ""
    repaired: str | None = None
    harmless: bool = False

    @property
    def damage(self) -> bool:
        """Whether something is damaged, and still is."""
        return not self.harmless and self.repaired is None


def guarded(place: str, findings: Iterator[DatabaseFinding]) -> Iterator[DatabaseFinding]:
    """The findings; where rows cannot be read at all, that is one of them."""
    try:
        yield from findings
    except UNREADABLE as error:
        sentence = str(error).strip().splitlines()[0]
        yield DatabaseFinding(place, f"cannot be read: {sentence}", "restore the database from a copy")
