"""Projected gradient descent (Madry et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attacks.ascent import ascend, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.entry import anywhere, require_pixels
from trainer.attacks.objectives import cross_entropy


@anywhere
def pgd(
    network: nn.Module, images: Tensor, labels: Tensor, attack: Attack, generator: torch.Generator | None = None
) -> Tensor:
    """Adversarial images [B, C, H, W] that raise cross-entropy; `generator` draws the start, uniform in the ball.

    Raises InvalidInput unless the images lie in [0, 1].
    """
    require_pixels(images)
    start = uniform_start(images, attack.epsilon, generator) if attack.random_start else images.clone()
    return ascend(network, images, start, cross_entropy(labels), attack)
