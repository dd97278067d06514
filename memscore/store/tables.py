"""Queries on versions of score tables and pairs tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, Table, select

from memscore.errors import NoScoresYet
from memscore.store.database import insert_new
from memscore.store.schema import pair_tables, score_tables
from memscore.tables import PairsTable, ScoreTable


@dataclass(frozen=True)
class Version:
    """The stored bytes of one table version: an .npz."""

    digest: str
    trials: int
    payload: bytes


def add(connection: Connection, study: str, *versions: ScoreTable | PairsTable) -> None:
    """Store a version of each of the tables; versions that are there already stay as they are."""
    for table in versions:
        stored = score_tables if isinstance(table, ScoreTable) else pair_tables
        row = {
            "study_id": study,
            "digest": table.digest,
            "trials": table.trials,
            "meta": table.meta,
            "payload": table.encode(),
        }
        insert_new(connection, stored, [row])


def current_digest(connection: Connection, study: str) -> str | None:
    """Digest of the newest score table: the one from most trials. None before the first."""
    return connection.execute(_newest(score_tables, study, score_tables.c.digest)).scalar()


def current_digests(connection: Connection, study: str) -> tuple[str | None, str | None]:
    """Digests of the newest score table and the newest pairs table."""
    pairs = connection.execute(_newest(pair_tables, study, pair_tables.c.digest)).scalar()
    return current_digest(connection, study), pairs


def current_meta(connection: Connection, study: str) -> dict[str, Any] | None:
    """Meta data of the newest score table. None before the first."""
    return connection.execute(_newest(score_tables, study, score_tables.c.meta)).scalar()


def current_pairs_meta(connection: Connection, study: str) -> dict[str, Any] | None:
    """Meta data of the newest pairs table. None before the first."""
    return connection.execute(_newest(pair_tables, study, pair_tables.c.meta)).scalar()


def current(connection: Connection, study: str) -> tuple[Version, Version]:
    """The newest score table and the pairs table built with it. Raises NoScoresYet before the first."""
    versions: list[Version] = []
    for stored in (score_tables, pair_tables):
        row = connection.execute(
            _newest(stored, study, stored.c.digest, stored.c.trials, stored.c.payload)
        ).one_or_none()
        if row is None:
            raise NoScoresYet(f"Study {study} has no scores yet; they appear when its first block has finished.")
        versions.append(Version(*row))
    return versions[0], versions[1]


def _newest(stored: Table, study: str, *columns: Column[Any]) -> Select[Any]:
    query = select(*columns).where(stored.c.study_id == study)
    return query.order_by(stored.c.trials.desc(), stored.c.created_at.desc()).limit(1)
