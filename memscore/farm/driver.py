"""The driver of one job attempt: `python -m memscore.farm.driver JOB ATTEMPT [--cluster]`.

Asks the database which trials are missing, has Ray actors train them, stores each finished unit in one
short transaction, and rebuilds the tables as evidence arrives. Killing it at any moment loses at most
the units in training. On this machine it ends when the process that launched it does (its standard input
closes); on a cluster, where Ray launched it, it ends when its attempt no longer holds the job.
"""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from memscore import logs
from memscore import settings as settings_module
from memscore.datasets.dataset import Dataset, refused
from memscore.datasets.forgotten import Forgotten
from memscore.datasets.storage import open_dataset
from memscore.errors import Conflict, MemscoreError, ModelsDoNotFit, StoreError
from memscore.farm import gpus
from memscore.farm.job_reporter import JobReporter, JobStopped, JournalHandler, patiently
from memscore.farm.lifeline import follow_parent, ray_below
from memscore.farm.study_counts import Scoring
from memscore.farm.worker_log import WorkerLines, WorkerLog
from memscore.private_folders import private_folder, remove_private_folders
from memscore.settings import Settings
from memscore.statistics.fit import FIRST_MODELS, misfit
from memscore.statistics.influence import Matmul
from memscore.store import Database, evidence, forgotten, jobs, open_database, studies
from memscore.store.jobs import JobRecord
from memscore.store.migrate import require_current
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Trial
from memscore.study.spec import BLOCK
from memscore.study.subsets import Unit, units

if TYPE_CHECKING:
    from memscore.farm.workers import Farm

log = logging.getLogger("memscore.farm.driver")  # also where this module is __main__


def main() -> None:
    """Run one attempt and exit 0 if its outcome is stored."""
    job_id, attempt, cluster = sys.argv[1], int(sys.argv[2]), "--cluster" in sys.argv[3:]
    folder = None
    if not cluster:
        for earlier in range(1, attempt):  # left behind if everything was killed at once
            remove_private_folders(f"{job_id}-{earlier}")
        folder = private_folder(f"{job_id}-{attempt}")
        follow_parent(folder)
    settings = settings_module.load()
    logs.configure(settings, job=job_id, attempt=attempt)
    database = open_database(settings.database, create=False)
    patiently(lambda: require_current(database))
    with database.reading() as connection:
        job = jobs.get(connection, job_id)
        study = studies.find(connection, job.study_id)
    journal = JobReporter(database, job, attempt, logs.Discretion(settings))
    lines = _log_into(journal, settings)
    log.info("attempt %d of job %s, study %s, on %s", attempt, job.id, study.id, socket.gethostname())
    try:
        Driver(database, settings, job, study, journal, lines, folder).run()
    except SystemExit as end:
        log.warning("the driver was ended (%s)", end)
        raise
    except BaseException as error:
        log.error("the driver ends: %s: %s", type(error).__name__, error)
        raise
    finally:
        journal.flush()


class Driver:
    """One attempt at one job, on Ray in the private `folder`, or else on the cluster that runs already."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        job: JobRecord,
        study: StudyRecord,
        journal: JobReporter,
        lines: WorkerLines,
        folder: Path | None,
    ) -> None:
        assert study.recipe is not None
        self.database = database
        self.settings = settings
        self.job = job
        self.study = study
        self.recipe = study.recipe
        self.wanted = job.wanted
        self.journal = journal
        self.lines = lines
        self.folder = folder
        self.phase = "starting"
        self.ending = False
        self.judged = False  # whether the first models must fit
        self.farm: Farm | None = None  # while it trains
        self.devices: set[str] | None = None  # that trained the study's trials; None: not asked yet

    @cached_property
    def dataset(self) -> Dataset:
        """The study's dataset. Raises MemscoreError if it is missing or damaged, or if samples of it were forgotten."""

        def noted() -> Forgotten:
            with self.database.reading() as connection:
                return forgotten.of(connection, self.study.fingerprint)

        dataset = open_dataset(self.settings.home, self.study.fingerprint)
        gone = patiently(noted) | dataset.forgotten  # a restored database may not know what the files say
        if gone:
            raise Conflict(refused(self.study.dataset, len(gone)))
        return dataset

    @cached_property
    def scoring(self) -> Scoring:
        """The study's counts and tables. Raises like `dataset`."""
        return Scoring(self.database, self.study, self.dataset, self.wanted, self.tick)

    def run(self) -> None:
        """Bring the study to the job's target and store the outcome."""
        try:
            patiently(self.scoring.recount)
        except StoreError:  # the database may come back: the dispatcher tries again
            raise
        except MemscoreError as error:
            self.journal.finish("failed", str(error))
            return
        except JobStopped as stopped:
            self.journal.finish("cancelled", str(stopped))
            return
        self.journal.finish(*self.work())

    def work(self) -> tuple[str, str]:
        """Train and score; returns the state and sentence of the outcome."""
        try:
            self.train()
            self.enter("scoring")
            self.rebuild()
            if self.wanted.pairs == "all":
                patiently(lambda: self.scoring.find_all_pairs(_matmul()))
            return "succeeded", self.scoring.outcome()
        except StoreError:
            raise
        except JobStopped as stopped:
            self.rebuild_at_end()
            return "cancelled", str(stopped)
        except ModelsDoNotFit as error:
            self.rebuild_at_end()
            return "failed", f"{error}{self.give_name_back()}"
        except MemscoreError as error:
            self.rebuild_at_end()
            return "failed", str(error)

    def train(self) -> None:
        """Train and store the missing units."""
        first = next(missing := self.missing(), None)
        if first is None:
            return
        self.judged = self.wanted.min_in_sample is not None and patiently(self.is_first_attempt)
        self.require_fit()
        from memscore.farm.workers import Farm, FarmOptions  # imports torch and Ray, needed only for training

        self.enter("starting")
        at_most = sum(len(some) for some in self.absent())
        log.info("%d trials stored; at most %d units to train", self.scoring.counts.trials, at_most)
        options = FarmOptions(
            slots=self.settings.slots,
            trials_per_gpu=self.settings.trials_per_gpu,
            at_most=at_most,
            folder=None if self.folder is None else ray_below(self.folder),
            ahead=not self.wanted.target.precise,
        )
        with Farm(
            self.dataset,
            self.recipe,
            self.scoring.design,
            options,
            wanted=self.wanted,
            last_lines=self.lines.of,
            networks=None if self.wanted.allow_changed_network else self.networks(),
        ) as farm:
            self.farm = farm
            self.journal.training_starts()
            for finished in farm.train(chain([first], missing), self.tick):
                self.store(finished)
        self.farm = None

    def networks(self) -> list[str]:
        """The signatures of the networks of the stored trials."""

        def stored() -> list[str]:
            with self.database.reading() as connection:
                return evidence.networks(connection, self.study.id)

        return patiently(stored)

    def absent(self) -> tuple[list[Unit], list[Unit]]:
        """The units below the target that are not stored, of subset trials and of full trials."""

        def stored(full: bool) -> list[int]:
            with self.database.reading() as connection:
                return evidence.numbers(connection, self.study.id, full=full)

        return (
            units(self.recipe, self.job.target_trials, present=patiently(lambda: stored(False))),
            units(self.recipe, self.wanted.full_trials, full=True, present=patiently(lambda: stored(True))),
        )

    def missing(self) -> Iterator[Unit]:
        """The units to train, in order; for a target of precision, only until it is reached."""
        subset_units, full_units = self.absent()
        for unit in subset_units:
            starts_block = unit.numbers[0] % BLOCK == 0
            if starts_block and self.wanted.target.precise and self.scoring.reached():
                break
            self.phase = "training"
            yield unit
        for unit in full_units:
            self.phase = "training on all samples"
            yield unit

    def store(self, finished: list[Trial]) -> None:
        """Store a unit, count it, and rebuild the tables if that is due."""

        def add() -> None:
            with self.database.writing() as connection:
                evidence.add(connection, self.study.id, finished)

        self.compare_devices(finished)
        patiently(add)
        self.scoring.add(finished)
        self.journal.result(len(finished))
        self.tick()
        self.require_fit()
        if self.scoring.rebuild_due:
            self.rebuild()

    def compare_devices(self, finished: list[Trial]) -> None:
        """Say in the job's log, once for each, that a device is not one that trained the study's earlier trials."""

        def stored() -> set[str]:
            with self.database.reading() as connection:
                return evidence.devices(connection, self.study.id)

        if self.devices is None:
            self.devices = patiently(stored)
        new = {trial.device for trial in finished if not trial.full} - self.devices
        if self.devices and new:
            log.warning(
                "earlier trials of this study were trained on %s, these on %s: both count, but a trial trained again "
                "there would differ by rounding",
                " and ".join(sorted(self.devices)),
                " and ".join(sorted(new)),
            )
        self.devices |= new

    def require_fit(self) -> None:
        """Raise ModelsDoNotFit if a study's first models do not reach the in-sample accuracy that the job asks for."""
        least, counts = self.wanted.min_in_sample, self.scoring.counts
        if not self.judged or least is None or counts.trials < FIRST_MODELS:
            return
        reason = misfit(counts.statistics, self.dataset.y_train, self.recipe, least)
        if reason is not None:
            raise ModelsDoNotFit(f"Stopped after {counts.trials} trials: {reason}")

    def is_first_attempt(self) -> bool:
        """Whether the study has shown nothing yet, so that its models are still judged."""
        with self.database.reading() as connection:
            return jobs.is_first_attempt(connection, self.study.id, self.scoring.counts.trials)

    def give_name_back(self) -> str:
        """Rename the study, if a first attempt at it holds a name that the next will want; a sentence that says so."""

        def release() -> str | None:
            with self.database.writing() as connection:
                return studies.release_name(connection, self.study.id)

        renamed = patiently(release)
        return "" if renamed is None else f" The study keeps its trials under the name {renamed}."

    def rebuild(self) -> None:
        """Rebuild the tables from the stored evidence."""
        patiently(self.scoring.rebuild)

    def rebuild_at_end(self) -> None:
        """Rebuild the tables from what an attempt stored before it ends early."""
        self.ending = True
        self.rebuild()

    def enter(self, phase: str) -> None:
        """Begin a phase and report it."""
        self.phase = phase
        self.tick()

    def tick(self) -> None:
        """Report that the driver is alive, and learn whether it should stop."""
        if self.ending:
            return
        waits_for = None if self.farm is None else self.farm.phase
        done = self.scoring.counts.trials if self.scoring.counted else self.job.done
        self.journal.report(waits_for or self.phase, done, self.scoring.expected)


def _log_into(journal: JobReporter, settings: Settings) -> WorkerLines:
    """Log to standard error and to the job's log, which also gets all other output, that of workers included."""
    logs.configure(settings, job=journal.job.id, study=journal.job.study_id, attempt=journal.attempt)
    logging.getLogger("memscore").addHandler(JournalHandler(journal))
    lines = WorkerLines(journal.note)
    as_records = settings.log_format == "json"
    sys.stdout = WorkerLog(sys.stdout, lines.note, as_records=as_records)
    sys.stderr = WorkerLog(sys.stderr, lines.note, as_records=as_records)
    return lines


def _matmul() -> Matmul:
    """Matrix products on this machine's GPU, or by NumPy without one."""
    if not gpus.count():
        return np.matmul
    from memscore.learning.matmul import torch_matmul

    return torch_matmul("cuda")


if __name__ == "__main__":
    main()
