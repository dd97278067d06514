"""Signed gradient ascent in an l_inf ball, shared by PGD, CW and the attacks of TRADES and GAIRAT."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainer.attacks.attack import Attack
from trainer.attacks.crafting import crafting
from trainer.attacks.objectives import Objective


def ascend(
    network: nn.Module,
    images: Tensor,
    start: Tensor,
    objective: Objective,
    attack: Attack,
    observe: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """Images [B, C, H, W] within `attack.epsilon` of `images` that raise the objective, starting from `start`.

    Crafted in `attack.mode`; gradients are taken only with respect to the images. `observe` receives the logits [B, K]
    before each step.
    """
    # The noise may have another memory layout than the images, and mixing layouts is slow.
    adversarial = torch.empty_like(images).copy_(start.detach())
    with crafting(network, attack.mode), torch.enable_grad():
        for _ in range(attack.steps):
            adversarial.requires_grad_()
            logits = network(adversarial)
            if observe is not None:
                observe(logits.detach())
            # The sum has the same sign as the mean, but the mean may underflow.
            (gradient,) = torch.autograd.grad(objective(logits).sum(), adversarial)
            stepped = adversarial.detach().add(gradient.sign(), alpha=attack.step_size)
            adversarial = project(stepped, images, attack.epsilon)
    return adversarial


def project(adversarial: Tensor, images: Tensor, epsilon: float) -> Tensor:
    """The nearest images within `epsilon` of `images` and within [0, 1]; overwrites `adversarial`."""
    return adversarial.sub_(images).clamp_(-epsilon, epsilon).add_(images).clamp_(0, 1)


def uniform_start(images: Tensor, epsilon: float, generator: torch.Generator | None = None) -> Tensor:
    """A uniform random point of the ball, clipped to [0, 1]; uses torch's global generator unless one is given."""
    noise = torch.empty_like(images, memory_format=torch.contiguous_format)
    return noise.uniform_(-epsilon, epsilon, generator=generator).add_(images).clamp_(0, 1)
