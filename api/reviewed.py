"""Which samples people have reviewed, for lists that choose by it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from api.table_cache import StudyTables
from memscore.messages.reviews import ReviewFilter
from memscore.scores.reviews import Decided, chosen, decided
from memscore.scores.selection import Picked
from memscore.store import Database, reviews


async def by_review(database: Database, current: StudyTables, wanted: ReviewFilter | None) -> Picked | None:
    """The samples that a filter lets pass; None if any will do."""
    if wanted is None:
        return None

    def read() -> dict[int, Decided]:
        with database.reading() as connection:
            return decided(reviews.opinions(connection, current.source["study"]))

    return chosen(await run_in_threadpool(read), wanted)
