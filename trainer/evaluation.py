"""Accuracy on clean and adversarial images, on all, typical and atypical samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from memscore.sets import Sets
from trainer.attacks import Attack, crafting, pgd

Bools = npt.NDArray[np.bool_]
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
    """Which images are classified correctly, under attack if one is given: bool [n]. Eval mode, fp32."""
    parts: list[Tensor] = []
    for start in range(0, len(labels), BATCH):
        batch, truth = images[start : start + BATCH], labels[start : start + BATCH]
        if attack is not None:
            batch = pgd(network, batch, truth, attack)
        with torch.no_grad(), crafting(network):
            parts.append(network(batch).argmax(dim=1) == truth)
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
