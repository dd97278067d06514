"""Computes how many workers fit on a cluster, and the resources each requests from Ray."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

USABLE_MEMORY = 0.9  # of a GPU's
MOST_PER_GPU = 16


@dataclass(frozen=True)
class Node:
    """A live node and its resources."""

    id: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Places:
    """Room for `count` workers; each requests `cpus` CPUs and the fraction `gpus` of a GPU."""

    count: int
    cpus: float
    gpus: float


def living(nodes: Iterable[dict[str, Any]]) -> list[Node]:
    """The live nodes in the result of `ray.nodes()`."""
    return [
        Node(node["NodeID"], node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
        for node in nodes
        if node["Alive"]
    ]


def places(nodes: list[Node], trials_per_gpu: int) -> Places:
    """Room for a worker on each share of a GPU if there is any GPU, otherwise on each CPU.

    A worker on a GPU requests one CPU, or less if a node has fewer CPUs than shares.
    """
    with_gpus = [node for node in nodes if node.gpus >= 1]
    if not with_gpus:
        return Places(sum(int(node.cpus) for node in nodes), 1, 0)
    shares = {node.id: int(node.gpus) * trials_per_gpu for node in with_gpus}
    cpus = min([1.0, *(node.cpus / shares[node.id] for node in with_gpus)])
    return Places(sum(shares.values()), math.floor(cpus * 10_000) / 10_000, _share(trials_per_gpu))


def per_gpu(total: int, each: int, cpus: float) -> int:
    """The number of workers that share a GPU of `total` bytes if each takes `each` bytes, with `cpus` CPUs per GPU."""
    fitting = int(USABLE_MEMORY * total // max(each, 1))
    return max(1, min(fitting, MOST_PER_GPU, int(cpus)))


def _share(workers: int) -> float:
    """The largest fraction of a GPU such that `workers` fit on one; Ray counts in ten-thousandths."""
    return math.floor(10_000 / workers) / 10_000
