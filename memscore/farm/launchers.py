"""Launchers, with which a dispatcher starts drivers."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from memscore.errors import LaunchFailed, StoreError
from memscore.files import private
from memscore.launch import python
from memscore.logs import Discretion, end_of
from memscore.settings import Settings
from memscore.store.jobs import JobRecord

LOG_TAIL = 20_000  # bytes
TOKEN_BYTES = 32
GCS_SECONDS = 10  # Ray's default of 60 suits a control service that restarts; here it ends with its driver


def driver_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that starts Ray on this machine, and of its workers: one thread each.

    It holds a token of its own for this Ray, not that of a cluster, which is none of its business.
    """
    inherited = {name: value for name, value in settings.environment().items() if name != "RAY_AUTH_TOKEN_PATH"}
    return {
        **inherited,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(TOKEN_BYTES),
        "OMP_NUM_THREADS": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(GCS_SECONDS),
    }


@dataclass(frozen=True)
class Status:
    """Whether a driver runs; `detail`: one sentence on how it ended, or why its state is unknown."""

    kind: Literal["running", "ended", "unknown"]
    detail: str = ""


class Launched(ABC):
    """A driver that was started."""

    @abstractmethod
    def status(self) -> Status:
        """Whether it runs, `unknown` if that cannot be determined. Does not raise."""

    @abstractmethod
    def stop(self, grace_seconds: float = 10) -> None:
        """End it and everything it started, and wait for the end as far as it can be observed. Does not raise."""

    @abstractmethod
    def log(self) -> str:
        """The end of its output, for the job's log; empty if that is unavailable. Does not raise."""

    @abstractmethod
    def forget(self) -> None:
        """Remove the launcher's traces of an ended driver, once the outcome is stored. Does not raise."""


class Launcher(ABC):
    """Starts drivers."""

    outlives_dispatcher: ClassVar[bool]  # whether its drivers keep running when the dispatcher ends

    @abstractmethod
    def unavailable(self) -> str | None:
        """One sentence on why nothing can be launched now, or None."""

    @abstractmethod
    def launch(self, job: JobRecord) -> Launched:
        """Start the driver of the job's current attempt, or return it if it was already started.

        Raises LaunchFailed.
        """

    @abstractmethod
    def adopt(self, job: JobRecord) -> Launched | None:
        """The driver of an attempt that another dispatcher launched; None if none is left to take over."""


class LocalLauncher(Launcher):
    """Starts each driver as a subprocess that runs Ray on this machine."""

    outlives_dispatcher = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.had_home = settings.home.is_dir()

    def unavailable(self) -> str | None:
        """One sentence if the home folder cannot be written; a driver starts its own Ray and needs nothing else."""
        try:
            if self.had_home:
                self.settings.require_home()
            self.settings.prepare_home()
            self.had_home = True
        except StoreError as error:
            return str(error)
        return None

    def adopt(self, job: JobRecord) -> Launched | None:  # noqa: ARG002 -- the same for every job
        """None: a subprocess ends with its dispatcher."""
        return None

    def launch(self, job: JobRecord) -> Launched:
        """Start `python -m memscore.farm.driver` in its own process group, logging to home/logs."""
        log_path = self.settings.home / "logs" / f"{job.id}-{job.attempt}.log"
        try:
            with open(log_path, "ab", opener=private) as log:
                process = subprocess.Popen(
                    python("memscore.farm.driver", job.id, str(job.attempt)),
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=driver_environment(self.settings),
                )
        except OSError as error:
            raise LaunchFailed(f"the driver could not be started: {error}") from error
        return _LocalDriver(process, log_path, Discretion(self.settings))


class _LocalDriver(Launched):
    def __init__(self, process: subprocess.Popen[bytes], log_path: Path, hide: Discretion) -> None:
        self.process = process
        self.log_path = log_path
        self.hide = hide

    def status(self) -> Status:
        status = self.process.poll()
        if status is None:
            return Status("running")
        how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        lines = self.log().splitlines()
        last = f": {lines[-1][:300]}" if lines else ""
        return Status("ended", f"the driver {how}{last} (log: {self.log_path})")

    def log(self) -> str:
        return self.hide(end_of(self.log_path, LOG_TAIL))

    def forget(self) -> None:
        pass  # the log file is kept

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
