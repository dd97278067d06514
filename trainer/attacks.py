"""Projected gradient descent in the l_inf ball (Madry et al., 2018)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.config import Attack


def pgd(
    network: nn.Module, images: Tensor, labels: Tensor, attack: Attack, generator: torch.Generator | None = None
) -> Tensor:
    """Adversarial images [B, C, H, W] within `attack.epsilon` of `images`, all in [0, 1].

    Maximizes cross-entropy by signed gradient steps, crafted in eval mode. The network's modes, buffers and
    parameter gradients are what they were. `generator` draws the start, uniform in the ball.
    """
    epsilon = attack.epsilon
    low, high = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
    adversarial = images.detach().clone()
    if attack.random_start:
        noise = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype)
        adversarial = (adversarial + epsilon * (2 * noise - 1)).clamp(0, 1)
    with crafting(network):
        for _ in range(attack.steps):
            adversarial.requires_grad_()
            # The sum and the mean give the same sign, but the mean may underflow.
            loss = functional.cross_entropy(network(adversarial), labels, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, adversarial)
            step = adversarial.detach() + attack.step_size * gradient.sign()
            adversarial = torch.minimum(torch.maximum(step, low), high)
    return adversarial


@contextmanager
def crafting(network: nn.Module) -> Generator[None]:
    """Eval mode and no gradients of parameters within the block; every submodule gets its own mode back."""
    modes = {module: module.training for module in network.modules()}
    needed = {parameter: parameter.requires_grad for parameter in network.parameters()}
    network.eval()
    for parameter in needed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        for parameter, need in needed.items():
            parameter.requires_grad_(need)
