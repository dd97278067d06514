"""Run the service: the API in this process and a dispatcher beside it."""

from __future__ import annotations

import ipaddress
import logging
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from api.app import create_app
from memscore.errors import InvalidInput
from memscore.settings import Settings
from memscore.store import Database

log = logging.getLogger(__name__)


def serve(
    database: Database, settings: Settings, host: str, port: int, *, dispatch: bool, announce: Callable[[str], None]
) -> None:
    """Serve until interrupted; port 0 takes a free one. `announce` gets the address when requests are accepted.

    Raises InvalidInput if the address is not this machine's alone, or the port is taken.
    """
    listener = listen(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    server = _Server(configuration(create_app(database, settings.own_networks)), lambda: announce(address))
    companion = _Companion(settings) if dispatch else None
    # uvicorn stops in good order and then raises the signal again; by then it has done its work.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server.run(sockets=[listener])
    finally:
        if companion is not None:
            companion.stop()


def configuration(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves an application; docs/architecture.md has the reasons."""
    return uvicorn.Config(app, log_config=None, log_level="warning", access_log=False, lifespan="off")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self.announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.announce()


class _Companion:
    """A dispatcher process that is started again when it dies, and ends with this process."""

    def __init__(self, settings: Settings) -> None:
        self.environment = settings.environment()
        self.stopping = threading.Event()
        self.process = self._start()
        threading.Thread(target=self._watch, daemon=True).start()

    def stop(self) -> None:
        """Close its standard input, which it takes as the end, and wait."""
        self.stopping.set()
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "memscore.cli", "dispatch", "--follow-stdin"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env=self.environment,
        )

    def _watch(self) -> None:
        while not self.stopping.is_set():
            status = self.process.wait()
            if self.stopping.wait(1):
                return
            log.warning("the dispatcher ended with status %d and is started again", status)
            self.process = self._start()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises InvalidInput."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise InvalidInput(
            f"Serving on {host} needs API keys, which this version does not have yet; use 127.0.0.1 and a tunnel."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidInput(
            f"Port {port} on {host} cannot be used ({error}); choose another with --port, or 0 for a free one."
        ) from error
    return listener
