"""Real processes for tests: a service on a free port, and everything it starts."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil

from memscore.settings import Settings


class Service:
    """`memscore serve --port 0` with its dispatcher."""

    def __init__(self, settings: Settings) -> None:
        self.log = settings.home / "service.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "memscore.cli", "serve", "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=settings.environment(),
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert "http://" in line, self.log.read_text()
        self.url = line.split()[2]

    def family(self) -> list[psutil.Process]:
        """The service's process and all below it, also those in other sessions."""
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def find(self, part: str) -> list[psutil.Process]:
        """Processes of the family whose command line or name contains `part`."""
        found: list[psutil.Process] = []
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if part in " ".join(process.cmdline()) or part in process.name():
                    found.append(process)
        return found

    def stop(self) -> int:
        """SIGTERM, and wait for the end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status


@contextlib.contextmanager
def service(settings: Settings) -> Generator[Service]:
    """A service that ends with the block, at the latest by SIGKILL of all it started."""
    started = Service(settings)
    family: list[psutil.Process] = []
    try:
        yield started
        family = started.family()
        if started.process.poll() is None:
            started.stop()
    finally:
        kill(started.family() + family)
        if started.process.stdout is not None:
            started.process.stdout.close()
        started.process.wait()


def kill(processes: list[psutil.Process]) -> None:
    """SIGKILL to all."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def eventually(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the condition holds; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not come true in time"
        time.sleep(0.1)


def driver_logs(home: Path) -> str:
    """All driver logs, for messages."""
    return "\n".join(path.read_text(errors="replace") for path in sorted((home / "logs").glob("*.log")))
