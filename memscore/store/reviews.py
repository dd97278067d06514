"""Queries on reviews: what people say of a study's training samples and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, select, tuple_

from memscore.messages.reviews import Verdict
from memscore.scores.reviews import Opinion
from memscore.store.database import insert_or_update
from memscore.store.schema import reviews


@dataclass(frozen=True)
class ReviewRecord:
    """One reviewer's verdict on a training sample; `created_at` in seconds since 1970."""

    index: int
    reviewer: str
    verdict: Verdict
    label: int | None
    digest: str | None
    created_at: float


def put(
    connection: Connection,
    study: str,
    index: int,
    reviewer: str,
    verdict: Verdict,
    *,
    label: int | None = None,
    digest: str | None = None,
) -> ReviewRecord:
    """Keep a verdict in place of the reviewer's earlier one on the sample."""
    row = {"study_id": study, "sample_index": index, "reviewer": reviewer, "verdict": verdict}
    insert_or_update(connection, reviews, {**row, "label": label, "digest": digest})
    (made,) = _records(connection, _query(study).where(reviews.c.sample_index == index, reviews.c.reviewer == reviewer))
    return made


def remove(connection: Connection, study: str, index: int, reviewer: str) -> None:
    """Take a reviewer's verdict on a sample back, if there is one."""
    mine = (reviews.c.study_id == study) & (reviews.c.sample_index == index) & (reviews.c.reviewer == reviewer)
    connection.execute(delete(reviews).where(mine))


def listing(
    connection: Connection,
    study: str,
    *,
    verdict: Verdict | None = None,
    reviewer: str | None = None,
    limit: int | None = None,
    after: tuple[int, str] | None = None,
) -> list[ReviewRecord]:
    """The verdicts on a study's samples, by sample and reviewer; `after` is the last one of the page before."""
    query = _query(study).order_by(reviews.c.sample_index, reviews.c.reviewer)
    if verdict is not None:
        query = query.where(reviews.c.verdict == verdict)
    if reviewer is not None:
        query = query.where(reviews.c.reviewer == reviewer)
    if after is not None:
        query = query.where(tuple_(reviews.c.sample_index, reviews.c.reviewer) > tuple_(*after))
    return _records(connection, query if limit is None else query.limit(limit))


def opinions(connection: Connection, study: str, index: int | None = None) -> list[Opinion]:
    """All verdicts on a study's samples, or on one of them."""
    query = select(reviews.c.sample_index, reviews.c.verdict, reviews.c.label).where(reviews.c.study_id == study)
    if index is not None:
        query = query.where(reviews.c.sample_index == index)
    return [Opinion(*row) for row in connection.execute(query)]


def _query(study: str) -> Select[Any, Any, Any, Any, Any, Any]:
    columns = (reviews.c.sample_index, reviews.c.reviewer, reviews.c.verdict, reviews.c.label)
    return select(*columns, reviews.c.digest, reviews.c.created_at).where(reviews.c.study_id == study)


def _records(connection: Connection, query: Select[Any, Any, Any, Any, Any, Any]) -> list[ReviewRecord]:
    return [ReviewRecord(*row) for row in connection.execute(query)]
