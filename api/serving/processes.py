"""Companion processes: restarted when they die, and ended with this one, even if it is killed."""

from __future__ import annotations

import logging
import math
import subprocess
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from memscore.files import PRIVATE_FOLDER, make_folder
from memscore.launch import python

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
SETTLED_SECONDS = 30.0  # a process that has run for this long had started


class Companion:
    """One process that runs a command of memscore, which must end when its standard input closes.

    Once `stopping` is set it is not restarted. It runs in its own session, so Ctrl-C does not reach it. `folder` is
    made before each start, since something may have cleared it away. It has `given_up` once its starts have failed for
    `patience` seconds, by default never.
    """

    def __init__(
        self,
        name: str,
        command: Iterable[str],
        environment: Mapping[str, str],
        stopping: threading.Event,
        *,
        stdout: int | None = None,
        inherited: Collection[int] = (),
        folder: Path | None = None,
        patience: float = math.inf,
    ) -> None:
        self.name = name
        self.command = python("memscore.cli", *command, "--follow-stdin")
        self.environment = environment
        self.stopping = stopping
        self.stdout = stdout
        self.inherited = inherited
        self.folder = folder
        self.patience = patience
        self.given_up = False
        self._starting = threading.Lock()
        self.process = self._start()
        threading.Thread(target=self._watch, daemon=True).start()

    def release(self) -> None:
        """Close its standard input, which ends it."""
        with self._starting:
            assert self.process.stdin is not None
            self.process.stdin.close()

    def wait(self, seconds: float) -> None:
        """Wait for it to end, and kill it if it does not."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            log.warning("%s did not end within %g s; killing it", self.name, seconds)
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        if self.folder is not None:
            make_folder(self.folder, PRIVATE_FOLDER)
        return subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=self.stdout,
            pass_fds=self.inherited,
            start_new_session=True,
            env=self.environment,
        )

    def _watch(self) -> None:
        settled = time.monotonic()
        while True:
            started = time.monotonic()
            status = self.process.wait()
            self.release()  # its end of the pipe
            if time.monotonic() - started >= SETTLED_SECONDS:
                settled = time.monotonic()
            if self.stopping.wait(RESTART_SECONDS):
                return
            if time.monotonic() - settled > self.patience:
                log.error("%s has failed for %.0f s, last with status %d", self.name, self.patience, status)
                self.given_up = True
                return
            with self._starting:  # so `release` and `wait` reach the last process
                if self.stopping.is_set():
                    return
                log.warning("%s ended with status %d; restarting it", self.name, status)
                self.process = self._start()
