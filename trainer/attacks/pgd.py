"""Projected gradient descent (Madry et al. 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attacks.ascent import ascend, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.entry import anywhere, require_pixels
from trainer.attacks.objectives import Objective, cross_entropy, towards


@anywhere
def pgd_targeted(
    network: nn.Module, images: Tensor, targets: Tensor, attack: Attack, generator: torch.Generator | None = None
) -> Tensor:
    """Adversarial images [B, C, H, W] that the network shall take for the classes `targets` int64 [B].

    `generator` draws the start, as in `pgd`. Raises InvalidInput unless the images lie in [0, 1].
    """
    return _ascended(network, images, towards(targets), attack, generator)


@anywhere
def pgd(
    network: nn.Module, images: Tensor, labels: Tensor, attack: Attack, generator: torch.Generator | None = None
) -> Tensor:
    """Adversarial images [B, C, H, W] that raise cross-entropy; `generator` draws the start, uniform in the ball.

    Raises InvalidInput unless the images lie in [0, 1].
    """
    return _ascended(network, images, cross_entropy(labels), attack, generator)


def _ascended(
    network: nn.Module, images: Tensor, objective: Objective, attack: Attack, generator: torch.Generator | None
) -> Tensor:
    require_pixels(images)
    start = uniform_start(images, attack.epsilon, generator, attack.norm) if attack.random_start else images.clone()
    return ascend(network, images, start, objective, attack)
