"""Adversarial weight perturbation (Wu, Xia and Wang 2020): the loss is computed where nearby weights make it large."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from trainer.distributed import World

TINY = 1e-20


@contextmanager
def perturbed(network: nn.Module, loss: Callable[[], Tensor], gamma: float, world: World) -> Generator[None]:
    """Within the block, each weight matrix or kernel w is w + gamma |w| g / |g|, g the gradient of `loss` there.

    Biases, BatchNorm's scales and weights that the loss does not depend on are not perturbed. Leaving the block
    restores the weights. BatchNorm's statistics keep the updates from within the block, but not those of `loss`.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad and weight.ndim > 1]
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    found = torch.autograd.grad(loss(), weights, allow_unused=True)
    # The same weights have gradients in all processes, so the sums match.
    used = [(weight, gradient) for weight, gradient in zip(weights, found, strict=True) if gradient is not None]
    weights, gradients = [weight for weight, _ in used], [world.total(gradient) for _, gradient in used]
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
        kept = [weight.clone() for weight in weights]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(gradient * (gamma * weight.norm() / (gradient.norm() + TINY)))
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, before in zip(weights, kept, strict=True):
                weight.copy_(before)
