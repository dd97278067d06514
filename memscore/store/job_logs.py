"""Stores the log of a job's driver and workers over all attempts, where every process can read it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select

from memscore.store.database import now
from memscore.store.schema import job_logs
from memscore.texts import harmless

MOST_BYTES = 2**20  # of a job


@dataclass(frozen=True)
class LogPart:
    """Whole lines that were written together; `id` grows."""

    id: int
    attempt: int
    at: float
    text: str


def append(connection: Connection, job: str, attempt: int, text: str) -> None:
    """Add whole lines to a job's log; beyond MOST_BYTES the older half is dropped."""
    # PostgreSQL's text has no NUL, and a terminal would obey escapes.
    text = harmless(text.replace("\r\n", "\n").replace("\r", "\n"))[-MOST_BYTES:]
    connection.execute(job_logs.insert().values(job_id=job, attempt=attempt, at=now(), text=text))
    mine = job_logs.c.job_id == job
    if connection.execute(select(func.sum(func.length(job_logs.c.text))).where(mine)).scalar_one() > MOST_BYTES:
        kept = 0
        sizes = select(job_logs.c.id, func.length(job_logs.c.text)).where(mine).order_by(job_logs.c.id.desc())
        for identifier, size in connection.execute(sizes).all():
            kept += size
            if kept > MOST_BYTES // 2:
                connection.execute(delete(job_logs).where(mine, job_logs.c.id <= identifier))
                break


def read(connection: Connection, job: str, after: int = 0) -> list[LogPart]:
    """The parts of a job's log with an id above `after`, oldest first."""
    columns = (job_logs.c.id, job_logs.c.attempt, job_logs.c.at, job_logs.c.text)
    query = select(*columns).where(job_logs.c.job_id == job, job_logs.c.id > after).order_by(job_logs.c.id)
    return [LogPart(row.id, row.attempt, row.at, harmless(row.text)) for row in connection.execute(query)]
