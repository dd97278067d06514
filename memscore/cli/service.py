"""Commands of the service: serve, dispatch."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated

import typer

from memscore import logs
from memscore import settings as settings_module
from memscore.cli.announcement import Options, announce
from memscore.errors import MemscoreError
from memscore.farm.lifeline import wait_for_closed_input
from memscore.settings import Settings
from memscore.workflows.embedded import opened_database

log = logging.getLogger(__name__)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that answer requests; one per core is enough.", min=1)] = 1,
    dispatch: Annotated[bool, typer.Option(help="Also run a dispatcher.")] = True,
    database_url: Annotated[
        str | None, typer.Option(help="Use this database instead of MEMSCORE_DATABASE_URL.")
    ] = None,
    root_path: Annotated[
        str | None, typer.Option(help="Prefix that a proxy removes from paths; default: MEMSCORE_ROOT_PATH.")
    ] = None,
    follow_stdin: Annotated[bool, typer.Option("--follow-stdin", hidden=True)] = False,
) -> None:
    """Run the service: the API and a dispatcher."""
    from api.protection import protection_of
    from api.serving.server import serve as run

    settings = settings_module.load(**({} if root_path is None else {"root_path": root_path}))
    if database_url is not None:
        settings = settings.model_copy(update={"database_url": database_url})
    logs.configure(settings)
    with _errors_as_lines(settings), opened_database(settings) as database:
        stopping = threading.Event()
        if follow_stdin:
            _at_end_of_input(stopping.set)
        options = Options(workers, dispatch, protection_of(settings, host).keys_required, database_url)
        run(
            database,
            settings,
            host,
            port,
            workers=workers,
            dispatch=dispatch,
            stopping=stopping,
            announce=lambda address: announce(address, database, settings, options),
        )


def serve_worker(
    listener: Annotated[int, typer.Argument(help="File descriptor of the service's socket.")],
    follow_stdin: Annotated[bool, typer.Option("--follow-stdin")] = False,
) -> None:
    """Answer requests as one of several workers of `serve`."""
    from api.serving.server import serve_here

    settings = settings_module.load()
    logs.configure(settings)
    stopping = threading.Event()
    if follow_stdin:
        _at_end_of_input(stopping.set)
    with _errors_as_lines(settings), opened_database(settings) as database, socket.socket(fileno=listener) as shared:
        serve_here(database, settings, shared, stopping, lambda: print("ready", flush=True))


def dispatch(
    follow_stdin: Annotated[bool, typer.Option("--follow-stdin", hidden=True)] = False,
) -> None:
    """Claim and run jobs until interrupted."""
    from memscore.farm.dispatcher import Dispatcher

    settings = settings_module.load()
    logs.configure(settings)
    stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    if follow_stdin:
        _at_end_of_input(stop.set)
    with _errors_as_lines(settings), opened_database(settings) as database:
        Dispatcher(database, settings).run(stop)


@contextmanager
def _errors_as_lines(settings: Settings) -> Generator[None]:
    """With a JSON log, log the error that ends the process as an object too, instead of printing it."""
    try:
        yield
    except MemscoreError as error:
        if settings.log_format != "json":
            raise
        log.critical("%s", error)
        raise typer.Exit(1) from error


def _at_end_of_input(action: Callable[[], None]) -> None:
    """Call `action` when standard input closes: when the process that started this one has ended."""

    def wait() -> None:
        wait_for_closed_input()
        action()

    threading.Thread(target=wait, daemon=True).start()
