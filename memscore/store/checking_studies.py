"""Checks a study: each trial and each table by itself, and the current tables against the trials."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, Table, delete, select

from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.errors import Damaged, MemscoreError
from memscore.messages.jobs import TERMINAL
from memscore.scores.pairs_builder import FINDINGS_VERSION
from memscore.scores.table_builder import build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.similarity import Similarity
from memscore.store import datasets, evidence, jobs, tables
from memscore.store.database import Database
from memscore.store.faults import KINDS, ROTTEN, UNREAD, different_columns, version_fault, without_similarity
from memscore.store.findings import UNREADABLE, DatabaseFinding, Watch
from memscore.store.rebuilding import (
    Trials,
    all_pairs,
    count_trials,
    keep_tables,
    provenance,
    similarity_of,
    stored_trials,
    trials_of,
)
from memscore.store.schema import full_trials, pair_tables, trials
from memscore.store.schema import jobs as jobs_table
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Trial, trial_fault
from memscore.study.spec import BLOCK, Design, study_id
from memscore.study.subsets import block_membership

UNPACKED_BADLY = "has margins that cannot be decompressed"

DOUBTFUL = "not repaired: with this many faulty trials, this version of memscore is more likely at fault than the data"

Tables = tuple[ScoreTable, PairsTable]


@dataclass
class StudyCheck:
    """The check of one study; with `repair`, damaged rows are deleted when found, and tables are rebuilt.

    Rows are read a few at a time in short transactions, so that a service and its jobs can keep working.
    """

    database: Database
    home: Path
    study: StudyRecord
    repair: bool
    watch: Watch
    samples: int = 0
    test_samples: int = 0
    counts: Counts | None = None
    left: int = 0  # damaged rows that remain
    scope: str = "same_class"
    images: Dataset | None = None
    similarity: Similarity | None = None

    def run(self) -> Iterator[DatabaseFinding]:
        """All findings."""
        study = self.study
        with self.database.reading() as connection:
            dataset = datasets.by_name(connection, study.dataset)
        self.samples, self.test_samples = dataset.train_samples, dataset.test_samples
        if study.recipe is not None and study.design is not None:
            if dataset.fingerprint != study.fingerprint:
                yield self._found("", f"belongs to a dataset other than the one named {study.dataset}")
                return
            if study.id != study_id(study.fingerprint, study.recipe, study.design):
                yield self._found("", "has an id that does not follow from its dataset, recipe and design")
                return  # the right trials are then unknown
            self.counts = self._no_counts()
            yield from self._check_trials(study.design)
        for stored in KINDS:
            yield from self._check_versions(stored)
        if study.design is not None and not self.left:
            yield from self._check_current()

    def _found(self, where: str, problem: str, remedy: str = "", repaired: str | None = None) -> DatabaseFinding:
        if self.repair and remedy and repaired is None:
            busy = "a job is working on the study" if self.counts is not None else "its dataset is missing"
            remedy = f"not repaired, because {busy}"
        return DatabaseFinding(f"study {self.study.name} ({self.study.id}){where}", problem, remedy, repaired)

    def _no_counts(self) -> Counts | None:
        """Empty counts to add the trials to, or None if the dataset's labels are unavailable."""
        try:
            dataset = open_dataset(self.home, self.study.fingerprint)
        except MemscoreError:
            return None
        y_train, y_test = np.asarray(dataset.y_train), np.asarray(dataset.y_test)
        if (len(y_train), len(y_test)) != (self.samples, self.test_samples):
            return None
        self.images = dataset
        return Counts.empty(y_train, y_test, self.study.design)

    def _check_trials(self, design: Design) -> Iterator[DatabaseFinding]:
        faulty: list[tuple[Table, int, str]] = []
        sound = 0
        for table in (trials, full_trials):
            with self.database.reading() as connection:
                numbers = evidence.numbers(connection, self.study.id, full=table is full_trials)
            for _, block in itertools.groupby(numbers, lambda number: number // BLOCK):
                some = list(block)
                looked = self._look(table, design, some)
                faulty += [(table, number, fault) for number, fault in looked.items() if isinstance(fault, str)]
                intact = [one for one in looked.values() if isinstance(one, Trial)]
                sound += len(intact)
                if self.counts is not None:
                    count_trials(self.counts, intact, design)
                self.watch(f"{self.study.name}: trials", len(some))
        doubtful = sum(fault not in ROTTEN for _, _, fault in faulty) > sound
        for table, number, fault in faulty:
            kind = "full trial" if table is full_trials else "trial"
            if doubtful and fault not in ROTTEN:
                self.left += 1
                yield replace(self._found(f", {kind} {number}", fault), remedy=DOUBTFUL)
                continue
            repaired = self._delete_trial(table, design, number) if self.repair else None
            self.left += repaired is None
            yield self._found(f", {kind} {number}", fault, "--repair deletes it, to be trained again", repaired)

    def _look(self, table: Table, design: Design, numbers: list[int]) -> dict[int, Trial | str]:
        """The trials of one block, or their faults; trials deleted in the meantime are left out."""
        try:
            with self.database.reading() as connection:
                return self._examine(connection, table, design, numbers)
        except UNREADABLE:
            with self.database.reading():  # raises if the database cannot be read, not only a row
                pass
            if len(numbers) == 1:
                return {numbers[0]: UNREAD}
            return {number: one for each in numbers for number, one in self._look(table, design, [each]).items()}

    def _examine(
        self, connection: Connection, table: Table, design: Design, numbers: list[int]
    ) -> dict[int, Trial | str]:
        subsets = None if table is full_trials else block_membership(design, self.samples, numbers[0] // BLOCK)
        found: dict[int, Trial | str] = {}
        some = table.c.number.between(numbers[0], numbers[-1])
        for row in connection.execute(select(table).where(table.c.study_id == self.study.id, some)):
            try:
                trial = evidence.trial_of(row)
            except Damaged:
                found[row.number] = UNPACKED_BADLY
                continue
            subset = np.ones(self.samples, np.bool_) if subsets is None else subsets[trial.number % BLOCK]
            found[trial.number] = trial_fault(trial, row.digest, subset, self.test_samples) or trial
        return found

    def _delete_trial(self, table: Table, design: Design, number: int) -> str | None:
        """Delete a trial if it is still damaged and can be trained again; describes what was done."""
        if self.counts is None:
            return None
        with self.database.writing() as connection:
            try:
                sound = isinstance(self._examine(connection, table, design, [number]).get(number), Trial)
            except UNREADABLE:
                sound = False
            if sound or self._held(connection):
                return None
            connection.execute(delete(table).where(table.c.study_id == self.study.id, table.c.number == number))
        return "deleted; the next job on the study trains it again"

    def _check_versions(self, stored: Table) -> Iterator[DatabaseFinding]:
        mine = stored.c.study_id == self.study.id
        with self.database.reading() as connection:
            query = select(stored.c.digest).where(mine).order_by(*tables.newest_first(stored))
            digests = connection.execute(query).scalars().all()
            if stored is pair_tables and digests:
                self.scope = _scope(connection, self.study.id)
        remedy = "import the scores again" if self.study.design is None else "--repair deletes and rebuilds it"
        for version in digests:
            repaired = None
            with self.database.reading() as connection:
                fault = version_fault(connection, stored, self.study.id, version)
            if fault is not None and self.repair:
                with self.database.writing() as connection:
                    fault = version_fault(connection, stored, self.study.id, version)
                    if fault is not None and not self._held(connection):
                        connection.execute(delete(stored).where(mine, stored.c.digest == version))
                        repaired = "deleted" if self.study.design is not None else f"deleted: {remedy}"
            if fault is not None:
                self.left += repaired is None
                yield self._found(f", {KINDS[stored].kind} {version[:12]}", fault, remedy, repaired)
            self.watch(f"{self.study.name}: tables", 1)

    def _check_current(self) -> Iterator[DatabaseFinding]:
        """Compare the current tables with rebuilt ones, once all trials and tables are sound by themselves."""
        with self.database.reading() as connection:
            there = stored_trials(connection, self.study.id)
            rest_on = _rest_on(connection, self.study.id)
            unfinished = _unfinished(connection, self.study.id)
        if self.counts is not None and there != (self.counts.trials, self.counts.full_trials):
            return  # the evidence has grown in the meantime
        say = "{} trials and {} full ones".format
        if any(table > stored for rest in rest_on for table, stored in zip(rest, there, strict=True)):
            problem = f"rest on {say(*max(rest_on))}, but the study has {say(*there)}"
            yield self._found(
                ", tables", problem, "--repair rebuilds them", self._rebuild(self._build(), wrong_from=there[0])
            )
        elif rest_on != [there, there]:
            if there[0] and not unfinished:
                problem = f"rest on {say(*min(rest_on))}" if len(rest_on) == 2 else "are missing"
                problem, where = f"{problem}, but the study has {say(*there)}", ", tables"
                found = self._found(where, problem, "the next job builds them", self._rebuild(self._build()))
                yield replace(found, harmless=True)
        elif self.counts is not None:
            yield from self._compare(there)

    def _compare(self, there: Trials) -> Iterator[DatabaseFinding]:
        built = self._build(always=True)
        assert built is not None
        with self.database.reading() as connection:
            scores, pairs = tables.current(connection, self.study.id)
        stored = scores.decode(ScoreTable), pairs.decode(PairsTable)
        compared = stored, built
        older = stored[1].weighted and stored[1].meta.get("findings_version", 1) != FINDINGS_VERSION
        gone = self.images is not None and self.images.forgotten  # what the tables once were made with
        if older or gone:
            compared = tuple((table, without_similarity(rows)) for table, rows in compared)
        different = [
            f"{name} of the {table.kind}"
            for table, other in zip(*compared, strict=True)
            for name in different_columns(table, other)
        ]
        if different and _same_trials(stored[0], there):
            problem = f"do not follow from the evidence: {', '.join(different)}"
            yield self._found(", tables", problem, "--repair rebuilds them", self._rebuild(built, wrong_from=there[0]))
        elif older and not gone:
            problem = "have weighted q-values and posteriors by the formulas of an earlier version of memscore"
            remedy = "the next trials, or --repair, bring them up to date"
            yield replace(
                self._found(", tables", problem, remedy, self._rebuild(built, wrong_from=there[0])), harmless=True
            )

    def _build(self, *, always: bool = False) -> Tables | None:
        """Tables of the sound trials, for a repair or `always`; None without trials or without the dataset."""
        if not (self.repair or always) or self.counts is None or not self.counts.trials:
            return None
        with self.database.reading() as connection:
            origin = provenance(connection, self.study)
        if self.similarity is None and self.images is not None:
            with self.database.reading() as connection:
                sketches = evidence.sketches(connection, self.study.id)
            self.similarity = similarity_of(self.images, self.counts, sketches)
        scores, pairs = build_tables(self.counts, origin, self.similarity)
        if self.scope == "all":
            with self.database.reading() as connection:
                pairs = all_pairs(connection, self.study, scores, pairs)
        return scores, pairs

    def _rebuild(self, built: Tables | None, wrong_from: int | None = None) -> str | None:
        """With `repair`, store these tables in place of those from `wrong_from` trials on; describes what was done."""
        if not self.repair or self.counts is None:
            return None
        with self.database.writing() as connection:
            counted = self.counts.trials, self.counts.full_trials
            if self._held(connection) or stored_trials(connection, self.study.id) != counted:
                return None
            if wrong_from is not None:
                for stored in KINDS:
                    wrong = (stored.c.study_id == self.study.id) & (stored.c.trials >= wrong_from)
                    connection.execute(delete(stored).where(wrong))
            if built is not None:
                keep_tables(connection, self.study, *built)
        return "deleted, since the study has no evidence" if built is None else "rebuilt from the evidence"

    def _held(self, connection: Connection) -> bool:
        """Whether a job is working on the study; its driver counts in memory and would not notice a change."""
        return any(job.study_id == self.study.id for job in jobs.working(connection))


def _rest_on(connection: Connection, study: str) -> list[Trials]:
    """The trials that the current score table and pairs table rest on, for each that exists."""
    metas = tables.current_meta(connection, study), tables.current_pairs_meta(connection, study)
    return [trials_of(meta) for meta in metas if meta is not None]


def _same_trials(scores: ScoreTable, there: Trials) -> bool:
    """Whether a table, read later, still rests on these trials."""
    return trials_of(scores.meta) == there


def _scope(connection: Connection, study: str) -> str:
    try:
        return str((tables.current_pairs_meta(connection, study) or {}).get("scope"))
    except UNREADABLE:
        return "same_class"


def _unfinished(connection: Connection, study: str) -> bool:
    query = select(jobs_table.c.id).where(jobs_table.c.study_id == study, jobs_table.c.state.not_in(TERMINAL)).limit(1)
    return connection.execute(query).first() is not None
