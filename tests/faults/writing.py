"""One of many processes that write into a database at the same time, each as driver and dispatcher do."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Connection, func, select

from memscore.arrays import Labels
from memscore.scores.table_builder import build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, evidence, job_logs, jobs, leadership, open_database, studies, tables
from memscore.store.jobs import JobRecord
from memscore.store.rebuilding import count_study, count_trials, design_of, keep_tables, provenance
from memscore.store.schema import job_events
from memscore.store.schema import job_logs as job_logs_table
from memscore.store.schema import jobs as jobs_table
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Trial, pack_trial
from memscore.study.spec import BLOCK, Design, Target, Wanted
from memscore.study.subsets import block_membership


@dataclass
class Written:
    """What a process has written and every commit of which succeeded, and how much it has looked at."""

    blocks: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    submitted: set[str] = field(default_factory=set[str])
    finished: list[str] = field(default_factory=list[str])
    lines: list[str] = field(default_factory=list[str])
    tables: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    transactions: Counter[str] = field(default_factory=Counter[str])


def trials_of(design: Design, block: int, train: Labels, test: Labels) -> list[Trial]:
    """A block of trials, the same whoever makes it."""
    membership = block_membership(design, len(train), block)
    draws = np.random.default_rng((design.seed, block))
    return [
        pack_trial(
            block * BLOCK + k,
            member,
            member | (draws.random(len(train)) < 0.5),
            draws.random(len(test)) < 0.5,
            device="cpu",
            code_version="test",
            seconds=0.1,
        )
        for k, member in enumerate(membership)
    ]


def work(url: str, name: str, until: float, labels: tuple[Labels, Labels]) -> Written:
    """Submit, claim, train, store, report, rebuild and read until that time; raises what goes wrong."""
    database = open_database(url)
    with database.reading() as connection:
        records = {record.id: record for record in studies.listing(connection)}
    writer = Writer(database, name, records, labels, random.Random(name))
    while time.time() < until:
        writer.submit()
        writer.run_job()
        writer.read()
    database.close()
    return writer.written


@dataclass
class Writer:
    """The work of one process."""

    database: Database
    name: str
    studies: dict[str, StudyRecord]
    labels: tuple[Labels, Labels]
    random: random.Random
    written: Written = field(default_factory=Written)

    def submit(self) -> None:
        """Ask for some more trials of a study."""
        study = self.random.choice(sorted(self.studies))
        with self.database.writing() as connection:
            there = evidence.count(connection, study)
            target = Target(trials=there + self.random.randrange(1, 4) * BLOCK)
            job, new = jobs.submit(connection, study, Wanted(target=target, full_trials=0), there)
        self.written.transactions["submit"] += 1
        if new:
            self.written.submitted.add(job.id)

    def run_job(self) -> None:
        """Claim a job, train what is missing, keep tables, and end it."""
        with self.database.writing() as connection:
            leadership.take(connection, leadership.LEADER, self.name, 0.05)
            job = jobs.claim(connection, self.name, 60)
        self.written.transactions["claim"] += 1
        if job is None:
            return
        study = self.studies[job.study_id]
        with self.database.reading() as connection:
            counts = count_study(connection, study, *self.labels)
            there = evidence.numbers(connection, study.id)
        kept: tuple[str | None, str | None] = None, None
        for block in range(len(there) // BLOCK, job.target_trials // BLOCK):
            trials = trials_of(design_of(study), block, *self.labels)
            self._store(job, trials, block)
            count_trials(counts, trials, design_of(study))
            with self.database.writing() as connection:
                scores, pairs = build_tables(counts, provenance(connection, study))
                keep_tables(connection, study, scores, pairs, replaces=kept)
            kept = scores.digest, pairs.digest
            self.written.transactions["tables"] += 1
        if kept[0] is not None and kept[1] is not None:
            self.written.tables.append((study.id, kept[0], kept[1]))
        with self.database.writing() as connection:
            assert jobs.finish(connection, job.id, job.attempt, "succeeded", "done")
        self.written.finished.append(job.id)
        self.written.transactions["finish"] += 1

    def _store(self, job: JobRecord, trials: list[Trial], block: int) -> None:
        line = f"{self.name}: block {block} of {job.study_id}"
        with self.database.writing() as connection:  # both or neither
            evidence.add(connection, job.study_id, trials)
            job_logs.append(connection, job.id, job.attempt, f"{line}\n")
        self.written.blocks.append((job.study_id, block))
        self.written.lines.append(line)
        with self.database.writing() as connection:
            done = (block + 1) * BLOCK
            assert jobs.report(connection, job.id, job.attempt, "training", done, job.target_trials) is not None
        with self.database.writing() as connection:
            assert jobs.renew(connection, job.id, job.attempt, 60) == "running"
        self.written.transactions["store, report, renew"] += 3

    def read(self) -> None:
        """Look at a study, and find whole transactions only."""
        study = self.random.choice(sorted(self.studies))
        with self.database.reading() as connection:
            require_whole(connection, study)
        self.written.transactions["read"] += 1


def require_whole(connection: Connection, study: str) -> None:
    """Raises AssertionError if a study shows a part of what was written together, or Damaged."""
    found = evidence.load(connection, study)
    assert [trial.number for trial in found] == list(range(len(found)))
    assert len(found) % BLOCK == 0, "a part of a block"
    of_study = select(jobs_table.c.id).where(jobs_table.c.study_id == study)
    lines = select(func.count()).select_from(job_logs_table).where(job_logs_table.c.job_id.in_(of_study))
    assert connection.execute(lines).scalar_one() == len(found) // BLOCK, "a block without its line of the log"
    if tables.current_digest(connection, study) is not None:
        scores, pairs = tables.current(connection, study)
        assert scores.decode(ScoreTable).trials == pairs.decode(PairsTable).trials <= len(found)
    last = select(func.max(job_events.c.id)).where(job_events.c.job_id.in_(of_study)).group_by(job_events.c.job_id)
    event = select(job_events.c.job_id, job_events.c.state).where(job_events.c.id.in_(last))
    states = {row.id: row.state for row in connection.execute(select(jobs_table).where(jobs_table.c.study_id == study))}
    assert {row.job_id: row.state for row in connection.execute(event)} == states, "a state without its event"
    assert sum(state in jobs.HELD for state in states.values()) <= 1
