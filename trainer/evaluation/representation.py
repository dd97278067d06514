"""Cosine similarity between the representations of different classes (paper, table 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from memscore.arrays import Bools
from memscore.learning.data import pixels
from memscore.learning.memory import Batches
from memscore.learning.networks import Network, Wrapped


def class_cosines(
    network: nn.Module, images: Tensor, labels: Tensor, classes: int, groups: dict[str, Bools], memory: Batches
) -> dict[str, float | None]:
    """Mean cosine of the penultimate representations of two samples of different classes, for each group of samples.

    Images uint8 [n, H, W, C], labels int64 [n], groups bool [n]. None for a group without such a pair. Samples whose
    representation is not finite are left out. Raises InvalidInput if the network has no penultimate representation.
    """
    with_features = network if isinstance(network, Network) else Wrapped(network, classes)
    masks = {name: torch.from_numpy(mask).to(labels.device) for name, mask in groups.items()}

    sums: dict[str, Tensor] = {}
    counts = {name: labels.new_zeros(classes) for name in masks}

    def add(part: slice) -> None:
        with torch.no_grad():
            unit = functional.normalize(with_features.features(pixels(images[part])).double(), dim=1)
        finite = unit.isfinite().all(dim=1)
        for name, mask in masks.items():
            chosen = mask[part] & finite
            total = sums.setdefault(name, unit.new_zeros(classes, unit.shape[1]))
            total.index_add_(0, labels[part][chosen], unit[chosen])
            counts[name] += labels[part][chosen].bincount(minlength=classes)

    memory.over(len(labels), add)
    return {name: mean_cosine(sums[name], counts[name]) for name in masks}


def mean_cosine(sums: Tensor, counts: Tensor) -> float | None:
    """Mean cosine over all pairs of different classes, from sums [K, D] of unit vectors and counts int64 [K].

    (|S|^2 - sum_c |S_c|^2) / (N^2 - sum_c N_c^2) with S = sum_c S_c; None where there is no such pair.
    """
    pairs = int(counts.sum() ** 2 - (counts**2).sum())
    if not pairs:
        return None
    return float((sums.sum(dim=0).square().sum() - sums.square().sum()) / pairs)
