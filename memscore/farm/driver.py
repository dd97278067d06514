"""The driver of one job attempt: `python -m memscore.farm.driver JOB ATTEMPT`.

Asks the database which trials are missing, has Ray actors train them, stores each finished unit in one
short transaction, and rebuilds the tables as evidence arrives. Killing it at any moment loses at most
the units in flight. It ends by itself when whoever launched it is gone (its standard input closes).
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from itertools import chain

import numpy as np

from memscore import settings as settings_module
from memscore.building import build_tables
from memscore.datasets.storage import open_dataset
from memscore.errors import MemscoreError, StoreError
from memscore.evidence import Trial
from memscore.farm.lifeline import follow_parent, ray_folder
from memscore.influence import Matmul
from memscore.precision import forecast_trials, share_precise, share_settled
from memscore.settings import Settings
from memscore.spec import BLOCK
from memscore.store import Database, evidence, jobs, open_database, studies, tables
from memscore.store.jobs import JobRecord
from memscore.store.migrate import require_current
from memscore.store.scoring import all_pairs, count_study, count_trials, design_of, keep_tables, provenance
from memscore.store.studies import StudyRecord
from memscore.subsets import Unit, units
from memscore.tables import ScoreTable

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
        assert study.recipe is not None
        self.recipe = study.recipe
        self.design = design_of(study)
        self.wanted = job.wanted
        self.phase = "training"
        self.expected = job.target_trials
        self.ray_folder = ray_folder(job.id, attempt)
        self.rebuilt_at = 0.0
        self.rebuild_cost = 0.0

    def run(self) -> None:
        """Bring the study to the job's target and store the outcome."""
        try:
            self.dataset = open_dataset(self.settings.home, self.study.fingerprint)
            self.recount()
        except StoreError:  # the database may come back: the dispatcher tries again
            raise
        except MemscoreError as error:
            self.finish("failed", str(error))
            return
        try:
            first = next(missing := self.missing(), None)
            if first is not None:
                from memscore.farm.farm import Farm  # torch and Ray, only where there is something to train

                self.report("starting")
                with Farm(
                    self.dataset,
                    self.recipe,
                    self.design,
                    min(self.settings.slots, self.at_most()),
                    self.ray_folder,
                    probabilities=self.wanted.probabilities,
                ) as farm:
                    for finished in farm.train(chain([first], missing), self.tick):
                        self.store(finished)
            self.report("scoring")
            self.rebuild()
            if self.wanted.pairs == "all":
                self.find_all_pairs()
            self.finish("succeeded", self.outcome())
        except Stopped as stopped:
            self.rebuild()
            self.finish("cancelled", str(stopped))
        except StoreError:
            raise
        except MemscoreError as error:
            self.rebuild()
            self.finish("failed", str(error))

    def absent(self) -> tuple[list[Unit], list[Unit]]:
        """The units below the target that are not stored, and those of full trials."""
        with self.database.reading() as connection:
            there = evidence.numbers(connection, self.study.id)
            full_there = evidence.numbers(connection, self.study.id, full=True)
        return (
            units(self.recipe, self.job.target_trials, present=there),
            units(self.recipe, self.wanted.full_trials, full=True, present=full_there),
        )

    def at_most(self) -> int:
        """How many units there are to train at most."""
        return sum(len(some) for some in self.absent())

    def missing(self) -> Iterator[Unit]:
        """The units to train, in order; with a target of precision only as long as it is not reached."""
        subset_units, full_units = self.absent()
        for unit in subset_units:
            starts_block = unit.numbers[0] % BLOCK == 0
            if starts_block and self.wanted.target.precise and self.reached():
                break
            self.phase = "training"
            yield unit
        for unit in full_units:
            self.phase = "training on all samples"
            yield unit

    def reached(self) -> bool:
        """Whether the evidence has the precision that the job asks for."""
        target, statistics = self.wanted.target, self.counts.statistics
        if not statistics.trials:
            return False
        if target.standard_error is not None:
            return share_precise(statistics, target.standard_error) >= target.share
        assert target.settled_at is not None
        return share_settled(statistics, target.settled_at) >= target.share

    def forecast(self) -> int:
        """How many trials the study will have in the end."""
        target, most = self.wanted.target, self.job.target_trials
        if not target.precise or self.counts.trials < BLOCK:
            return most
        needed = forecast_trials(
            self.counts.statistics,
            standard_error=target.standard_error,
            threshold=target.settled_at,
            share=target.share,
            ratio=self.design.subset_ratio,
            most=most,
        )
        return needed or most

    def tick(self) -> None:
        """Between results: show that the driver lives, and learn whether it should stop."""
        self.report(self.phase)

    def store(self, finished: list[Trial]) -> None:
        """Keep a unit, count it, and rebuild the tables if that is due."""
        with self.database.writing() as connection:
            evidence.add(connection, self.study.id, finished)
        count_trials(self.counts, finished, self.design)
        self.report(self.phase)
        due = max(REBUILD_SECONDS, self.rebuild_cost / REBUILD_SHARE)
        if time.monotonic() - self.rebuilt_at >= due:
            self.rebuild()

    def recount(self) -> None:
        """Count all stored evidence afresh."""
        with self.database.reading() as connection:
            self.counts = count_study(
                connection, self.study, np.asarray(self.dataset.y_train), np.asarray(self.dataset.y_test)
            )
        self.expected = self.forecast()

    def rebuild(self) -> None:
        """Rebuild both tables from the counts, unless the stored ones rest on the same evidence."""
        started = time.monotonic()
        with self.database.reading() as connection:
            stored = (
                evidence.count(connection, self.study.id),
                evidence.count(connection, self.study.id, full=True),
            )
            meta = tables.current_meta(connection, self.study.id) or {}
        if stored != (self.counts.trials, self.counts.full_trials):
            self.recount()  # units stored twice, or evidence that was imported meanwhile
        if not self.counts.trials or (meta.get("trials"), meta.get("full_trials")) == stored:
            return
        scores, pairs = build_tables(self.counts, provenance(self.study))
        with self.database.writing() as connection:
            keep_tables(connection, self.study, scores, pairs)
        self.expected = self.forecast()
        self.rebuilt_at = time.monotonic()
        self.rebuild_cost = self.rebuilt_at - started

    def find_all_pairs(self) -> None:
        """Replace the pairs of one class by those of all classes, unless the stored ones are."""
        with self.database.reading() as connection:
            meta = tables.current_pairs_meta(connection, self.study.id) or {}
            if (meta.get("scope"), meta.get("trials")) == ("all", self.counts.trials):
                return
            scores = ScoreTable.decode(tables.current(connection, self.study.id)[0].payload)
            pairs = all_pairs(connection, self.study, scores, _matmul())
        with self.database.writing() as connection:
            tables.add(connection, self.study.id, pairs)

    def outcome(self) -> str:
        """One sentence for the job's history."""
        trials = self.stored_trials()
        target = self.wanted.target
        if not target.precise:
            return f"{trials} trials stored"
        statistics = self.counts.statistics
        if target.standard_error is not None:
            share = share_precise(statistics, target.standard_error)
            found = f"{share:.1%} of the samples have a standard error of at most {target.standard_error:g}"
        else:
            assert target.settled_at is not None
            share = share_settled(statistics, target.settled_at)
            found = f"{share:.1%} of the samples are settled at {target.settled_at:g}"
        if share < target.share:
            found += f", not {target.share:.1%}: max_trials is reached"
        return f"{trials} trials stored; {found}"

    def stored_trials(self) -> int:
        """How many trials the study has now."""
        with self.database.reading() as connection:
            return evidence.count(connection, self.study.id)

    def report(self, phase: str) -> None:
        """Write progress. Raises Stopped if the job was cancelled or belongs to another attempt now."""
        done = self.stored_trials()
        total = max(done, self.expected)
        with self.database.writing() as connection:
            job = jobs.report(connection, self.job.id, self.attempt, phase, done, total)
        if job is None:
            raise SystemExit(f"attempt {self.attempt} of job {self.job.id} is no longer the current one")
        if job.state == "cancelling":
            raise Stopped(f"cancelled with {done} trials stored")

    def finish(self, state: str, message: str) -> None:
        """Store the outcome."""
        print(f"{state}: {message}", flush=True)
        with self.database.writing() as connection:
            jobs.finish(connection, self.job.id, self.attempt, state, message)


def _matmul() -> Matmul:
    """Matrix products on this machine's GPU, or by NumPy where there is none."""
    import torch

    from memscore.learning.matmul import torch_matmul

    return torch_matmul("cuda") if torch.cuda.is_available() else np.matmul


if __name__ == "__main__":
    main()
