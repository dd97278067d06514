"""Check of the cores and memory available to this process, on the machine or in its container."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from memscore.counted import counted
from memscore.doctor.diagnosis import Context, Diagnosis, ok, size, warning
from memscore.settings import Settings

WORKER_BYTES = 0.6e9  # per worker on a core; with the digits, 0.46e9 were unshared
RAY_BYTES = 1.0e9  # Ray's processes and the driver, roughly
OBJECT_STORE_MARGIN = 100 * 2**20  # as in memscore.farm.workers, which cannot be imported without Ray
UNLIMITED = 2**60  # version 1 of control groups gives a number near 2**63
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- where Ray puts its object store


@dataclass(frozen=True)
class Limits:
    """Limits of a control group: cores, and memory in bytes; None if unlimited."""

    cores: float | None
    memory: int | None


def check(context: Context) -> Iterator[Diagnosis]:
    """Check cores and memory for the workers of a job on this machine; on a cluster, Ray manages its nodes."""
    limits = group_limits(Path("/"))
    if context.settings.launcher != "local":
        yield ok("machine", "jobs run on the cluster, so they need few cores and little memory here")
        return
    yield _cores(context.settings.slots, limits)
    yield _memory(context.settings.slots, limits)
    yield from _shared_memory(context.settings)


def _cores(slots: int, limits: Limits) -> Diagnosis:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = usable if limits.cores is None else min(usable, limits.cores)
    of_group = "" if limits.cores is None else f", of which the container may use {limits.cores:g}"
    found = f"{counted(usable, 'core')}{of_group}; {counted(slots, 'trial')} at the same time"
    if slots > max(1, math.ceil(allowed)):
        fewer = max(1, int(allowed))
        return warning("cores", found, f"set MEMSCORE_SLOTS={fewer}: more workers than cores only slow each other down")
    return ok("cores", found)


def _memory(slots: int, limits: Limits) -> Diagnosis:
    machine = psutil.virtual_memory()
    total = machine.total if limits.memory is None else min(machine.total, limits.memory)
    needed = slots * WORKER_BYTES + RAY_BYTES
    of_group = "" if total == machine.total else f" for the container, of {size(machine.total)}"
    found = f"{size(total)}{of_group}, {size(machine.available)} available"
    found += f"; about {size(needed)} for {counted(slots, 'worker')}"
    if needed > total:
        fewer = max(1, int((total - RAY_BYTES) // WORKER_BYTES))
        return warning("memory", found, f"set MEMSCORE_SLOTS={fewer}, or give more memory")
    if needed > machine.available:
        return warning("memory", found, "close other programs before a job runs, or set a lower MEMSCORE_SLOTS")
    return ok("memory", found)


def _shared_memory(settings: Settings) -> Iterator[Diagnosis]:
    """Check shared memory, which holds Ray's object store; if it is too small, Ray uses files, which is slow."""
    if not SHARED_MEMORY.is_dir():  # not Linux
        return
    largest = max((_images_bytes(folder) for folder in (settings.home / "datasets").glob("*/")), default=0)
    needed = 2 * largest + OBJECT_STORE_MARGIN
    usage = shutil.disk_usage(SHARED_MEMORY)
    found = f"{size(usage.free)} of {size(usage.total)} free in {SHARED_MEMORY}; a job needs {size(needed)}"
    if usage.free < needed:
        yield warning(
            "shared memory", found, "enlarge it (docker: --shm-size, compose: shm_size); otherwise Ray uses slow files"
        )
    else:
        yield ok("shared memory", found)


def _images_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("x_*.npy"))


def group_limits(root: Path) -> Limits:
    """The limits of this process's control group, version 1 or 2, below a root directory."""
    cores, memory = list[float](), list[int]()
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, path = line.split(":", 2)
        if number != "0":
            continue
        of_process = root / "sys/fs/cgroup" / path.lstrip("/")
        for group in (of_process, *of_process.parents):
            if not group.is_relative_to(root / "sys/fs/cgroup"):
                break
            quota, _, period = _read(group / "cpu.max").partition(" ")
            if quota.isdigit() and period.isdigit():
                cores.append(int(quota) / int(period))
            most = _read(group / "memory.max")
            if most.isdigit():
                memory.append(int(most))
    old = root / "sys/fs/cgroup"
    quota, period = _read(old / "cpu/cpu.cfs_quota_us"), _read(old / "cpu/cpu.cfs_period_us")
    if quota.isdigit() and period.isdigit():
        cores.append(int(quota) / int(period))
    most = _read(old / "memory/memory.limit_in_bytes")
    if most.isdigit() and int(most) < UNLIMITED:
        memory.append(int(most))
    return Limits(min(cores, default=None), min(memory, default=None))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
