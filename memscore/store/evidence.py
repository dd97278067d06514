"""Queries on trials, the durable evidence."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from memscore.errors import Damaged
from memscore.store.database import insert_new
from memscore.store.schema import full_trials, trials
from memscore.study import signatures
from memscore.study.evidence import Trial
from memscore.study.sketches import SKETCHED, Sketch

CHUNK = 100  # trials read from the database at a time

SKETCHES = ("train_sketch", "test_sketch")
"""Fields that full trials alone have."""

COMPRESSED = ("train_margin", "test_margin")
LEVEL = 1  # higher levels of zlib save another 2 % of the margins in several times the time


def add(connection: Connection, study: str, finished: list[Trial]) -> None:
    """Store finished trials, full ones in their own table; a trial already stored is not changed."""
    for table, full in ((trials, False), (full_trials, True)):
        rows = [
            {"study_id": study, "digest": trial.digest, **_plain(trial, full=full), **_compressed(trial)}
            for trial in finished
            if trial.full == full
        ]
        if rows:
            insert_new(connection, table, rows)


def numbers(connection: Connection, study: str, *, full: bool = False) -> list[int]:
    """The numbers of the stored trials, ascending."""
    table = _table(full)
    query = select(table.c.number).where(table.c.study_id == study).order_by(table.c.number)
    return list(connection.execute(query).scalars())


def count(connection: Connection, study: str, *, full: bool = False) -> int:
    """The number of stored trials."""
    return connection.execute(select(func.count()).where(_table(full).c.study_id == study)).scalar_one()


def counts(connection: Connection, of: Sequence[str]) -> dict[str, int]:
    """The number of stored trials of each of these studies that has any."""
    query = select(trials.c.study_id, func.count().label("stored")).where(trials.c.study_id.in_(of))
    return {row.study_id: row.stored for row in connection.execute(query.group_by(trials.c.study_id))}


def sketched(connection: Connection, study: str) -> list[int]:
    """The numbers of the full trials that recorded sketches, ascending."""
    table = full_trials
    first = (table.c.study_id == study) & (table.c.number < SKETCHED)  # bounds the memory that sketches take
    query = select(table.c.number).where(first, table.c.train_sketch.is_not(None)).order_by(table.c.number)
    return list(connection.execute(query).scalars())


def sketches(connection: Connection, study: str) -> list[Sketch]:
    """The sketches of the full trials that recorded them, by number.

    Raises Damaged if such a trial does not match its digest.
    """
    some = sketched(connection, study)
    trials = [trial for number in some for trial in _verified(connection, study, number, number, full=True)]
    return [trial.sketch for trial in trials if trial.sketch is not None]


def load(connection: Connection, study: str, *, full: bool = False) -> list[Trial]:
    """All trials by number, each verified. Raises Damaged if one does not match its digest."""
    return [trial for chunk in chunks(connection, study, full=full) for trial in chunk]


def chunks(connection: Connection, study: str, *, full: bool = False) -> Iterator[list[Trial]]:
    """All trials by number, a chunk at a time, each verified. Raises Damaged if one does not match its digest."""
    for first in range(0, len(stored := numbers(connection, study, full=full)), CHUNK):
        part = stored[first : first + CHUNK]
        yield _verified(connection, study, part[0], part[-1], full=full)


def _verified(connection: Connection, study: str, first: int, last: int, *, full: bool) -> list[Trial]:
    """The trials from number `first` to `last`. Raises Damaged if one does not match its digest."""
    table = _table(full)
    query = (
        select(table.c.digest, *(table.c[name] for name in _fields(full)))
        .where(table.c.study_id == study, table.c.number.between(first, last))
        .order_by(table.c.number)
    )
    found: list[Trial] = []
    for row in connection.execute(query):
        trial = trial_of(row)
        if trial.digest != row.digest:
            raise Damaged(
                f"Trial {trial.number} of study {study} does not match its digest; run: memscore db check --repair"
            )
        found.append(trial)
    return found


def trial_of(row: Row[Any]) -> Trial:
    """The trial in a row with all its columns. Raises Damaged if its margins cannot be decompressed."""
    values: dict[str, Any] = {name: getattr(row, name, None) for name in Trial.__dataclass_fields__}
    try:
        for name in COMPRESSED:
            if values[name] is not None:
                values[name] = zlib.decompress(values[name])
    except (zlib.error, TypeError) as error:  # TypeError: SQLite returns text where text was written
        raise Damaged(
            f"The margins of trial {row.number} cannot be decompressed; run: memscore db check --repair"
        ) from error
    return Trial(**values)


def networks(connection: Connection, study: str) -> list[str]:
    """The distinct signatures of the networks of the stored trials; older trials have none."""
    found: list[str] = []
    for table in (trials, full_trials):
        query = select(table.c.network, func.min(table.c.number).label("first")).where(
            table.c.study_id == study, table.c.network.is_not(None)
        )
        rows = connection.execute(query.group_by(table.c.network).order_by("first", table.c.network))
        found += [row.network for row in rows]
    return signatures.distinct(found)


def devices(connection: Connection, study: str) -> set[str]:
    """The names of the devices that trained the study's subset trials."""
    query = select(trials.c.device).where(trials.c.study_id == study).distinct()
    return set(connection.execute(query).scalars())


def seconds_a_trial(connection: Connection, study: str) -> float | None:
    """The mean duration of the study's trials on one worker, in seconds; None before the first."""
    return connection.execute(select(func.avg(trials.c.seconds)).where(trials.c.study_id == study)).scalar()


def output_bytes(connection: Connection, study: str) -> float | None:
    """The mean size of a stored trial's margins and mistakes, in bytes; None if no trial has them."""
    parts = [func.length(trials.c[name]) for name in (*COMPRESSED, "train_mistakes", "test_mistakes")]
    mean = select(func.avg(sum(parts[1:], parts[0]))).where(
        trials.c.study_id == study, trials.c.train_margin.is_not(None)
    )
    found = connection.execute(mean).scalar()
    return None if found is None else float(found)


def _fields(full: bool) -> list[str]:
    """The fields of a trial that its table has."""
    return [name for name in Trial.__dataclass_fields__ if full or name not in SKETCHES]


def _plain(trial: Trial, *, full: bool) -> dict[str, Any]:
    return {name: getattr(trial, name) for name in _fields(full)}


def _compressed(trial: Trial) -> dict[str, bytes]:
    """The compressed columns of a trial, as far as it has them."""
    plain = {name: getattr(trial, name) for name in COMPRESSED}
    return {name: zlib.compress(value, LEVEL) for name, value in plain.items() if value is not None}


def _table(full: bool) -> Table:
    return full_trials if full else trials
