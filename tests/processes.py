"""Real processes for tests: the service, dispatchers, and everything they start."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from memscore.settings import Settings
from tests import ray_cluster

GUARD = (sys.executable, "-P", ray_cluster.__file__)
CLI = (sys.executable, "-m", "memscore.cli")


class Family:
    """A command and all that comes of it, orphans too; it ends with the test, whatever the test does to it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, *, output: int | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as file:
            self.guard = subprocess.Popen(
                [*GUARD, *command],
                stdin=subprocess.PIPE,
                stdout=file if output is None else output,
                stderr=file,
                env=environment,
                start_new_session=True,
            )
        below = psutil.Process(self.guard.pid)
        while not (children := below.children()) and self.guard.poll() is None:
            time.sleep(0.01)
        self.top = children[0] if children else below

    def family(self) -> list[psutil.Process]:
        """All processes that run now, orphans and those in other sessions included."""
        try:
            return alive(psutil.Process(self.guard.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def find(self, part: str) -> list[psutil.Process]:
        """Processes of the family whose command line or name contains `part`."""
        return having(self.family(), part)

    @property
    def running(self) -> bool:
        """Whether the command itself runs, whatever it left behind."""
        return bool(alive([self.top]))

    def stop(self, seconds: float = 60) -> int:
        """SIGTERM to the command, and wait for the end of all that came of it; its exit status."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.top.send_signal(signal.SIGTERM)
        status = self.guard.wait(seconds)
        self._close()
        return status

    def cut(self) -> None:
        """SIGKILL to all of it at once, as if the power failed."""
        self._close()
        self.guard.wait(30)

    def _close(self) -> None:
        for stream in (self.guard.stdin, self.guard.stdout):
            if stream is not None:
                stream.close()


class Service(Family):
    """`memscore serve` with its dispatcher; waits until it answers. `before` is put before the command."""

    def __init__(
        self,
        settings: Settings,
        *options: str,
        port: int = 0,
        before: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            [*before, *CLI, "serve", "--port", str(port), *options],
            {**settings.environment(), **(environment or {})},
            settings.home.parent / "service.log",
            output=subprocess.PIPE,
        )
        output: IO[bytes] | None = self.guard.stdout
        assert output is not None
        line = output.readline().decode()
        if "http://" not in line:
            self.cut()
            raise AssertionError(self.log.read_text())
        self.url = line.split()[2]


@contextlib.contextmanager
def service(settings: Settings) -> Generator[Service]:
    """A service that ends with the block, at the latest by SIGKILL of all it started."""
    with ending(Service(settings)) as started:
        yield started


@contextlib.contextmanager
def ending(started: Service) -> Generator[Service]:
    """Stop it in good order after the block, or cut it off if the block fails or it does not end."""
    try:
        yield started
        if started.running:
            started.stop()
    finally:
        started.cut()


def kill(processes: list[psutil.Process], number: signal.Signals = signal.SIGKILL) -> None:
    """A signal to all."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def having(processes: list[psutil.Process], part: str) -> list[psutil.Process]:
    """Those whose command line or name contains `part`."""
    found: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if part in " ".join(process.cmdline()) or part in process.name():
                found.append(process)
    return found


def eventually(condition: Callable[[], object], seconds: float = 60, message: Callable[[], str] = str) -> None:
    """Wait until the condition holds; fail after `seconds`, with what `message` says then."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"this did not come true in {seconds:g} s: {message()}"
        time.sleep(0.1)


def driver_logs(home: Path) -> str:
    """All driver logs, for messages."""
    return "\n".join(path.read_text(errors="replace") for path in sorted((home / "logs").glob("*.log")))
