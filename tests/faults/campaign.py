"""One long job that is disturbed again and again; after each time everything stored is compared with the reference."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import psutil

from memscore.client import Client
from memscore.errors import MemscoreError, StoreError
from memscore.store import evidence, job_logs, jobs
from memscore.store.jobs import JobRecord
from memscore.study.evidence import evidence_digest
from memscore.study.spec import BLOCK
from tests.faults.recoveries import Recovery
from tests.faults.reference import FULL, Reference
from tests.faults.setups import SLOTS, Setup
from tests.processes import alive, eventually

MANY = 100_000  # trials: the job does not end by itself
RECOVERY_SECONDS = 300.0  # longer than this, and it is stuck
POLL_SECONDS = 0.5  # a look at all processes costs tens of milliseconds
IN_FLIGHT = 2 * SLOTS  # trials that a driver's end may cost: one in training and one not stored yet for each worker

Result = TypeVar("Result")
Disturbance = Callable[[], Sequence[psutil.Process]]
"""Disturbs something; returns the processes that will end for it."""


@dataclass
class Campaign:
    """A job of a set-up, and what is known of it."""

    setup: Setup
    reference: Reference
    chance: random.Random
    recoveries: list[Recovery]
    time_limit: float | None = None
    seen: set[int] = field(default_factory=set[int])
    compared: set[int] = field(default_factory=set[int])
    may_be_lost: int = 0

    def __post_init__(self) -> None:
        with Client(self.setup.url) as client:
            limit = self.time_limit
            self.job = client.submit("digits", self.reference.recipe, trials=MANY, time_limit_seconds=limit).id
        self.run_until(lambda: self.numbers() and not self.setup.missing())

    def disturb(
        self,
        victim: str,
        how: str,
        disturbance: Disturbance,
        *,
        attempts: Sequence[int] = (0,),
        lost: int = 0,
        watched: float = 0.0,
    ) -> Recovery:
        """Disturb at a random moment, wait until all is well again, and compare what is stored with the reference.

        `attempts`: how many new attempts it may cost; `lost`: how many trials at most must be trained again;
        `watched`: for how many seconds the job goes on before attempts are counted, for those that are lost late.
        """
        time.sleep(self.chance.uniform(0, 2))
        before = self.record().attempt
        started = time.monotonic()
        dying = list(disturbance())
        self.run_until(lambda: not alive(dying))
        stored = self.numbers()  # a new one is seen, not dated: some rows set the clock
        next_trial, whole = None, None
        while next_trial is None or whole is None:
            passed = time.monotonic() - started
            if next_trial is None and self.numbers() - stored:
                next_trial = passed
            if self.setup.missing():
                whole = None  # what a dead driver left behind has only been counted for the next one's
            elif whole is None:
                whole = passed
            assert passed < RECOVERY_SECONDS, self.explain(f"{victim} {how}: {next_trial=} {whole=}")
            self._look_after()
        watched_until = time.monotonic() + watched
        self.run_until(lambda: time.monotonic() >= watched_until)
        self.compare()
        now = self.record().attempt
        assert now - before in attempts, self.explain(f"{victim} {how}: attempt {before}, then {now}")
        self.may_be_lost += lost
        noted = Recovery(self.setup.name, victim, how, next_trial, whole, now - before)
        self.recoveries.append(noted)
        print(" | ".join(noted.cells()), flush=True)
        return noted

    def finish(self) -> None:
        """Cancel the job, let another fill what is missing, and compare all evidence and both tables."""
        with Client(self.setup.url) as client:
            client.cancel(self.job)
            self.may_be_lost += IN_FLIGHT
            self.run_until(lambda: client.job(self.job).finished)
            assert client.job(self.job).state == "cancelled"
            self.compare()
            target = (max(self.seen) // BLOCK + 1) * BLOCK
            last = client.submit("digits", self.reference.recipe, trials=target)
            self.run_until(lambda: client.job(last.id).finished)
            done = client.job(last.id)
            assert (done.state, done.progress.done) == ("succeeded", target), self.explain("the last job")
            assert (client.table(last.study).digest, client.pairs_table(last.study).digest) == self.reference.tables(
                target
            )
        with self.setup.database.reading() as connection:
            stored = evidence.load(connection, self.reference.study)
            full = evidence.load(connection, self.reference.study, full=True)
        assert [trial.number for trial in stored] == list(range(target))
        assert evidence_digest(stored) == self.reference.digest(target)
        assert [trial.number for trial in full] == list(range(FULL))
        assert self.reference.differing(full) == []
        if not self.reference.recipe.stacked:
            begun = self.setup.trainings.stat().st_size
            again = begun - target - FULL
            print(f"{target} trials, {again} of them begun again, at most {self.may_be_lost} expected", flush=True)
            assert 0 <= again <= self.may_be_lost

    def compare(self) -> None:
        """No trial is lost, none differs from the reference, and no attempt was claimed twice."""
        numbers = self.numbers()
        assert not self.seen - numbers, self.explain(f"lost: {sorted(self.seen - numbers)}")
        self.seen = numbers
        new = numbers - self.compared
        with self.setup.database.reading() as connection:
            added = [trial for trial in evidence.load(connection, self.reference.study) if trial.number in new]
            states = [event.state for event in jobs.events(connection, self.job)]
            attempt = jobs.get(connection, self.job).attempt
        assert self.reference.differing(added) == []
        assert states.count("running") == attempt
        self.compared = numbers

    def numbers(self) -> set[int]:
        """The trials that are stored; waits for the database, and has it started again."""
        return self._patiently(lambda connection: set(evidence.numbers(connection, self.reference.study)))

    def record(self) -> JobRecord:
        """The job; waits for the database."""
        return self._patiently(lambda connection: jobs.get(connection, self.job))

    def run_until(self, condition: Callable[[], object]) -> None:
        """Let it run until the condition holds, starting again what does not by itself."""

        def holds() -> bool:
            self._look_after()
            try:
                return bool(condition())
            except (MemscoreError, psutil.NoSuchProcess):
                return False

        eventually(holds, RECOVERY_SECONDS, lambda: self.explain("waiting"))

    def explain(self, what: str) -> str:
        """Everything that is known when something is wrong."""
        with self.setup.database.reading() as connection:
            record = jobs.get(connection, self.job)
            events = [f"{event.at:.1f} {event.state}: {event.message}" for event in jobs.events(connection, self.job)]
            log = "".join(part.text for part in job_logs.read(connection, self.job))[-6000:]
        processes = [f"{one.pid} {' '.join(one.cmdline())[:150]}" for one in alive(self.setup.processes())]
        parts = [
            what,
            str(self.setup.missing()),
            str(record),
            *events[-20:],
            log,
            *processes,
            self.setup.logs()[-8000:],
        ]
        return "\n".join(parts)

    def _look_after(self) -> None:
        self.setup.supervise()
        record = self.record()
        assert record.state not in ("failed", "succeeded"), self.explain("it ended")
        time.sleep(POLL_SECONDS)

    def _patiently(self, query: Callable[..., Result]) -> Result:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                with self.setup.database.reading() as connection:
                    return query(connection)
            except StoreError:
                assert time.monotonic() < deadline, "the database does not come back"
            self.setup.supervise()
            time.sleep(POLL_SECONDS)
