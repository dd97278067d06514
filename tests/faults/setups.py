"""What is disturbed: a service with drivers on this machine, or one with a Ray cluster; and who starts things again."""

from __future__ import annotations

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

import httpx
import psutil
from pydantic import SecretStr

from memscore.settings import Settings
from memscore.store import Database
from tests.faults.clocks import Clock
from tests.faults.networks import TRAININGS
from tests.faults.postgres import Postgres
from tests.processes import CLI, Family, Service, driver_logs
from tests.ray_cluster import Node, RayCluster, free_port

ROLES = {
    "API": "memscore.cli serve",
    "dispatcher": "memscore.cli dispatch",
    "driver": "memscore.farm.driver",
    "actor": "ray::UnitTrainer",
    "raylet": "raylet",
    "GCS": "gcs_server",
}
SLOTS = 2
UNHEALTHY_SECONDS = 15.0  # a head that fails its health check for so long is started again


class Server(Protocol):
    """What the product needs and is no part of it, such as PostgreSQL or a proxy."""

    @property
    def running(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        ...


class Setup(ABC):
    """Processes of the product; `supervise` starts again what a machine's supervisor would, and nothing else."""

    name: str
    url: str

    def __init__(self, settings: Settings, database: Database, *servers: Server | None) -> None:
        self.settings = settings
        self.database = database
        self.servers = [server for server in servers if server is not None]
        self.port = free_port()
        self.trainings = settings.home.parent / "trainings"
        self.trainings.touch()
        self.environment = {TRAININGS: str(self.trainings)}

    @abstractmethod
    def processes(self) -> list[psutil.Process]:
        """All processes of the product."""

    def supervise(self) -> None:
        """Start again what ended and does not come back by itself."""
        for server in self.servers:
            if not server.running:
                server.start()

    @abstractmethod
    def expected(self) -> dict[str, int]:
        """How many processes of each role there are when everything runs."""

    @abstractmethod
    def stop(self) -> None:
        """End everything."""

    def find(self, role: str) -> list[psutil.Process]:
        """The processes of a role that run now, the newest first."""
        found: list[psutil.Process] = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if has_role(process, role):
                    found.append(process)
        return sorted(found, key=lambda one: -one.create_time())

    def missing(self) -> dict[str, int]:
        """Roles of which more or fewer processes run than should, with how many do; empty when everything runs."""
        counts = {role: len(self.find(role)) for role in self.expected()}
        try:
            counts["API"] -= not httpx.get(f"{self.url}/readyz", timeout=2).is_success
        except httpx.HTTPError:
            counts["API"] = 0
        return {role: count for role, count in counts.items() if count != self.expected()[role]}

    def logs(self) -> str:
        """What the processes wrote, for messages."""
        return f"{(self.settings.home.parent / 'service.log').read_text()}\n{driver_logs(self.settings.home)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def has_role(process: psutil.Process, role: str) -> bool:
    """Whether a process plays that part. Raises NoSuchProcess."""
    part, name = ROLES[role], process.name()
    if role in ("raylet", "GCS"):
        return name == part
    words = process.cmdline()
    if role == "actor":
        return bool(words) and words[0].startswith(part)
    return bool(words) and "python" in words[0] and part in " ".join(words[:5])


class Local(Setup):
    """`memscore serve`, whose dispatcher runs drivers on this machine."""

    def __init__(
        self, settings: Settings, database: Database, postgres: Postgres | None = None, *servers: Server
    ) -> None:
        super().__init__(settings, database, postgres, *servers)
        self.postgres = postgres
        self.name = f"local, {'PostgreSQL' if postgres else 'SQLite'}"
        self.services = [Service(settings, port=self.port, environment=self.environment)]
        self.url = self.services[0].url

    def processes(self) -> list[psutil.Process]:
        return [process for service in self.services for process in service.family()]

    def expected(self) -> dict[str, int]:
        return {"API": 1, "dispatcher": 1, "driver": 1, "actor": SLOTS, "raylet": 1, "GCS": 1}

    def supervise(self) -> None:
        super().supervise()
        if not self.services[-1].running:  # what it left behind must end by itself
            self.services.append(Service(self.settings, port=self.port, environment=self.environment))

    def stop(self) -> None:
        for service in self.services:
            service.cut()


class Cluster(Setup):
    """API, two dispatchers, PostgreSQL, and a Ray cluster of a head without slots and two nodes with one each."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        postgres: Postgres,
        *,
        nodes: int = SLOTS,
        wrong_clocks: Clock | None = None,
    ) -> None:
        """With `wrong_clocks`, dispatchers and head are an hour ahead, the nodes an hour behind."""
        super().__init__(settings, database, postgres)
        self.postgres = postgres
        self.name = "cluster" if wrong_clocks is None else "cluster, wrong clocks"
        self.nodes = nodes
        self.ahead, self.behind = dict[str, str](), dict[str, str]()
        if wrong_clocks is not None:
            self.ahead, self.behind = wrong_clocks.wrong_by(3600), wrong_clocks.wrong_by(-3600)
        self.environment |= self.behind
        self.ray = RayCluster(settings.environment())
        ray = {"launcher": "ray-jobs", "ray_url": self.ray.url, "ray_auth_token": SecretStr(self.ray.token)}
        self.settings = settings.model_copy(update=ray)
        self.services: list[Family] = []
        self.dispatchers: list[Family] = []
        self.healthy_at = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.ray.start_head(num_cpus=0, environment=self.ahead)
        for _ in range(self.nodes):
            self.ray.add_node(num_cpus=1, environment=self.environment)
        self.services.append(started := Service(self.settings, "--no-dispatch", port=self.port))
        self.url = started.url
        self.dispatchers += [self._new_dispatcher(), self._new_dispatcher()]

    def _new_dispatcher(self) -> Family:
        log = self.settings.home.parent / "dispatchers.log"
        return Family([*CLI, "dispatch"], {**self.settings.environment(), **self.ahead}, log)

    def processes(self) -> list[psutil.Process]:
        families = [process for family in (*self.services, *self.dispatchers) for process in family.family()]
        return families + [process for node in self.ray.nodes for process in node.processes()]

    def expected(self) -> dict[str, int]:
        raylets = 1 + self.nodes
        return {"API": 1, "dispatcher": 2, "driver": 1, "actor": self.nodes, "raylet": raylets, "GCS": 1}

    def workers(self) -> list[Node]:
        """The nodes that train."""
        return [node for node in self.ray.nodes if node.name.startswith("worker")]

    def supervise(self) -> None:
        super().supervise()
        if not self.services[-1].running:
            self.services.append(Service(self.settings, "--no-dispatch", port=self.port))
        for place, dispatcher in enumerate(self.dispatchers):
            if not dispatcher.running:
                dispatcher.cut()
                self.dispatchers[place] = self._new_dispatcher()
        if self._head_is_dead():
            for node in [node for node in self.ray.nodes if node.name.startswith("head")]:
                self.ray.kill(node)
            with contextlib.suppress(RuntimeError):
                self.ray.start_head(num_cpus=0, environment=self.ahead)
            self.healthy_at = time.monotonic()
        for node in self.workers():
            if not runs(node):
                self.ray.kill(node)
        for _ in range(self.nodes - len(self.workers())):
            with contextlib.suppress(RuntimeError):  # it did not get up in time, and is tried again
                self.ray.add_node(num_cpus=1, environment=self.environment)

    def _head_is_dead(self) -> bool:
        """By what the documentation gives as the health check of a head: whether the head *node* lives."""
        heads = [node for node in self.ray.nodes if node.name.startswith("head")]
        if not heads or not runs(heads[-1]):
            return True
        with contextlib.suppress(httpx.HTTPError):
            if heads[-1].name in self.ray.alive_nodes():
                self.healthy_at = time.monotonic()
        return time.monotonic() - self.healthy_at > UNHEALTHY_SECONDS

    def logs(self) -> str:
        return f"{super().logs()}\n{(self.settings.home.parent / 'dispatchers.log').read_text()}\n{self.ray.logs()}"

    def stop(self) -> None:
        for family in (*self.services, *self.dispatchers):
            family.cut()
        self.ray.stop()


class Apart(Setup):
    """An API and dispatchers that are processes of their own, whose drivers run on the dispatcher's machine."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        database: Database,
        *servers: Server | None,
        dispatchers: int = 1,
        within: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`within` is put before the command of each dispatcher, `environment` added to that of all processes."""
        super().__init__(settings, database, *servers)
        self.name = name
        self.within = within
        self.environment.update(environment or {})
        self.log = settings.home.parent / "dispatchers.log"
        self.services = [self._new_service()]
        self.url = self.services[0].url
        self.dispatchers = [self._new_dispatcher() for _ in range(dispatchers)]

    def _new_service(self) -> Service:
        return Service(self.settings, "--no-dispatch", port=self.port, environment=self.environment)

    def _new_dispatcher(self) -> Family:
        command = [*self.within, *CLI, "dispatch"]
        return Family(command, {**self.settings.environment(), **self.environment}, self.log)

    def processes(self) -> list[psutil.Process]:
        return [process for family in (*self.services, *self.dispatchers) for process in family.family()]

    def expected(self) -> dict[str, int]:
        drivers = {"driver": 1, "actor": SLOTS, "raylet": 1, "GCS": 1}
        return {"API": 1, "dispatcher": len(self.dispatchers), **drivers}

    def supervise(self) -> None:
        super().supervise()
        if not self.services[-1].running:
            self.services.append(self._new_service())
        for place, dispatcher in enumerate(self.dispatchers):
            if not dispatcher.running and not dispatcher.family():  # what it left behind must end by itself
                dispatcher.cut()
                self.dispatchers[place] = self._new_dispatcher()

    def holder(self) -> Family:
        """The dispatcher whose driver runs."""
        (found,) = [one for one in self.dispatchers if one.find(ROLES["driver"])]
        return found

    def standby(self) -> Family:
        """A dispatcher without a driver."""
        return next(one for one in self.dispatchers if not one.find(ROLES["driver"]))

    def logs(self) -> str:
        return f"{super().logs()}\n{self.log.read_text()}"

    def stop(self) -> None:
        for family in (*self.services, *self.dispatchers):
            family.cut()


def dispatch_process(family: Family) -> psutil.Process:
    """The dispatcher itself, whatever was put before its command."""
    (found,) = [one for one in family.family() if has_role(one, "dispatcher")]
    return found


def runs(node: Node) -> bool:
    """Whether a node's `ray start` runs, with which its container ends, and its raylet, as the health check asks."""
    with contextlib.suppress(psutil.NoSuchProcess):
        started = any("start" in process.cmdline()[:4] for process in node.processes()[:1])
        return started and any(process.name() == "raylet" for process in node.processes())
    return False
