"""Accuracy on clean and adversarial images, on all, typical and atypical samples, as training asks for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from memscore.bits import Bools
from memscore.sets import Sets
from trainer.attacks import Attack, cross_entropy, survival, survives
from trainer.evaluation.precision import full_precision

BATCH = 512


@dataclass(frozen=True)
class GroupAccuracy:
    """Accuracies (shares, None for an empty group) of one group of samples."""

    group: str
    count: int
    clean: float | None
    pgd20: float | None

    def as_row(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def correct(network: nn.Module, images: Tensor, labels: Tensor, attack: Attack | None = None) -> Bools:
    """Which images are classified correctly, at every iterate of PGD if there is an attack: bool [n]. In fp32."""
    parts: list[Tensor] = []
    with full_precision():
        for start in range(0, len(labels), BATCH):
            batch, truth = images[start : start + BATCH], labels[start : start + BATCH]
            if attack is None:
                parts.append(survival.correct(network, batch, truth))
            else:
                parts.append(survives(network, batch, truth, cross_entropy, attack))
    return torch.cat(parts).cpu().numpy()


def by_group(
    network: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    attack: Attack,
    sets: Sets | None,
) -> list[GroupAccuracy]:
    """Clean and adversarial accuracy of all, typical and atypical samples of both splits (images, labels)."""
    rows: list[GroupAccuracy] = []
    for split, (images, labels) in (("train", train), ("test", test)):
        clean = correct(network, images, labels)
        adversarial = correct(network, images, labels, attack)
        groups: dict[str, Bools] = {"all": np.ones(len(labels), np.bool_)}
        if sets is not None:
            groups["typical"] = getattr(sets, f"{split}_typical")
            groups["atypical"] = getattr(sets, f"{split}_atypical")
        for group, mask in groups.items():
            rows.append(
                GroupAccuracy(f"{split} {group}", int(mask.sum()), _share(clean[mask]), _share(adversarial[mask]))
            )
    return rows


def _share(hits: Bools) -> float | None:
    return float(hits.mean()) if len(hits) else None
