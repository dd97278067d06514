"""Queries on trials: the durable facts."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, func, select

from memscore.errors import Damaged
from memscore.evidence import Trial
from memscore.store.database import insert_new
from memscore.store.schema import trials

_FIELDS = [trials.c[name] for name in Trial.__dataclass_fields__]


def add(connection: Connection, study: str, finished: list[Trial]) -> None:
    """Store finished trials; a trial that is there already stays as it is."""
    rows = [{"study_id": study, "digest": trial.digest, **asdict(trial)} for trial in finished]
    insert_new(connection, trials, rows)


def numbers(connection: Connection, study: str) -> list[int]:
    """The numbers of the stored trials, ascending."""
    query = select(trials.c.number).where(trials.c.study_id == study).order_by(trials.c.number)
    return list(connection.execute(query).scalars())


def count(connection: Connection, study: str) -> int:
    """How many trials are stored."""
    return connection.execute(select(func.count()).where(trials.c.study_id == study)).scalar_one()


def load(connection: Connection, study: str) -> list[Trial]:
    """All trials by number, each verified. Raises Damaged if one does not match its digest."""
    query = select(trials.c.digest, *_FIELDS).where(trials.c.study_id == study).order_by(trials.c.number)
    found: list[Trial] = []
    for row in connection.execute(query):
        trial = Trial(**{name: getattr(row, name) for name in Trial.__dataclass_fields__})
        if trial.digest != row.digest:
            raise Damaged(
                f"Trial {trial.number} of study {study} does not match its digest; delete it to train it anew."
            )
        found.append(trial)
    return found
