"""Gradient ascent in an l_inf or l2 ball, shared by PGD, CW and the attacks of TRADES and GAIRAT."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from trainer.attacks.attack import Attack, Norm
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
            direction = gradient.sign() if attack.norm == "linf" else _unit(gradient)
            stepped = adversarial.detach().add(direction, alpha=attack.step_size)
            adversarial = project(stepped, images, attack.epsilon, attack.norm)
    return adversarial


def project(adversarial: Tensor, images: Tensor, epsilon: float, norm: Norm = "linf") -> Tensor:
    """Images within `epsilon` of `images` and within [0, 1], the nearest ones for linf; overwrites `adversarial`.

    For l2, the change is shortened first and then cut to [0, 1], which shortens it further.
    """
    if norm == "l2":
        change = adversarial.sub_(images)
        longer = _lengths(change).clamp_min(torch.finfo(change.dtype).tiny)
        return change.mul_((epsilon / longer).clamp_max(1)).add_(images).clamp_(0, 1)
    return adversarial.sub_(images).clamp_(-epsilon, epsilon).add_(images).clamp_(0, 1)


def uniform_start(
    images: Tensor, epsilon: float, generator: torch.Generator | None = None, norm: Norm = "linf"
) -> Tensor:
    """A uniform random point of the ball, clipped to [0, 1]; uses torch's global generator unless one is given."""
    noise = torch.empty_like(images, memory_format=torch.contiguous_format)
    if norm == "l2":
        direction = _unit(noise.normal_(generator=generator))
        share = torch.empty(len(images), *[1] * (images.dim() - 1), dtype=images.dtype, device=images.device)
        radius = share.uniform_(generator=generator).pow_(1 / images[0].numel()) if len(images) else share
        return direction.mul_(epsilon * radius).add_(images).clamp_(0, 1)
    return noise.uniform_(-epsilon, epsilon, generator=generator).add_(images).clamp_(0, 1)


def _unit(changes: Tensor) -> Tensor:
    """Changes [B, C, H, W] scaled to Euclidean length 1; zeros stay zeros."""
    # A gradient may be so small that its squares underflow.
    largest = changes.flatten(1).abs().amax(dim=1).view(-1, *[1] * (changes.dim() - 1))
    scaled = changes / torch.where(largest > 0, largest, 1)
    return scaled / _lengths(scaled).clamp_min(torch.finfo(scaled.dtype).tiny)


def _lengths(changes: Tensor) -> Tensor:
    """Euclidean lengths [B, 1, 1, 1] of changes [B, C, H, W]."""
    return changes.flatten(1).norm(dim=1).view(-1, *[1] * (changes.dim() - 1))
