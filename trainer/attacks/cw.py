"""Carlini and Wagner's margin loss in a ball, maximized by projected gradient ascent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attacks.ascent import ascend, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.entry import anywhere, require_pixels
from trainer.attacks.objectives import margin


@anywhere
def cw(
    network: nn.Module, images: Tensor, labels: Tensor, attack: Attack, generator: torch.Generator | None = None
) -> Tensor:
    """Adversarial images [B, C, H, W] that raise the largest wrong logit above the true one.

    The plain margin has the gradient of the hinge that Carlini and Wagner use, without its zero beyond the boundary.
    Raises InvalidInput unless the images lie in [0, 1].
    """
    require_pixels(images)
    start = uniform_start(images, attack.epsilon, generator, attack.norm) if attack.random_start else images.clone()
    return ascend(network, images, start, margin(labels), attack)
