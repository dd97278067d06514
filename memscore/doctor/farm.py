"""Check of Ray: on this machine, or on the cluster that runs the jobs."""

from __future__ import annotations

import platform
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from memscore.counted import counted
from memscore.doctor.diagnosis import Context, Diagnosis, ok, problem, warning
from memscore.doctor.versions import installed
from memscore.files import open_to_others
from memscore.private_folders import PLACE
from memscore.settings import Settings

ACCELERATOR = "accelerator_type:"  # prefix of the Ray resource that names a node's GPU model
FULL = 0.95  # share of a disk above which Ray stores no more objects on it
RAY_FILES = str(PLACE)


def check(context: Context) -> Iterator[Diagnosis]:
    """Check Ray for the configured launcher, and who may read a token of this user's."""
    if context.settings.launcher == "local":
        yield from _local()
    else:
        yield from of_cluster(context.settings)
    yield from _token_file(context.settings.ray_token_file)


def _token_file(file: Path) -> Iterator[Diagnosis]:
    with suppress(OSError):  # there is none
        if open_to_others(file):
            found = f"every user of this machine may read {file}, and run code on the Ray that it is for"
            remedy = f"chmod 600 {shlex.quote(str(file))}; where others may have read it, make a new token"
            yield warning("Ray's token", found, remedy)


def _local() -> Iterator[Diagnosis]:
    try:
        import ray
    except ImportError as error:
        yield problem(
            "Ray", f"Ray cannot be imported: {error}", "pip install ray; or MEMSCORE_LAUNCHER=ray-jobs for a cluster"
        )
        return
    yield ok("Ray", f"version {ray.__version__}; a job starts it on this machine")
    usage = shutil.disk_usage(RAY_FILES)
    if usage.used > FULL * usage.total:
        yield warning(
            "Ray's files",
            f"the disk of {RAY_FILES} is {usage.used / usage.total:.1%} full",
            "free some space: above 95 %, Ray stores nothing there",
        )


def of_cluster(settings: Settings, transport: httpx.BaseTransport | None = None) -> Iterator[Diagnosis]:
    """Check a cluster through its dashboard."""
    from memscore.farm.ray_jobs import RayJobsLauncher

    launcher = RayJobsLauncher(settings, transport=transport)
    trouble = launcher.unavailable()
    if trouble is not None:
        found, _, remedy = trouble.rstrip(".").rpartition("; ")
        yield problem("Ray", found or remedy, remedy if found else "start the cluster's head node")
        return
    version = launcher.ray.call("GET", "/api/version").json()
    yield ok("Ray", f"{launcher.ray.where} answers, accepts the token, and its head node is alive")
    yield _nodes(launcher.ray.call("GET", "/api/v0/nodes", params={"limit": 1000}).json())
    about = launcher.ray.call("GET", "/api/v0/cluster_metadata").json().get("data", {})
    yield from _versions(version.get("ray_version"), about.get("pythonVersion") or about.get("python_version"))


def _nodes(answer: dict[str, Any]) -> Diagnosis:
    nodes = answer["data"]["result"]["result"]
    living = [node["resources_total"] for node in nodes if node["state"] == "ALIVE"]
    dead = len(nodes) - len(living)
    cpus, gpus = (sum(node.get(name, 0) for node in living) for name in ("CPU", "GPU"))
    kinds = Counter(name.removeprefix(ACCELERATOR) for node in living for name in node if name.startswith(ACCELERATOR))
    kind_counts = ", ".join(f"{counted(count, 'node')} with {name}" for name, count in kinds.items())
    named = f" ({kind_counts})" if kinds else ""
    found = f"{counted(len(living), 'node')} alive, with {_number(cpus, 'CPU')} and {_number(gpus, 'GPU')}{named}"
    found += f"; {dead} died" if dead else ""
    if not cpus and not gpus:
        return problem("Ray's nodes", found, "add nodes with CPUs: ray start --address HEAD:6379")
    return ok("Ray's nodes", found)


def _versions(ray_there: str | None, python_there: str | None) -> Iterator[Diagnosis]:
    """Compare versions: drivers and workers run on the cluster, so a host with Ray should use the same image."""
    python_here = platform.python_version()
    ray_here = installed("ray")
    here = f"this host {ray_here or 'no Ray'} and Python {python_here}"
    found = f"the cluster has Ray {ray_there} and Python {python_there or 'of unknown version'}, {here}"
    same_python = python_there is None or python_there.split(".")[:2] == python_here.split(".")[:2]
    if same_python and (ray_here is None or ray_here == ray_there):
        yield ok("Ray's versions", found)
    else:
        yield warning("Ray's versions", found, "use one image, or one requirements.lock, for all hosts")


def _number(count: float, noun: str) -> str:
    """A whole number with its noun; Ray also counts fractions."""
    return counted(int(count), noun) if count == int(count) else f"{count:g} {noun}s"
