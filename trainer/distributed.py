"""The processes that train one network together (torchrun), and the sums they share.

Each process holds an equal part of every batch. A loss is a local sum over a global normalizer, so that the gradients
of all processes add up to those of one process with the whole batch.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn

from memscore.errors import InvalidInput


@dataclass(frozen=True)
class World:
    """`rank` of `size` processes; the first one writes and prints."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def part(self, samples: Tensor) -> Tensor:
        """This process's part of a batch, whose length is a multiple of `size`."""
        return samples.chunk(self.size)[self.rank] if self.size > 1 else samples

    def total(self, value: Tensor) -> Tensor:
        """The sum over processes; gradients flow back to all of them."""
        return _Total.apply(value) if self.size > 1 else value  # pyright: ignore[reportReturnType] -- apply() is untyped

    def gather(self, values: Tensor) -> Tensor:
        """The parts of all processes in order, joined; gradients flow back."""
        return _Gathered.apply(values, self) if self.size > 1 else values  # pyright: ignore[reportReturnType] -- apply() is untyped

    def mean(self, each: Tensor, weights: Tensor | None = None) -> Tensor:
        """This process's share of the mean of `each` over the whole batch, weighted with `weights` if given."""
        if weights is None:
            return each.sum() / (len(each) * self.size)
        total = self.total(weights.sum()).clamp(min=1e-12)  # all weights are 0 where every sample was dropped
        return (weights * each).sum() / total

    def share(self, loss: Tensor) -> Tensor:
        """This process's share of a loss that every process has computed over the whole batch."""
        return loss / self.size if self.size > 1 else loss

    @torch.no_grad()
    def add_gradients(self, network: nn.Module) -> None:
        """Sum the gradients of all processes, and average their BatchNorm statistics, in one message each."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        _reduce(gradients, 1)
        _reduce([buffer for buffer in network.buffers() if buffer.is_floating_point()], self.size)

    def agree(self, value: float) -> float:
        """The first process's value, broadcast to all."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box)
        return box[0]


ALONE = World()


class _Total(torch.autograd.Function):
    """A sum over processes; backward sums the gradients too, since every process's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:  # noqa: ARG004 -- autograd passes it
        total = value.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004 -- autograd passes it
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total


class _Gathered(torch.autograd.Function):
    """Equal parts joined in the order of the processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, world: World) -> Tensor:
        ctx.world = world
        parts = [torch.empty_like(values, memory_format=torch.contiguous_format) for _ in range(world.size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].contiguous().clone()
        distributed.all_reduce(total)
        return ctx.world.part(total), None


def _reduce(tensors: list[Tensor], divisor: int) -> None:
    if not tensors:
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    distributed.all_reduce(flat)
    parts = flat.div_(divisor).split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))


@contextmanager
def joined_world() -> Generator[World]:
    """The processes that torchrun started, or only this one. Raises InvalidInput if they cannot connect."""
    if not distributed.is_torchelastic_launched():
        yield World()
        return
    # Its functions have the group as a default argument: imported later (a backward pass does), they would keep the
    # group and its threads beyond the end, where a thread that still frees a tensor aborts the process.
    importlib.import_module("torch.distributed.nn")
    try:
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    except (RuntimeError, ValueError) as error:
        raise InvalidInput(f"The processes that torchrun started cannot connect to each other ({error}).") from error
    try:
        yield World(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
