"""The dispatcher: claims queued jobs, launches their drivers, renews leases, recovers what was lost."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from dataclasses import dataclass, field

import psutil

from memscore.errors import MemscoreError, StoreError
from memscore.farm.launchers import Launched, Launcher, LocalLauncher
from memscore.settings import Settings
from memscore.store import Database, jobs
from memscore.store.jobs import JobRecord

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
RENEWALS_PER_LEASE = 3


@dataclass
class _Running:
    job: JobRecord
    driver: Launched
    renewed_at: float = field(default_factory=time.monotonic)


class Dispatcher:
    """Runs jobs one at a time: one job uses all slots of the machine."""

    def __init__(self, database: Database, settings: Settings, launcher: Launcher | None = None) -> None:
        self.database = database
        self.settings = settings
        self.launcher = launcher or LocalLauncher(settings)
        self.owner = process_identity()
        self.running: _Running | None = None

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then give the running job back."""
        try:
            while not stop.is_set():
                try:
                    self.step()
                except StoreError as error:
                    log.warning("%s Trying again.", error)
                    stop.wait(2)
                stop.wait(POLL_SECONDS)
        finally:
            self.close()

    def step(self) -> None:
        """One pass: attend to the running driver, recover lost jobs, start the next one."""
        if self.running is not None:
            self._attend(self.running)
        self._recover()
        if self.running is None:
            with self.database.writing() as connection:
                job = jobs.claim(connection, self.owner, self.settings.lease_seconds)
            if job is not None:
                log.info("job %s, attempt %d: starting", job.id, job.attempt)
                try:
                    self.running = _Running(job, self.launcher.launch(job))
                except OSError as error:
                    with self.database.writing() as connection:
                        jobs.lost(connection, job.id, job.attempt, f"the driver could not be started: {error}")

    def close(self) -> None:
        """Stop the running driver and queue its job again."""
        if self.running is None:
            return
        self.running.driver.stop()
        job, self.running = self.running.job, None
        try:
            with self.database.writing() as connection:
                jobs.release(connection, job.id, job.attempt, "the dispatcher was stopped")
        except MemscoreError as error:
            log.warning("%s", error)

    def _attend(self, running: _Running) -> None:
        job = running.job
        outcome = running.driver.ended()
        if outcome is not None:
            running.driver.stop()
            self.running = None
            with self.database.writing() as connection:
                state = jobs.lost(connection, job.id, job.attempt, outcome)
            if state is not None:
                log.warning("job %s, attempt %d: %s; now %s", job.id, job.attempt, outcome, state)
        elif time.monotonic() - running.renewed_at > self.settings.lease_seconds / RENEWALS_PER_LEASE:
            with self.database.writing() as connection:
                state = jobs.renew(connection, job.id, job.attempt, self.settings.lease_seconds)
            running.renewed_at = time.monotonic()
            if state is None and running.driver.ended() is None:
                log.warning("job %s, attempt %d: taken over by another dispatcher", job.id, job.attempt)
                running.driver.stop()
                self.running = None

    def _recover(self) -> None:
        """Take jobs from attempts whose lease ran out, or whose dispatcher on this host is dead."""
        with self.database.reading() as connection:
            held = jobs.held(connection)
            overdue = {job.id for job in jobs.expired(connection)}
        for job in held:
            if self.running is not None and job.id == self.running.job.id:
                continue
            if job.id in overdue:
                reason = "its lease ran out"
            elif job.lease_owner is not None and not owner_may_live(job.lease_owner):
                reason = "its dispatcher is gone"
            else:
                continue
            with self.database.writing() as connection:
                state = jobs.lost(connection, job.id, job.attempt, reason)
            log.warning("job %s, attempt %d: %s; now %s", job.id, job.attempt, reason, state)


def process_identity() -> str:
    """This process as HOST/PID/START, unique over restarts and reuse of process numbers."""
    return f"{socket.gethostname()}/{os.getpid()}/{psutil.Process().create_time():.2f}"


def owner_may_live(owner: str) -> bool:
    """False only if the owner was a process of this host that is certainly gone."""
    host, pid, started = owner.rsplit("/", 2)
    if host != socket.gethostname():
        return True
    try:
        process = psutil.Process(int(pid))
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - float(started)) < 1
    except psutil.NoSuchProcess:
        return False
