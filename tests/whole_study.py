"""A study in a database with something of every kind, nothing of it damaged."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, text

from memscore.datasets.storage import open_dataset, save
from memscore.scores.table_builder import build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, evidence, jobs, tables
from memscore.store import studies as study_queries
from memscore.store.checking import check
from memscore.store.findings import DatabaseFinding
from memscore.store.publishing import publish
from memscore.store.rebuilding import count_study, keep_tables, provenance, similarity_of
from memscore.store.schema import metadata, pair_tables, score_tables, trials
from memscore.study.bits import digest, pack, unpack
from memscore.study.evidence import Trial
from memscore.study.spec import Target, Wanted
from tests.conftest import StoredStudy
from tests.made_evidence import with_outputs


def ignore(*progress: object) -> None:
    pass


@dataclass(frozen=True)
class Whole:
    """A home and a database with something of every kind, nothing of it damaged."""

    database: Database
    home: Path
    study: str

    def check(self, *, repair: bool = False) -> list[DatabaseFinding]:
        return list(check(self.database, self.home, repair=repair, watch=ignore))

    def contents(self) -> dict[str, list[str]]:
        with self.database.reading() as connection:
            return {
                name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")).all()))
                for name in metadata.tables
            }

    def build(self, connection: Connection) -> tuple[ScoreTable, PairsTable]:
        record = study_queries.find(connection, self.study)
        dataset = open_dataset(self.home, record.fingerprint)
        counts = count_study(connection, record, np.asarray(dataset.y_train), np.asarray(dataset.y_test))
        sketches = evidence.sketches(connection, self.study)
        return build_tables(counts, provenance(connection, record), similarity_of(dataset, counts, sketches))

    def digests(self) -> tuple[str | None, str | None]:
        with self.database.reading() as connection:
            return tables.current_digests(connection, self.study)


def complete(database: Database, stored: StoredStudy) -> None:
    """Make a stored study one with something of every kind."""
    random = np.random.default_rng(1)
    recorded = [
        replace(trial, train_probability=random.bytes(60), test_probability=random.bytes(20))
        for trial in stored.trials[:20]
    ]
    labels = stored.dataset.y_train, stored.dataset.y_test
    recorded += [with_outputs(trial, *labels) for trial in stored.trials[20:30]]
    full = [with_outputs(full_trial(trial), *labels) for trial in stored.trials[:5]]
    with tempfile.TemporaryDirectory() as folder, database.writing() as connection:
        made = Whole(database, Path(folder), stored.record.id)
        save(stored.dataset, made.home)
        connection.execute(trials.delete().where(trials.c.number < 30))
        connection.execute(score_tables.delete())
        connection.execute(pair_tables.delete())
        evidence.add(connection, made.study, recorded + full)
        keep_tables(connection, stored.record, *made.build(connection))
        done, _ = jobs.submit(connection, made.study, Wanted(target=Target(trials=40)), 40)
        jobs.claim(connection, "host/1/0", 60)
        jobs.finish(connection, done.id, 1, "succeeded", "done")
    publish(database, made.study, ignore)


def full_trial(trial: Trial) -> Trial:
    """The same observations from a model that trained on all samples."""
    accuracy = float(unpack(trial.train_bits, 60).mean())
    everything = digest(pack(np.ones(60, np.bool_)))
    return replace(trial, subset_digest=everything, in_accuracy=accuracy, out_accuracy=None)
