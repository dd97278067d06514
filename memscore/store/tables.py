"""Queries on versions of score tables and pairs tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, Table, UnaryExpression, delete, func, select

from memscore.errors import Conflict, Damaged, NoScoresYet
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store.database import insert_new
from memscore.store.schema import pair_tables, published_scores, score_tables

Kind = TypeVar("Kind", bound=ScoreTable | PairsTable)


@dataclass(frozen=True)
class Version:
    """The stored bytes of one table version: an .npz."""

    study: str
    digest: str
    trials: int
    payload: bytes

    def decode(self, kind: type[Kind]) -> Kind:
        """The table. Raises Damaged unless the bytes match the digest they were stored under."""
        try:
            table = kind.decode(self.payload)
        except Damaged:
            table = None
        if table is None or (table.digest, table.trials, table.meta["study"]) != (self.digest, self.trials, self.study):
            raise Damaged(f"The stored {kind.kind} of study {self.study} is damaged; run: memscore db check --repair")
        return table


def add(
    connection: Connection,
    study: str,
    *versions: ScoreTable | PairsTable,
    replaces: tuple[str | None, str | None] = (None, None),
) -> None:
    """Store a version of each of the tables; versions already stored are not changed.

    `replaces`: digests of the score table and the pairs table that these continue; those are deleted unless they are
    current or published.
    """
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
    for stored, digest, current in zip(
        (score_tables, pair_tables), replaces, current_digests(connection, study), strict=True
    ):
        if digest not in (None, current):
            superseded = delete(stored).where(stored.c.study_id == study, stored.c.digest == digest)
            connection.execute(superseded.where(stored.c.digest.not_in(published(stored))))


def add_imported(connection: Connection, study: str, table: ScoreTable | PairsTable) -> None:
    """Store a table of imported scores, of which a study has one: an empty pairs table gives way to another.

    Raises Conflict if the study has another one.
    """
    kind = type(table)
    stored = score_tables if kind is ScoreTable else pair_tables
    there = connection.execute(_newest(stored, study, stored.c.digest)).scalar()
    if there is not None and there != table.digest:
        before = version(connection, kind, study, there)
        if kind is PairsTable and not len(table):
            return
        if kind is ScoreTable or before is None or len(before.decode(kind)):
            raise Conflict(f"The study was imported before, with another {kind.kind} of the same origin.")
        connection.execute(delete(stored).where(stored.c.study_id == study, stored.c.digest == there))
    add(connection, study, table)


def published(stored: Table) -> Select[tuple[str]]:
    """A query for the digests of one kind of table that are published as plain rows, of all studies."""
    return select(published_scores.c.digest if stored is score_tables else published_scores.c.pairs_digest)


def current_digest(connection: Connection, study: str) -> str | None:
    """Digest of the newest score table: the one from most trials. None before the first."""
    return connection.execute(_newest(score_tables, study, score_tables.c.digest)).scalar()


def current_digests(connection: Connection, study: str) -> tuple[str | None, str | None]:
    """Digests of the newest score table and the newest pairs table."""
    pairs = connection.execute(_newest(pair_tables, study, pair_tables.c.digest)).scalar()
    return current_digest(connection, study), pairs


def current_meta(connection: Connection, study: str) -> dict[str, Any] | None:
    """Metadata of the newest score table. None before the first."""
    return connection.execute(_newest(score_tables, study, score_tables.c.meta)).scalar()


def current_metas(connection: Connection, of: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Metadata of the newest score table of each of these studies that has one."""
    place = func.row_number().over(partition_by=score_tables.c.study_id, order_by=newest_first(score_tables))
    ranked = select(score_tables.c.study_id, score_tables.c.digest, place.label("place"))
    newest = ranked.where(score_tables.c.study_id.in_(of)).subquery()
    query = select(score_tables.c.study_id, score_tables.c.meta).join(
        newest, (newest.c.study_id == score_tables.c.study_id) & (newest.c.digest == score_tables.c.digest)
    )
    return {row.study_id: row.meta for row in connection.execute(query.where(newest.c.place == 1))}


def current_pairs_meta(connection: Connection, study: str) -> dict[str, Any] | None:
    """Metadata of the newest pairs table. None before the first."""
    return connection.execute(_newest(pair_tables, study, pair_tables.c.meta)).scalar()


def version(connection: Connection, kind: type[ScoreTable | PairsTable], study: str, digest: str) -> Version | None:
    """The stored version of one kind of table with this digest, or None."""
    stored = score_tables if kind is ScoreTable else pair_tables
    columns = (stored.c.study_id, stored.c.digest, stored.c.trials, stored.c.payload)
    row = connection.execute(
        select(*columns).where(stored.c.study_id == study, stored.c.digest == digest)
    ).one_or_none()
    return None if row is None else Version(*row)


def current(connection: Connection, study: str) -> tuple[Version, Version]:
    """The newest score table and the pairs table built with it. Raises NoScoresYet before the first."""
    versions: list[Version] = []
    for stored in (score_tables, pair_tables):
        columns = (stored.c.study_id, stored.c.digest, stored.c.trials, stored.c.payload)
        row = connection.execute(_newest(stored, study, *columns)).one_or_none()
        if row is None:
            raise NoScoresYet(f"Study {study} has no scores yet; they appear when its first block is stored.")
        versions.append(Version(*row))
    return versions[0], versions[1]


def _newest(stored: Table, study: str, *columns: Column[Any]) -> Select[Any]:
    return select(*columns).where(stored.c.study_id == study).order_by(*newest_first(stored)).limit(1)


def newest_first(stored: Table) -> tuple[UnaryExpression[Any] | Column[Any], ...]:
    """The order of a study's versions; the first is the current one."""
    return stored.c.trials.desc(), stored.c.created_at.desc(), stored.c.digest
