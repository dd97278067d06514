"""The current tables of each study in memory, so that a look-up costs no SQL."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from memscore.sets import Thresholds, is_atypical, is_typical
from memscore.store import Database, studies, tables
from memscore.store.studies import StudyRecord
from memscore.tables import PairsTable, ScoreTable

FRESH_SECONDS = 1.0
CAPACITY = 16


@dataclass
class StudyTables:
    """A study with its current tables, and the bytes they are served as."""

    study: StudyRecord
    scores: ScoreTable
    pairs: PairsTable
    scores_payload: bytes
    pairs_payload: bytes
    checked_at: float

    @property
    def digests(self) -> tuple[str, str]:
        """Digests of both tables."""
        return self.scores.digest, self.pairs.digest

    def set_of(self, index: int) -> str | None:
        """Whether a training sample is typical or atypical at the paper's thresholds."""
        mem = self.scores["mem"][index : index + 1]
        return "atypical" if is_atypical(mem, Thresholds()) else "typical" if is_typical(mem, Thresholds()) else None


class TableCache:
    """At most CAPACITY studies; each is compared with the database at most once a second."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.entries: OrderedDict[str, StudyTables] = OrderedDict()

    async def get(self, study: str) -> StudyTables:
        """The tables of a study by id or name. Raises NotFound or NoScoresYet."""
        entry = self.entries.get(study)
        if entry is not None and time.monotonic() - entry.checked_at < FRESH_SECONDS:
            return entry
        entry = await run_in_threadpool(self._refresh, study, entry)
        self.entries[study] = entry
        self.entries.move_to_end(study)
        while len(self.entries) > CAPACITY:
            self.entries.popitem(last=False)
        return entry

    def _refresh(self, study: str, entry: StudyTables | None) -> StudyTables:
        with self.database.reading() as connection:
            record = studies.find(connection, study)
            if entry is not None and tables.current_digests(connection, record.id) == entry.digests:
                entry.checked_at = time.monotonic()
                return entry
            scores, pairs = tables.current(connection, record.id)
        return StudyTables(
            record,
            ScoreTable.decode(scores.payload),
            PairsTable.decode(pairs.payload),
            scores.payload,
            pairs.payload,
            time.monotonic(),
        )
