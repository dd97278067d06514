"""Training of several MLPs as one stack: the ten trials of a block or five full trials, on a GPU several blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from memscore.arrays import Bools
from memscore.learning.data import DeviceData, flat_inputs
from memscore.learning.optimization import learning_rate, optimizer_of, require_finite, set_learning_rate
from memscore.learning.replay import Compared, Replay, trained_tensors
from memscore.learning.stacked_mlp import StackedMLP
from memscore.study.randomness import random_words, seed_for
from memscore.study.spec import Recipe

Name = tuple[str | int, ...]
Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Makes what takes a step: as it is at first, later by replaying a recording of it."""


class Members(NamedTuple):
    """The models of one block, or of some full trials: bool [k, n], one subset each, and their common name."""

    membership: Bools
    name: Name


def train_stack(data: DeviceData, recipe: Recipe, membership: Bools, name: Name) -> StackedMLP:
    """Train one MLP for each row of membership bool [k, n], on that subset.

    Initial weights and sample orders depend only on `name`. Raises Diverged if a loss is not finite.
    """
    return train_stacks(data, recipe, [Members(membership, name)])[0]


def train_stacks(
    data: DeviceData, recipe: Recipe, stacks: Sequence[Members], least: int = 1, record: Record | None = None
) -> list[StackedMLP]:
    """Train several stacks of equally many models and equally long epochs at once, as one stack.

    With fewer than `least`, the first is trained more than once: kernels, and so a stack's results, then do not depend
    on how many others there are. `record` makes recordings, on a GPU those of CUDA. Raises Diverged if a loss is not
    finite.
    """
    every = [*stacks, *[stacks[0]] * (least - len(stacks))]
    table, features = flattened(data.x_train), data.x_train.ndim == 2
    model = _initial(every, recipe, table, data.classes).to(data.device)
    on_gpu = data.device.type == "cuda"
    recorder = partial(Replay, device=data.device) if record is None and on_gpu else record
    optimizer = optimizer_of(recipe, model.parameters(), data.device, recorded=recorder is not None)
    size = recipe.batch_size
    batches = -(-max(int(one.membership.sum(axis=1).max()) for one in every) // size)
    steps, step = recipe.epochs * batches, 0
    total = torch.zeros((), device=data.device)
    half = recipe.precision == "bfloat16"
    ready = None
    if recorder is not None and half and not features:  # what autocast makes of them in each step
        ready = model.normalized(flat_inputs(table)).bfloat16()

    def learn(chosen: Tensor, weight: Tensor) -> None:
        with torch.autocast(data.device.type, torch.bfloat16, enabled=half):
            logits = model(flat_inputs(table[chosen])) if ready is None else model.classify(ready[chosen])
        loss = stack_loss(logits.float(), data.y_train[chosen], weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())

    replayed: _Replayed | None = None
    try:
        for epoch in range(recipe.epochs):
            order, weight = _epoch(every, epoch, data.device)
            total.zero_()
            whole = 0 if recorder is None else order.shape[1] // size  # the last, shorter batch has another shape
            if whole and recorder is not None:
                if replayed is None:
                    rates = [learning_rate(recipe, one, steps) for one in range(steps)]
                    replayed = _Replayed(
                        learn,
                        optimizer,
                        torch.tensor(rates, device=data.device),
                        recorder,
                        lambda: [*trained_tensors(model, optimizer), total],
                    )
                replayed.take(order, weight, whole, size, step)
            step += whole
            for start in range(whole * size, order.shape[1], size):
                set_learning_rate(optimizer, recipe, step, steps)
                step += 1
                learn(order[:, start : start + size], weight[:, start : start + size])
            require_finite(total, recipe, epoch)
    finally:
        if replayed is not None:
            replayed.close()
    models = len(stacks[0].membership)
    if len(every) == 1:
        return [model]
    return [model.part(number * models, models) for number in range(len(stacks))]


def _initial(stacks: Sequence[Members], recipe: Recipe, samples: Tensor, classes: int) -> StackedMLP:
    """All models before training."""
    inputs, features = samples.shape[1], samples.dtype != torch.uint8
    found: list[StackedMLP] = []
    for one in stacks:
        seed, models = seed_for("init", *one.name), len(one.membership)
        found.append(StackedMLP.initial(models, inputs, recipe.hidden, classes, seed, features=features))
    return StackedMLP.joined(found)


class _Replayed:
    """The whole batches of an epoch, by a recorded step that finds its batch and its learning rate by itself.

    The host launches one graph a step and nothing else.
    """

    def __init__(
        self,
        learn: Callable[[Tensor, Tensor], None],
        optimizer: torch.optim.Optimizer,
        rates: Tensor,
        record: Record,
        state: Callable[[], list[Tensor]],
    ) -> None:
        self._learn = learn
        self._rates = rates
        self._rate: Tensor = optimizer.param_groups[0]["lr"]
        self._step = torch.zeros(1, dtype=torch.int64, device=rates.device)
        self._batch = torch.zeros(1, dtype=torch.int64, device=rates.device)
        self._order = self._weight = torch.empty(0, device=rates.device)
        places = [self._rate, self._step, self._batch]
        self._take = Compared(self._once, record(self._once), lambda: [*state(), *places])

    def take(self, order: Tensor, weight: Tensor, whole: int, size: int, step: int) -> None:
        """Take `whole` steps with batches of this size, of which the first is step number `step`."""
        shape = (len(order), whole, size)
        placed = [values[:, : whole * size].reshape(shape) for values in (order, weight)]
        if self._order.shape == shape:
            self._order.copy_(placed[0])
            self._weight.copy_(placed[1])
        else:
            self._order, self._weight = (values.clone() for values in placed)
        self._batch.zero_()
        self._step.fill_(step)
        for _ in range(whole):
            self._take()

    def close(self) -> None:
        """Free the recording, which also holds this object, now: device memory shall not wait for the collector."""
        del self._take

    def _once(self) -> None:
        self._rate.copy_(self._rates.index_select(0, self._step)[0])
        chosen, weight = (values.index_select(1, self._batch)[:, 0] for values in (self._order, self._weight))
        self._learn(chosen, weight)
        self._step.add_(1)
        self._batch.add_(1)


def _epoch(stacks: Sequence[Members], epoch: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """`stack_order` of all models."""
    orders = [stack_order(one.membership, one.name, epoch, device) for one in stacks]
    order, weight = (torch.cat(values) for values in zip(*orders, strict=True))
    return order, weight


def stack_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """The sum of the models' mean cross-entropies: logits [K, B, C], labels and 0/1 weights [K, B].

    With a sum, each model's gradient is the same as if it were trained alone.
    """
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    each = each.view_as(weights)
    return ((each * weights).sum(1) / weights.sum(1).clamp(min=1)).sum()


def stack_order(membership: Bools, name: Name, epoch: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
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
