"""Which samples are classified correctly, clean and under PGD, as selection asks for it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memscore.bits import Bools
from trainer.attacks import Attack, cross_entropy, survival, survives
from trainer.evaluation.precision import full_precision

BATCH = 512


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
