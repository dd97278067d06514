"""Signed gradient ascent in an l_inf ball: what PGD, CW, TRADES' and GAIRAT's attacks have in common."""

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
    """Images [B, C, H, W] within `attack.epsilon` of `images`, from `start` onwards towards a larger objective.

    Crafted in `attack.mode`; gradients are taken with respect to the images alone. `observe` is given the
    logits [B, K] of each step before it is taken.
    """
    # Noise may lie otherwise in memory than the images, and steps on two layouts are slow.
    adversarial = torch.empty_like(images).copy_(start.detach())
    with crafting(network, attack.mode), torch.enable_grad():
        for _ in range(attack.steps):
            adversarial.requires_grad_()
            logits = network(adversarial)
            if observe is not None:
                observe(logits.detach())
            # The sum and the mean give the same sign, but the mean may underflow.
            (gradient,) = torch.autograd.grad(objective(logits).sum(), adversarial)
            stepped = adversarial.detach().add(gradient.sign(), alpha=attack.step_size)
            adversarial = project(stepped, images, attack.epsilon)
    return adversarial


def project(adversarial: Tensor, images: Tensor, epsilon: float) -> Tensor:
    """The nearest images within `epsilon` of `images` and within [0, 1]; overwrites `adversarial`."""
    return adversarial.sub_(images).clamp_(-epsilon, epsilon).add_(images).clamp_(0, 1)


def uniform_start(images: Tensor, epsilon: float, generator: torch.Generator | None = None) -> Tensor:
    """A point drawn uniformly from the ball, cut to [0, 1]; from torch's global generator unless one is given."""
    noise = torch.empty_like(images, memory_format=torch.contiguous_format)
    return noise.uniform_(-epsilon, epsilon, generator=generator).add_(images).clamp_(0, 1)
