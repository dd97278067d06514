"""Runs the service: the API in this process, or in workers that share its socket, with a dispatcher beside it."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from api.protection import protection_of, require_a_key
from api.serving.connections import LimitedConnection
from api.serving.processes import Companion
from memscore.errors import InvalidInput, StoreError
from memscore.settings import METRICS_FOLDER, Settings
from memscore.store import Database

KEEP_ALIVE_SECONDS = 65  # longer than the minute after which proxies give up an idle connection
WORKER_PATIENCE_SECONDS = 300.0  # as long as drivers wait for a database
TICK_SECONDS = 0.2
END_SECONDS = 20.0  # for a process to end, in addition to its wait for downloads


def serve(
    database: Database,
    settings: Settings,
    host: str,
    port: int,
    *,
    workers: int,
    dispatch: bool,
    stopping: threading.Event,
    announce: Callable[[str], None],
) -> None:
    """Serve until a signal comes or `stopping` is set; port 0 takes a free one.

    `announce` gets the address once requests are answered. On stopping, no new request is accepted, open downloads
    have `settings.stop_seconds` to finish, and the dispatcher ends last. A second signal ends everything at once.
    Raises InvalidInput if the port is taken, or if callers need keys and none exists.
    """
    listener = listen(host, port)
    address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    with listener, ExitStack() as beside:
        require_a_key(database, protection_of(settings, listener.getsockname()[0]), host)
        if dispatch:
            beside.enter_context(_dispatcher(settings, stopping))
        if workers == 1:
            serve_here(database, settings, listener, stopping, lambda: announce(address))
        else:
            database.close()  # each worker has its own connections
            _serve_in_workers(settings, listener, workers, stopping, lambda: announce(address))


def serve_here(
    database: Database,
    settings: Settings,
    listener: socket.socket,
    stopping: threading.Event,
    announce: Callable[[], None],
) -> None:
    """Serve in this process."""
    from api.app import create_app  # a process that only watches workers does not need it

    app = create_app(
        database,
        settings.own_networks,
        protection_of(settings, listener.getsockname()[0]),
        runs=settings.runs_folder,
    )
    server = _Server(configuration(app, settings), announce, stopping, app.state.stopping.set)
    _stop_on_signals(stopping)
    gc.collect()
    gc.freeze()  # objects that live as long as the process need no scan for garbage
    server.run(sockets=[listener])


def configuration(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves an application; docs/decisions/31-uvicorn.md has the reasons."""
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        http=LimitedConnection,
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.stop_seconds,
        root_path=settings.root_path,
    )


class _Server(uvicorn.Server):
    """Reports when it has started and when it begins to stop; `_stop_on_signals` handles signals."""

    def __init__(
        self,
        config: uvicorn.Config,
        started: Callable[[], None],
        stopping: threading.Event,
        begin_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self.announce = started
        self.stopping = stopping
        self.begin_stop = begin_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.announce()

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self.stopping.is_set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.begin_stop()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _serve_in_workers(
    settings: Settings, listener: socket.socket, workers: int, stopping: threading.Event, announce: Callable[[], None]
) -> None:
    """Serve in other processes, which count requests in files of one folder."""
    ready, worker_is_ready = os.pipe()
    command = ["serve-worker", str(listener.fileno())]
    with tempfile.TemporaryDirectory(prefix="memscore-metrics-", ignore_cleanup_errors=True) as folder:
        environment = {**settings.environment(), METRICS_FOLDER: folder}
        running = [
            Companion(
                "a worker",
                command,
                environment,
                stopping,
                stdout=worker_is_ready,
                inherited=[listener.fileno()],
                folder=Path(folder),
                patience=WORKER_PATIENCE_SECONDS,
            )
            for _ in range(workers)
        ]
        _stop_on_signals(stopping, lambda: [worker.kill() for worker in running])
        announced = False
        while not stopping.is_set():
            if select.select([ready], [], [], TICK_SECONDS)[0] and os.read(ready, 64) and not announced:
                announced = True
                announce()
            if all(worker.given_up for worker in running):
                raise StoreError("No worker can be started; the log above says why.")
        listener.close()
        for worker in running:
            worker.release()
        for worker in running:
            worker.wait(settings.stop_seconds + END_SECONDS)


@contextmanager
def _dispatcher(settings: Settings, stopping: threading.Event) -> Generator[None]:
    """A dispatcher beside this process."""
    dispatcher = Companion("the dispatcher", ["dispatch"], settings.environment(), stopping)
    try:
        yield
    finally:
        stopping.set()
        dispatcher.release()
        dispatcher.wait(END_SECONDS)


def _stop_on_signals(stopping: threading.Event, at_once: Callable[[], object] = lambda: None) -> None:
    """Have the first SIGINT or SIGTERM set `stopping`, and a second one call `at_once` and end the process."""
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            at_once()
            os._exit(128 + number)
        asked = True
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handle)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises InvalidInput."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except socket.gaierror as error:
        listener.close()
        raise InvalidInput(f"--host: {host!r} is not an address or name of this machine.") from error
    except (OSError, OverflowError) as error:
        listener.close()
        raise InvalidInput(
            f"Port {port} on {host} cannot be used ({error}); choose another with --port, or 0 for a free one."
        ) from error
    return listener
