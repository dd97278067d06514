"""How a dispatcher starts a driver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

from memscore.settings import Settings
from memscore.store.jobs import JobRecord


class Launched(ABC):
    """A driver that was started."""

    @abstractmethod
    def ended(self) -> str | None:
        """None while it runs; afterwards one sentence on how it ended."""

    @abstractmethod
    def stop(self, grace_seconds: float = 10) -> None:
        """End it and everything it started; returns when it is gone."""


class Launcher(ABC):
    """Starts drivers."""

    @abstractmethod
    def launch(self, job: JobRecord) -> Launched:
        """Start the driver of the job's current attempt."""


class LocalLauncher(Launcher):
    """Starts a driver as a subprocess that runs Ray on this machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def launch(self, job: JobRecord) -> Launched:
        """Start `python -m memscore.farm.driver`, in a process group of its own, logging to home/logs."""
        log_path = self.settings.home / "logs" / f"{job.id}-{job.attempt}.log"
        environment = {**self.settings.environment(), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "memscore.farm.driver", job.id, str(job.attempt)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )
        return _LocalDriver(process, log_path)


class _LocalDriver(Launched):
    def __init__(self, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.process = process
        self.log_path = log_path

    def ended(self) -> str | None:
        status = self.process.poll()
        if status is None:
            return None
        how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        lines = self.log_path.read_text(errors="replace").strip().splitlines()
        return f"the driver {how}" + (f": {lines[-1][:300]}" if lines else "") + f" (log: {self.log_path})"

    def stop(self, grace_seconds: float = 10) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
