"""Checks published rows against the tables they were published from."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest

import numpy as np
from sqlalchemy import Connection, delete, func, select

from memscore.counted import counted
from memscore.errors import Damaged, MemscoreError, NoScoresYet
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import tables
from memscore.store.database import Database
from memscore.store.findings import DatabaseFinding, Watch
from memscore.store.publishing import CHUNK, chunks, plain_columns, publish, unpublish
from memscore.store.schema import pair_scores, published_scores, sample_scores


def check_published(database: Database, repair: bool, watch: Watch) -> Iterator[DatabaseFinding]:
    """All findings; with `repair`, wrong rows are written again, or removed if their study has no table."""
    with database.reading() as connection:
        published = connection.execute(select(published_scores.c.study_id)).scalars().all()
    for study in published:
        with database.reading() as connection:
            fault = _fault(connection, study)
        if fault is not None:
            repaired = _again(database, study) if repair else None
            remedy = "not repaired: the study's tables are damaged" if repair else "--repair publishes them again"
            yield DatabaseFinding(f"published rows of study {study}", fault, remedy, repaired)
        watch("published rows", 1)
    for table in (sample_scores, pair_scores):
        stray = table.c.study_id.not_in(select(published_scores.c.study_id))
        with database.reading() as connection:
            rows = connection.execute(select(func.count()).select_from(table).where(stray)).scalar_one()
        if rows:
            repaired = None
            if repair:
                with database.writing() as connection:
                    connection.execute(delete(table).where(stray))
                repaired = "deleted"
            yield DatabaseFinding(
                f"table {table.name}",
                f"has {counted(rows, 'row')} of no published study",
                "--repair deletes them",
                repaired,
            )


def _fault(connection: Connection, study: str) -> str | None:
    """The fault of a study's published rows, or None."""
    row = connection.execute(select(published_scores).where(published_scores.c.study_id == study)).one_or_none()
    if row is None:
        return None  # unpublished in the meantime
    scores = tables.version(connection, ScoreTable, study, row.digest)
    pairs = tables.version(connection, PairsTable, study, row.pairs_digest)
    if scores is None or pairs is None:
        return "come from tables that are no longer stored"
    try:
        made = plain_columns(scores.decode(ScoreTable), pairs.decode(PairsTable))
    except MemscoreError:
        return "come from damaged tables"
    for table, columns in made.items():
        keys = [column.name for column in table.primary_key.columns][1:]
        order = np.lexsort([columns[name] for name in reversed(keys)])
        expected = chain.from_iterable(chunks({name: column[order] for name, column in columns.items()}))
        query = select(*(table.c[name] for name in columns)).where(table.c.study_id == study)
        ordered = query.order_by(*table.primary_key.columns).execution_options(yield_per=CHUNK)
        with connection.execute(ordered) as found:
            if any(one != other for one, other in zip_longest(expected, map(tuple, found))):
                return f"differ from the table, in {table.name}"
    return None


def _again(database: Database, study: str) -> str | None:
    """Publish a study again; describes what was done, None if its tables are damaged."""
    try:
        publish(database, study, lambda _done, _total: None, again=True)
    except NoScoresYet:
        unpublish(database, study)
        return "removed: the study has no tables"
    except Damaged:
        return None
    return "published again"
