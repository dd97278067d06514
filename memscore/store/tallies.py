"""Remembers what removed jobs and studies had counted, so that counters of metrics never fall."""

from __future__ import annotations

from typing import Literal, get_args

from sqlalchemy import Connection, select, update

from memscore.store.database import insert_ignoring
from memscore.store.schema import tallies

Tally = Literal["attempts", "attempts_lost", "jobs_started", "waited", "trials", "full_trials", "blocks"]
NAMES: tuple[Tally, ...] = get_args(Tally)


def removed(connection: Connection) -> dict[Tally, float]:
    """What all removed rows had counted; `waited` in seconds."""
    stored = {row.name: row.value for row in connection.execute(select(tallies.c.name, tallies.c.value))}
    return {name: stored.get(name, 0.0) for name in NAMES}


def add(connection: Connection, counted: dict[Tally, float]) -> None:
    """Add what rows that are about to be removed have counted."""
    for name, value in counted.items():
        if value:
            insert_ignoring(connection, tallies, {"name": name, "value": 0.0})
            connection.execute(update(tallies).where(tallies.c.name == name).values(value=tallies.c.value + value))
