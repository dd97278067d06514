"""The random numbers of one training step, determined by (seed, epoch, step): every step is repeatable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from memscore.study.randomness import seed_for
from trainer.distributed import ALONE, World


@dataclass(frozen=True)
class Draws:
    """Noise for images [B, C, H, W]; each of several processes gets its part of what a single one would draw."""

    seed: int
    epoch: int
    step: int
    world: World = ALONE

    def uniform(self, images: Tensor, radius: float) -> Tensor:
        """Uniform in [-radius, radius]."""
        return self._fresh(images, lambda noise, generator: noise.uniform_(-radius, radius, generator=generator))

    def normal(self, images: Tensor, deviation: float) -> Tensor:
        """Normal with this standard deviation."""
        return self._fresh(images, lambda noise, generator: noise.normal_(0, deviation, generator=generator))

    def _fresh(self, images: Tensor, fill: Callable[[Tensor, torch.Generator], Tensor]) -> Tensor:
        generator = torch.Generator(images.device).manual_seed(seed_for("attack", self.seed, self.epoch, self.step))
        whole = torch.empty((len(images) * self.world.size, *images.shape[1:]), device=images.device)
        return self.world.part(fill(whole, generator))
