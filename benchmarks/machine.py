"""The header of every benchmark: the machine it runs on."""

from __future__ import annotations

import os
import platform

import psutil


def header(title: str) -> str:
    """Title, cores, threads for matrix products, memory, and the load before."""
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or "all"
    load = os.getloadavg()[0]
    return (
        f"{title}\n"
        f"  {len(os.sched_getaffinity(0))} cores ({platform.machine()}), threads for matrix products: {threads}, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, load before: {load:.1f}"
    )
