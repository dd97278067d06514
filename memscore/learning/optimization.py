"""Optimizer, learning rate and divergence check, shared by stacks and single models."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from memscore.errors import Diverged
from memscore.study.spec import Recipe


def optimizer_of(
    recipe: Recipe, parameters: Iterable[Tensor], device: torch.device, *, recorded: bool = False
) -> torch.optim.Optimizer:
    """The recipe's optimizer over the parameters, with one fused kernel per step.

    If steps are `recorded`, and always on a GPU, they read the learning rate from the device.
    """
    on_gpu = device.type == "cuda"
    rate = torch.tensor(recipe.learning_rate, device=device) if on_gpu or recorded else recipe.learning_rate
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(
            parameters,
            lr=rate,
            betas=(recipe.momentum, 0.999),
            weight_decay=recipe.weight_decay,
            capturable=on_gpu,
            fused=True,
        )
    return torch.optim.SGD(
        parameters,
        lr=rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step, counted from 0: a linear warm-up, then the schedule's decay."""
    rising = round(recipe.warmup * steps)
    if step < rising:
        return recipe.learning_rate * (step + 1) / rising
    passed = (step - rising) / (steps - rising)
    if recipe.schedule == "linear":
        return recipe.learning_rate * (1 - passed)
    if recipe.schedule == "cosine":
        return recipe.learning_rate * (1 + math.cos(math.pi * passed)) / 2
    return recipe.learning_rate


def set_learning_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int, steps: int) -> None:
    """Set the optimizer's learning rate for a step."""
    rate = learning_rate(recipe, step, steps)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def require_finite(loss: Tensor, recipe: Recipe, epoch: int) -> None:
    """Raise Diverged, with the epoch and what to change, if an epoch's summed loss is not finite."""
    if not torch.isfinite(loss):
        raise Diverged(
            f"the loss is not finite in epoch {epoch + 1} of {recipe.epochs}; "
            f"lower learning_rate (now {recipe.learning_rate:g}), or fix the network if it divides by zero for some "
            "images"
        )
