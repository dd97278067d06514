"""Training of several MLPs as one stack: the ten trials of a block, or five full trials."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from memscore.learning.data import DeviceData, flat_inputs
from memscore.learning.optimization import optimizer_of, require_finite, set_learning_rate
from memscore.learning.replay import Replay
from memscore.learning.stacked_mlp import StackedMLP
from memscore.study.randomness import random_words, seed_for
from memscore.study.spec import Recipe

Name = tuple[str | int, ...]


def train_stack(data: DeviceData, recipe: Recipe, membership: np.ndarray, name: Name) -> StackedMLP:
    """Train one MLP for each row of membership bool [k, n], on that subset.

    Initial weights and sample orders depend only on `name`. Raises Diverged if a loss is not finite.
    """
    models = len(membership)
    samples, features = flattened(data.x_train), data.x_train.ndim == 2
    seed = seed_for("init", *name)
    model = StackedMLP(models, samples.shape[1], recipe.hidden, data.classes, seed, features=features).to(data.device)
    optimizer = optimizer_of(recipe, model.parameters(), data.device)
    on_gpu = data.device.type == "cuda"
    batches = -(-int(membership.sum(axis=1).max()) // recipe.batch_size)
    steps, step = recipe.epochs * batches, 0
    total = torch.zeros((), device=data.device)

    def learn(chosen: Tensor, weight: Tensor) -> None:
        with torch.autocast(data.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = model(flat_inputs(samples[chosen]))
        loss = stack_loss(logits.float(), data.y_train[chosen], weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())

    place: tuple[Tensor, Tensor] | None = None
    replay: Replay | None = None
    for epoch in range(recipe.epochs):
        order, weight = stack_order(membership, name, epoch, data.device)
        total.zero_()
        for start in range(0, order.shape[1], recipe.batch_size):
            set_learning_rate(optimizer, recipe, step, steps)
            step += 1
            part = slice(start, start + recipe.batch_size)
            if not on_gpu or part.stop > order.shape[1]:
                learn(order[:, part], weight[:, part])
                continue
            # A recorded step reads its batch from fixed memory, into which each batch is copied; the last, shorter one
            # of an epoch has another shape, and is not replayed.
            if place is None or replay is None:
                place = order[:, part].clone(), weight[:, part].clone()
                replay = Replay(partial(learn, *place), data.device)
            for there, values in zip(place, (order, weight), strict=True):
                there.copy_(values[:, part])
            replay()
        require_finite(total, recipe, epoch)
    return model


def stack_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The sum of the models' mean cross-entropies: logits [K, B, C], labels and 0/1 weights [K, B].

    With a sum, each model's gradient is the same as if it were trained alone.
    """
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    each = each.view_as(weights)
    return ((each * weights).sum(1) / weights.sum(1).clamp(min=1)).sum()


def stack_order(
    membership: np.ndarray, name: Name, epoch: int, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Each model's subset in a new random order: indices int64 [k, m] and weights float32 [k, m], on the device.

    m is the size of the largest subset; smaller subsets are padded at the end with samples of weight 0.
    """
    keys = random_words(membership.shape, "order", *name, epoch)
    keys &= (np.uint64(1) << np.uint64(63)) - np.uint64(1)
    keys[membership] |= np.uint64(1) << np.uint64(63)  # the sign: members sort first
    sizes = torch.from_numpy(membership.sum(axis=1)).to(device)
    longest = int(membership.sum(axis=1).max())
    order = torch.from_numpy(keys.view(np.int64)).to(device).argsort(dim=1, stable=True)[:, :longest]
    weight = torch.arange(longest, device=device)[None, :] < sizes[:, None]
    return order, weight.float()


@torch.no_grad()
def stack_logits(model: StackedMLP, samples: Tensor, batch: int = 4096) -> Tensor:
    """Each model's logits [K, n, classes] for flattened images uint8 [n, D], or features."""
    parts = [
        model(flat_inputs(samples[start : start + batch]).expand(model.models, -1, -1))
        for start in range(0, max(1, len(samples)), batch)
    ]
    return torch.cat(parts, 1)


def flattened(samples: Tensor) -> Tensor:
    """Flatten images uint8 [n, H, W, C] to [n, C * H * W], in the axis order that networks see; features are flat."""
    return samples if samples.ndim == 2 else samples.permute(0, 3, 1, 2).flatten(1)
