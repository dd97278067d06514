"""A real Ray cluster for tests: `ray start` per node on this machine, token authentication, everything killable.

    with RayCluster(settings.environment()) as cluster:
        cluster.start_head()
        worker = cluster.add_node(num_cpus=1)
        ... Settings(ray_url=cluster.url, ray_auth_token=cluster.token) ...
        cluster.kill(worker)                          # a power cut: SIGKILL to all its processes
        cluster.head.find("gcs_server")[0].kill()     # one process of a node
        cluster.kill(cluster.head)
        cluster.start_head()                          # a new head at the same address, which knows nothing

Each node runs below a guard process, to which Linux hands the orphans of the node too (a "child subreaper"), so that
whatever a node has started, drivers of jobs in sessions of their own included, is found and killed with it. The guard
watches its standard input: when this process ends in whatever way, so does the cluster. Ports are free ones and files
are in a folder of the cluster's own, so that clusters on one machine do not meet.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

START_SECONDS, START_TRIES = 100.0, 3
OBJECT_STORE = 100 * 2**20  # bytes; Ray wants at least 75 MiB
LOCALHOST = "127.0.0.1"
PR_SET_CHILD_SUBREAPER = 36


class Node:
    """One node: what `ray start` has started, and all that came of it."""

    def __init__(self, name: str, folder: Path, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True)
        self.log = folder.parent / f"{name}-{secrets.token_hex(2)}.log"
        ray = str(Path(sys.executable).parent / "ray")
        with self.log.open("wb") as log:
            self.guard = subprocess.Popen(
                [sys.executable, "-P", __file__, ray, "start", "--block", "--temp-dir", str(folder), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,  # the terminal's Ctrl-C is for the tests, which then end the nodes
            )

    def processes(self) -> list[psutil.Process]:
        """All processes of the node that run now, `ray start` first."""
        try:
            found = psutil.Process(self.guard.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return sorted((one for one in found if _lives(one)), key=lambda one: one.create_time())

    def find(self, part: str) -> list[psutil.Process]:
        """Those whose name is `part` (gcs_server, raylet), or else those whose command line contains it."""
        named: list[psutil.Process] = []
        containing: list[psutil.Process] = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.name() == part:
                    named.append(process)
                elif part in " ".join(process.cmdline()):
                    containing.append(process)
        return named or containing

    @property
    def running(self) -> bool:
        """Whether anything of it runs."""
        return bool(self.processes())

    def kill(self, number: signal.Signals = signal.SIGKILL, grace_seconds: float = 20) -> None:
        """End it: SIGKILL for all of it at once, or any other signal for `ray start` and SIGKILL for what is left."""
        if number != signal.SIGKILL and (processes := self.processes()):
            processes[0].send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.guard.wait(grace_seconds)
        assert self.guard.stdin is not None
        self.guard.stdin.close()
        self.guard.wait(30)


class RayCluster:
    """A head and any number of further nodes; a context manager that leaves nothing behind.

    `environment` is what the head gets besides this process's environment, from which MEMSCORE_* and RAY_* are taken
    out: there drivers run, so MEMSCORE_HOME and MEMSCORE_DATABASE_URL belong into it. The other nodes do without.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.token = secrets.token_hex(32)
        self.folder = Path(tempfile.mkdtemp(prefix="mr-", dir="/tmp"))  # short: it is part of the names of sockets
        self.port, self.dashboard_port = free_port(), free_port()
        self.environment = {name: value for name, value in (environment or {}).items() if name.startswith("MEMSCORE_")}
        self.nodes: list[Node] = []
        self._started = 0

    @property
    def url(self) -> str:
        """The dashboard, for MEMSCORE_RAY_URL; a new head has the same."""
        return f"http://{LOCALHOST}:{self.dashboard_port}"

    @property
    def address(self) -> str:
        """Where Ray's own processes connect to; a new head has the same."""
        return f"{LOCALHOST}:{self.port}"

    @property
    def head(self) -> Node:
        """The node with the GCS and the dashboard that was started last."""
        return next(node for node in reversed(self.nodes) if node.name.startswith("head"))

    def node_environment(self) -> dict[str, str]:
        """The environment of a node, with the token, and with the programs of the virtual environment first."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MEMSCORE_"))}
        return {
            **outside,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{outside.get('PATH', os.defpath)}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        }

    def start_head(self, num_cpus: int = 1, num_gpus: int = 0, environment: Mapping[str, str] | None = None) -> Node:
        """Start a head and wait until jobs can be submitted. `environment` is added to the head's own."""
        arguments = ["--head", "--port", str(self.port), "--dashboard-host", LOCALHOST]
        arguments += ["--dashboard-port", str(self.dashboard_port), "--include-dashboard", "true"]
        arguments += ["--ray-client-server-port", str(free_port())]
        added = {**self.environment, **(environment or {})}
        return self._start("head", arguments, num_cpus, num_gpus, added)

    def add_node(self, num_cpus: int = 1, num_gpus: int = 0, environment: Mapping[str, str] | None = None) -> Node:
        """Start a further node and wait until the head counts it. GPUs are logical ones where there are none."""
        return self._start("worker", ["--address", self.address], num_cpus, num_gpus, environment or {})

    def kill(self, node: Node, number: signal.Signals = signal.SIGKILL) -> None:
        """End a node: by SIGKILL all of it at once, as a power cut would."""
        node.kill(number)
        self.nodes.remove(node)

    def stop(self) -> None:
        """End all nodes and remove their files."""
        with contextlib.ExitStack() as all_of_it:  # continues if one fails
            all_of_it.callback(shutil.rmtree, self.folder, ignore_errors=True)
            for node in self.nodes:
                all_of_it.callback(node.kill)
        self.nodes.clear()

    def alive_nodes(self) -> list[str]:
        """Names of the nodes that the head counts as alive; it notices a death within half a minute."""
        rows = self.get("/api/v0/nodes", detail=True)["data"]["result"]["result"]
        return [
            resource.removeprefix("node-")
            for row in rows
            for resource in row["resources_total"]
            if row["state"] == "ALIVE" and resource.startswith("node-")
        ]

    def get(self, path: str, **query: str | bool) -> Any:
        """The JSON that the dashboard answers."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.get(self.url + path, params=query, headers=headers, timeout=10, trust_env=False)
        return answer.raise_for_status().json()

    def logs(self) -> str:
        """What `ray start` has printed on each node, for messages."""
        return "\n".join(f"{path.name}:\n{path.read_text(errors='replace')}" for path in self.folder.glob("*.log"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _start(
        self, kind: str, arguments: list[str], num_cpus: int, num_gpus: int, environment: Mapping[str, str]
    ) -> Node:
        self._started += 1
        name = f"{kind}-{self._started}"
        arguments += ["--node-ip-address", LOCALHOST, "--num-cpus", str(num_cpus), "--num-gpus", str(num_gpus)]
        arguments += ["--resources", json.dumps({f"node-{name}": 1}), "--object-store-memory", str(OBJECT_STORE)]
        arguments += ["--dashboard-agent-listen-port", str(free_port()), "--disable-usage-stats"]
        for _ in range(START_TRIES):  # Ray gives a node 30 s, which a busy machine may need for the imports alone
            node = Node(name, self.folder / name, arguments, {**self.node_environment(), **environment})
            self.nodes.append(node)
            if self._comes_up(node):
                return node
            self.kill(node)
            shutil.rmtree(node.folder, ignore_errors=True)
        raise RuntimeError(f"{name} did not start:\n{self.logs()}")

    def _comes_up(self, node: Node) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while not self._counts(node.name):
            if node.guard.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    def _counts(self, name: str) -> bool:
        try:
            return name in self.alive_nodes()
        except httpx.HTTPError:
            return False


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return probe.getsockname()[1]


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _guard(command: list[str]) -> None:
    """Run a command, adopt all orphans below it, and end when all have, with the command's status.

    When standard input closes, kill them all.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    top, status = subprocess.Popen(command, stdin=subprocess.DEVNULL).pid, 0

    def kill_at_end() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            pass
        while True:  # again, since a process may just be starting another
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.05)

    threading.Thread(target=kill_at_end, daemon=True).start()
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, ended = os.waitpid(-1, 0)
            if pid == top and os.WIFEXITED(ended):
                status = os.WEXITSTATUS(ended)
    os._exit(status)  # not through the thread that may hold standard input


if __name__ == "__main__":
    _guard(sys.argv[1:])
