"""What a benchmark ran on: the header that each prints."""

from __future__ import annotations

import os
import platform

import psutil


def header(title: str) -> str:
    """Title, cores, threads of the matrix products, and how busy the machine was."""
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or "all"
    load = os.getloadavg()[0]
    return (
        f"{title}\n"
        f"  {len(os.sched_getaffinity(0))} cores ({platform.machine()}), threads of a matrix product: {threads}, "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB, load before: {load:.1f}"
    )
