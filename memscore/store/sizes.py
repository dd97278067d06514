"""What studies and jobs take in the database, in rows and bytes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, func, select
from sqlalchemy.sql.functions import coalesce

from memscore.store.schema import (
    full_trials,
    job_logs,
    jobs,
    pair_scores,
    pair_tables,
    reviews,
    sample_scores,
    score_tables,
    trials,
)


@dataclass(frozen=True)
class StudySize:
    """The rows and bytes of one study; bytes are of bits, margins, tables and logs, without indexes.

    `tables`: versions of both kinds of table; `published`: plain rows for SQL; `reviews`: verdicts of
    reviewers; `jobs`: with their events and logs.
    """

    trials: int = 0
    full_trials: int = 0
    evidence_bytes: int = 0
    tables: int = 0
    table_bytes: int = 0
    published: int = 0
    reviews: int = 0
    jobs: int = 0
    log_bytes: int = 0

    @property
    def bytes(self) -> int:
        """All bytes together."""
        return self.evidence_bytes + self.table_bytes + self.log_bytes


def study_sizes(connection: Connection, study: str | None = None) -> dict[str, StudySize]:
    """The sizes of one study or of all that have anything, by id."""
    found: dict[str, dict[str, int]] = {}

    def add(table: Table, count: str, sizes: str | None) -> None:
        size = _bytes(connection, table) if sizes is not None else func.count() * 0
        query = select(table.c.study_id, func.count().label("rows"), size.label("bytes")).group_by(table.c.study_id)
        if study is not None:
            query = query.where(table.c.study_id == study)
        for row in connection.execute(query):
            of = found.setdefault(row.study_id, {})
            of[count] = of.get(count, 0) + row.rows
            if sizes is not None:
                of[sizes] = of.get(sizes, 0) + int(row.bytes)

    add(trials, "trials", "evidence_bytes")
    add(full_trials, "full_trials", "evidence_bytes")
    add(score_tables, "tables", "table_bytes")
    add(pair_tables, "tables", "table_bytes")
    add(sample_scores, "published", None)
    add(pair_scores, "published", None)
    add(reviews, "reviews", None)
    add(jobs, "jobs", None)
    logs = select(jobs.c.study_id, func.sum(text_bytes(connection, job_logs.c.text)).label("bytes"))
    logs = logs.join(job_logs, job_logs.c.job_id == jobs.c.id).group_by(jobs.c.study_id)
    if study is not None:
        logs = logs.where(jobs.c.study_id == study)
    for row in connection.execute(logs):
        found.setdefault(row.study_id, {})["log_bytes"] = int(row.bytes)
    return {identifier: StudySize(**of) for identifier, of in found.items()}


def text_bytes(connection: Connection, column: ColumnElement[str]) -> ColumnElement[int]:
    """The length of a text; in bytes on PostgreSQL, in characters on SQLite, whose logs are mostly ASCII."""
    return func.octet_length(column) if connection.dialect.name == "postgresql" else func.length(column)


def _bytes(connection: Connection, table: Table) -> ColumnElement[int]:
    """The bytes of all blobs of a table; neither database reads them for that."""
    length = func.octet_length if connection.dialect.name == "postgresql" else func.length
    blobs = [coalesce(func.sum(length(column)), 0) for column in table.c if isinstance(column.type, LargeBinary)]
    return sum(blobs[1:], blobs[0])
