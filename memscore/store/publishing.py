"""Publishes a study's current tables as plain rows, for SQL and BI tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Integer, Table, delete, select, update

from memscore.arrays import Columns
from memscore.errors import StoreError
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import studies, tables
from memscore.store.database import Database, insert_ignoring, now
from memscore.store.schema import pair_scores, published_scores, sample_scores

CHUNK = 50_000  # rows made at a time

Row = tuple[Any, ...]


@dataclass(frozen=True)
class PublishedRows:
    """The published rows of a study; `changed` unless the same rows were there before."""

    study: str
    name: str
    digest: str
    trials: int
    samples: int
    pairs: int
    changed: bool


def publish(
    database: Database, study: str, advance: Callable[[int, int], object], *, again: bool = False
) -> PublishedRows:
    """Write the current tables of a study as plain rows in one transaction, replacing its earlier rows.

    Rows of the same tables are kept, unless `again`. `advance` gets the number of rows written so far and in total.
    Raises NotFound, NoScoresYet, or Damaged.
    """
    with database.reading() as connection:
        record = studies.find(connection, study)
        current = tables.current(connection, record.id)
    scores, pairs = current[0].decode(ScoreTable), current[1].decode(PairsTable)
    done, total = 0, len(scores) + len(pairs)
    with database.writing() as connection:
        changed = _claim(connection, record.id) != (scores.digest, pairs.digest) or again
        if changed:
            _delete_rows(connection, record.id)
            for table, columns in plain_columns(scores, pairs).items():
                for rows in chunks(columns):
                    _insert(connection, table, [(record.id, *row) for row in rows])
                    done += len(rows)
                    advance(done, total)
            connection.execute(
                update(published_scores)
                .where(published_scores.c.study_id == record.id)
                .values(digest=scores.digest, pairs_digest=pairs.digest, trials=scores.trials, published_at=now())
            )
    advance(total, total)
    return PublishedRows(record.id, record.name, scores.digest, scores.trials, len(scores), len(pairs), changed)


def unpublish(database: Database, study: str) -> bool:
    """Remove the plain rows of a study; returns whether it had any. Raises NotFound."""
    with database.writing() as connection:
        identifier = studies.find(connection, study).id
        there = connection.execute(delete(published_scores).where(published_scores.c.study_id == identifier)).rowcount
        _delete_rows(connection, identifier)
    return bool(there)


def plain_columns(scores: ScoreTable, pairs: PairsTable) -> dict[Table, Columns]:
    """The columns of both plain tables, without `study_id`, in their order."""
    of_samples: Columns = {"sample_index": np.arange(len(scores))}
    of_samples.update({name: scores[name] for name in _names(sample_scores) if name not in of_samples})
    return {sample_scores: of_samples, pair_scores: {name: pairs[name] for name in _names(pair_scores)}}


def chunks(columns: Columns) -> Iterator[list[Row]]:
    """Rows of these columns, a chunk at a time; None where a value is NaN."""
    for first in range(0, len(next(iter(columns.values()))), CHUNK):
        yield list(zip(*(_values(column[first : first + CHUNK]) for column in columns.values()), strict=True))


def _values(column: np.ndarray[Any, Any]) -> list[Any]:
    if column.dtype.kind != "f" or not np.isnan(column).any():
        return column.tolist()
    values = column.astype(object)
    values[np.isnan(column)] = None
    return values.tolist()


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns if column.name != "study_id"]


def _claim(connection: Connection, study: str) -> tuple[str, str]:
    """Keep others from publishing this study until the transaction ends; returns the digests published so far."""
    nothing = {"digest": "", "pairs_digest": "", "trials": 0, "published_at": now()}
    insert_ignoring(connection, published_scores, {"study_id": study, **nothing})
    query = select(published_scores.c.digest, published_scores.c.pairs_digest)
    digest, pairs_digest = connection.execute(query.where(published_scores.c.study_id == study).with_for_update()).one()
    return digest, pairs_digest


def _delete_rows(connection: Connection, study: str) -> None:
    for table in (sample_scores, pair_scores):
        connection.execute(delete(table).where(table.c.study_id == study))


def _insert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        connection.exec_driver_sql(str(table.insert().compile(dialect=connection.dialect)), rows)


def _copy(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert many rows by PostgreSQL's COPY. Raises StoreError."""
    import psycopg
    from psycopg import sql

    driver: Any = connection.connection.driver_connection
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table.name), names)
    kinds = ["int4" if isinstance(column.type, Integer) else "float8" for column in table.columns][1:]
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["varchar", *kinds])
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise StoreError(f"The rows could not be written: {str(error).strip().splitlines()[0]}.") from error
