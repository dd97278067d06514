"""The driver of one job attempt: `python -m memscore.farm.driver JOB ATTEMPT`.

Asks the database which blocks are missing, has Ray actors train them, stores each finished block in one
short transaction, and rebuilds the tables as evidence arrives. Killing it at any moment loses at most
the blocks in flight. It ends by itself when whoever launched it is gone (its standard input closes).
"""

from __future__ import annotations

import shutil
import sys
import time

import numpy as np

from memscore import settings as settings_module
from memscore.datasets.storage import open_dataset
from memscore.errors import MemscoreError, StoreError
from memscore.evidence import Trial, unpack_trials
from memscore.farm.lifeline import follow_parent, ray_folder
from memscore.settings import Settings
from memscore.spec import BLOCK, identity
from memscore.store import Database, evidence, jobs, open_database, studies, tables
from memscore.store.jobs import JobRecord
from memscore.store.migrate import require_current
from memscore.store.studies import StudyRecord
from memscore.tables import Provenance, build_tables

REBUILD_SHARE = 0.05  # at most this share of the time goes into rebuilding tables while trials come in
REBUILD_SECONDS = 2.0  # and tables are rebuilt no more often than this


class Stopped(Exception):
    """The attempt has to end: cancelled, or no longer this driver's."""


def main() -> None:
    """Run one attempt and exit 0 if its outcome is stored."""
    job_id, attempt = sys.argv[1], int(sys.argv[2])
    follow_parent(ray_folder(job_id, attempt))
    for earlier in range(1, attempt):  # left behind where everything was killed at once
        shutil.rmtree(ray_folder(job_id, earlier), ignore_errors=True)
    settings = settings_module.load()
    database = open_database(settings.database)
    require_current(database)
    with database.reading() as connection:
        job = jobs.get(connection, job_id)
        study = studies.find(connection, job.study_id)
    Driver(database, settings, job, study, attempt).run()


class Driver:
    """One attempt at one job."""

    def __init__(
        self, database: Database, settings: Settings, job: JobRecord, study: StudyRecord, attempt: int
    ) -> None:
        self.database = database
        self.settings = settings
        self.job = job
        self.study = study
        self.attempt = attempt
        self.ray_folder = ray_folder(job.id, attempt)
        self.rebuilt_at = 0.0
        self.rebuild_cost = 0.0

    def run(self) -> None:
        """Bring the study to the job's target and store the outcome."""
        try:
            self.dataset = open_dataset(self.settings.home, self.study.fingerprint)
            missing = self.missing_blocks()
            if missing:
                from memscore.farm.farm import Farm  # torch and Ray, only where there is something to train

                self.report("starting")
                actors = min(self.settings.slots, len(missing))
                with Farm(self.dataset, self.study.recipe, self.study.design, actors, self.ray_folder) as farm:
                    for finished in farm.train(missing, self.tick):
                        self.store(finished)
            self.report("scoring")
            self.rebuild()
            self.finish("succeeded", f"{self.stored_trials()} trials stored")
        except Stopped as stopped:
            self.rebuild()
            self.finish("cancelled", str(stopped))
        except StoreError:  # the database may come back: the dispatcher tries again
            raise
        except MemscoreError as error:
            self.finish("failed", str(error))

    def missing_blocks(self) -> list[int]:
        """Blocks below the target of which a trial is not stored."""
        with self.database.reading() as connection:
            there = set(evidence.numbers(connection, self.study.id))
        blocks = range(self.job.target_trials // BLOCK)
        return [block for block in blocks if not there.issuperset(range(block * BLOCK, (block + 1) * BLOCK))]

    def tick(self) -> None:
        """Between results: show that the driver lives, and learn whether it should stop."""
        self.report("training")

    def store(self, finished: list[Trial]) -> None:
        """Keep a block, and rebuild the tables if that is due."""
        with self.database.writing() as connection:
            evidence.add(connection, self.study.id, finished)
        self.report("training")
        due = max(REBUILD_SECONDS, self.rebuild_cost / REBUILD_SHARE)
        if time.monotonic() - self.rebuilt_at >= due:
            self.rebuild()

    def rebuild(self) -> None:
        """Rebuild both tables from all stored evidence, unless they hold it already."""
        started = time.monotonic()
        with self.database.reading() as connection:
            count = evidence.count(connection, self.study.id)
            if not count or tables.current_trials(connection, self.study.id) == count:
                return
            stored = evidence.load(connection, self.study.id)
        unpacked = unpack_trials(stored, self.study.design, len(self.dataset.y_train), len(self.dataset.y_test))
        plain = identity(self.study.recipe, self.study.design)
        provenance = Provenance(self.study.id, self.study.fingerprint, plain["recipe"], plain["design"])
        scores, pairs = build_tables(
            unpacked, np.asarray(self.dataset.y_train), np.asarray(self.dataset.y_test), provenance
        )
        with self.database.writing() as connection:
            tables.add(connection, self.study.id, scores, pairs)
            jobs.settle(connection, self.study.id, scores.trials)
        self.rebuilt_at = time.monotonic()
        self.rebuild_cost = self.rebuilt_at - started

    def stored_trials(self) -> int:
        """How many trials the study has now."""
        with self.database.reading() as connection:
            return evidence.count(connection, self.study.id)

    def report(self, phase: str) -> None:
        """Write progress. Raises Stopped if the job was cancelled or belongs to another attempt now."""
        done = self.stored_trials()
        total = max(done, self.job.target_trials)
        with self.database.writing() as connection:
            state = jobs.report(connection, self.job.id, self.attempt, phase, done, total)
        if state is None:
            raise SystemExit(f"attempt {self.attempt} of job {self.job.id} is no longer the current one")
        if state == "cancelling":
            raise Stopped(f"cancelled with {done} trials stored")

    def finish(self, state: str, message: str) -> None:
        """Store the outcome."""
        print(f"{state}: {message}", flush=True)
        with self.database.writing() as connection:
            jobs.finish(connection, self.job.id, self.attempt, state, message)


if __name__ == "__main__":
    main()
