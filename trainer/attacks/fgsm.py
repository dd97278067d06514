"""The fast gradient sign method (Goodfellow, Shlens and Szegedy 2015)."""

from __future__ import annotations

from torch import Tensor, nn

from trainer.attacks.ascent import ascend
from trainer.attacks.attack import Attack
from trainer.attacks.entry import anywhere, require_pixels
from trainer.attacks.objectives import cross_entropy


@anywhere
def fgsm(network: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """Adversarial images [B, C, H, W]: one step of `epsilon` from the images, without a random start.

    Raises InvalidInput unless the images lie in [0, 1].
    """
    require_pixels(images)
    step = Attack(epsilon=epsilon, step_size=epsilon, steps=1, random_start=False)
    return ascend(network, images, images.clone(), cross_entropy(labels), step)
