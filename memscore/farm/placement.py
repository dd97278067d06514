"""How many workers a cluster takes, and what each of them asks of Ray."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

USABLE_MEMORY = 0.9  # of a GPU's
MOST_PER_GPU = 16


@dataclass(frozen=True)
class Node:
    """A node that lives, and what it has."""

    id: str
    cpus: float
    gpus: float


@dataclass(frozen=True)
class Places:
    """Room for `count` workers, each of which asks for so many CPUs and so large a share of a GPU."""

    count: int
    cpus: float
    gpus: float


def living(nodes: Iterable[dict[str, Any]]) -> list[Node]:
    """The nodes that live, from what `ray.nodes()` gives."""
    return [
        Node(node["NodeID"], node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0))
        for node in nodes
        if node["Alive"]
    ]


def places(nodes: list[Node], trials_per_gpu: int) -> Places:
    """A worker for each share of a GPU where there is any GPU, or else for each CPU.

    A worker on a GPU asks for one CPU, or for less where a node has fewer CPUs than shares.
    """
    with_gpus = [node for node in nodes if node.gpus >= 1]
    if not with_gpus:
        return Places(sum(int(node.cpus) for node in nodes), 1, 0)
    shares = {node.id: int(node.gpus) * trials_per_gpu for node in with_gpus}
    cpus = min([1.0, *(node.cpus / shares[node.id] for node in with_gpus)])
    return Places(sum(shares.values()), math.floor(cpus * 10_000) / 10_000, _share(trials_per_gpu))


def per_gpu(total: int, each: int, cpus: float) -> int:
    """How many workers share a GPU of `total` bytes if each takes `each` bytes, on a node with so many CPUs for it."""
    fitting = int(USABLE_MEMORY * total // max(each, 1))
    return max(1, min(fitting, MOST_PER_GPU, int(cpus)))


def _share(workers: int) -> float:
    """The largest part of a GPU of which `workers` fit on one; Ray counts in ten-thousandths."""
    return math.floor(10_000 / workers) / 10_000
