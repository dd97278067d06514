"""One of many dispatchers that race for the same jobs; their drivers are made up, and end in every way there is."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

from memscore.farm.dispatcher import Dispatcher
from memscore.farm.launchers import Launched, Launcher, Status
from memscore.settings import Settings
from memscore.store import Database, jobs, open_database
from memscore.store.jobs import JobRecord

PASS_SECONDS = 0.01
LEASE_SECONDS = 30.0


class ShortDriver(Launched):
    """Works for a moment, then stores an outcome, or, at a first attempt, may vanish without one."""

    def __init__(self, database: Database, job: JobRecord, chance: random.Random) -> None:
        self.database = database
        self.job = job
        self.ends_at = time.monotonic() + chance.uniform(0, 0.1)
        self.vanishes = not job.failures and chance.random() < 0.2
        self.over = False

    def status(self) -> Status:
        """Running until its moment has passed."""
        if not self.over and time.monotonic() >= self.ends_at:
            if not self.vanishes:
                with self.database.writing() as connection:
                    jobs.finish(connection, self.job.id, self.job.attempt, "succeeded", "done")
            self.over = True
        return Status("ended", "it vanished") if self.over else Status("running")

    def stop(self, grace_seconds: float = 10) -> None:  # noqa: ARG002 -- it has nothing to wait for
        """Whatever it did, it does no more."""
        self.over = True

    def log(self) -> str:
        """It says nothing."""
        return ""

    def forget(self) -> None:
        """Nothing is kept."""


class RecordingLauncher(Launcher):
    """Writes each launch into a file that all share: `OWNER JOB ATTEMPT`, a line at once."""

    outlives_dispatcher: ClassVar[bool] = True

    def __init__(self, database: Database, file: Path) -> None:
        self.database = database
        self.file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.chance = random.Random()

    def unavailable(self) -> str | None:
        """Nothing is missing."""
        return None

    def launch(self, job: JobRecord) -> Launched:
        """A driver for a moment."""
        os.write(self.file, f"{os.getpid()} {job.id} {job.attempt}\n".encode())
        return ShortDriver(self.database, job, self.chance)

    def adopt(self, job: JobRecord) -> Launched | None:
        """What a dead dispatcher left is not launched again: its driver ends now."""
        return ShortDriver(self.database, job, self.chance)


def main() -> None:
    """`python -m tests.faults.racing URL FILE`: dispatch until killed."""
    database = open_database(sys.argv[1])
    settings = Settings(database_url=sys.argv[1], parallel_jobs=4, lease_seconds=LEASE_SECONDS, launcher="ray-jobs")
    dispatcher = Dispatcher(database, settings, RecordingLauncher(database, Path(sys.argv[2])))
    print("ready", flush=True)
    never = threading.Event()
    while True:
        dispatcher.step()
        never.wait(PASS_SECONDS)


if __name__ == "__main__":
    main()
