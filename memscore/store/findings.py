"""The findings of a check of the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.exc import DatabaseError

from memscore.errors import MemscoreError

UNREADABLE = (MemscoreError, DatabaseError, TypeError, ValueError, KeyError)
"""Errors from reading a damaged page, or a row with values that do not have their columns' types."""

Watch = Callable[[str, int], object]
"""Called with the place being checked and the number of things checked since the last call."""


@dataclass(frozen=True)
class DatabaseFinding:
    """A problem in the database.

    `remedy`: what to do, or what `--repair` does; `repaired`: what it did. A `harmless` finding is not damage: nothing
    is lost or wrong.
    """

    place: str
    problem: str
    remedy: str = ""
    repaired: str | None = None
    harmless: bool = False

    @property
    def damage(self) -> bool:
        """Whether this is damage that has not been repaired."""
        return not self.harmless and self.repaired is None


def guarded(place: str, findings: Iterator[DatabaseFinding]) -> Iterator[DatabaseFinding]:
    """The findings; if rows cannot be read at all, that becomes a finding too."""
    try:
        yield from findings
    except UNREADABLE as error:
        sentence = str(error).strip().splitlines()[0]
        yield DatabaseFinding(place, f"cannot be read: {sentence}", "restore the database from a copy")
