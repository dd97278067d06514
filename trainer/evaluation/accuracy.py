"""Which samples are classified correctly, clean and under PGD, for the selection of checkpoints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from memscore.arrays import Bools
from memscore.learning.data import pixels
from memscore.learning.memory import Batches
from memscore.learning.seeding import seeded
from trainer.attacks import Attack, cross_entropy, survival, survives
from trainer.evaluation.precision import full_precision

Withstand = Callable[[Tensor, Tensor], Tensor]
"""Which images [B, C, H, W] in [0, 1] with labels [B] are right at every iterate of an attack, bool [B]."""


def correct(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    attack: Attack | None = None,
    memory: Batches | None = None,
    withstand: Withstand | None = None,
) -> Bools:
    """Which images are classified correctly, at every iterate of PGD if there is an attack: bool [n], in float32.

    Images are uint8 [n, H, W, C], or float32 [n, C, H, W] in [0, 1]; `memory` sets the batch size. `withstand` runs
    the attack in another way, such as a recorded one.
    """

    def one(part: slice) -> Tensor:
        batch = pixels(images[part]) if images.dtype == torch.uint8 else images[part]
        with seeded("selection", part.start):
            if attack is None:
                return survival.correct(network, batch, labels[part])
            if withstand is not None:
                return withstand(batch, labels[part])
            return survives(network, batch, labels[part], cross_entropy, attack)

    with full_precision():
        parts = (memory or Batches(500)).over(len(labels), one)
    return torch.cat(parts).cpu().numpy() if parts else np.empty(0, np.bool_)
