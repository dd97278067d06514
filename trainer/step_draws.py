"""The random numbers of one training step, determined by (seed, epoch, step): every step is repeatable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from memscore.study.randomness import seed_for
from trainer.distributed import ALONE, World


class Noise(Protocol):
    """Random numbers for images [B, C, H, W]."""

    def uniform(self, images: Tensor, radius: float) -> Tensor:
        """Uniform in [-radius, radius]."""
        ...

    def normal(self, images: Tensor, deviation: float) -> Tensor:
        """Normal with this standard deviation."""
        ...


@dataclass(frozen=True)
class Draws:
    """Noise for images [B, C, H, W]; each of several processes gets its part of what a single one would draw."""

    seed: int
    epoch: int
    step: int
    world: World = ALONE

    def uniform(self, images: Tensor, radius: float) -> Tensor:
        """Uniform in [-radius, radius]."""
        return self._fresh(images, lambda noise, generator: noise.uniform_(-radius, radius, generator=generator))

    def normal(self, images: Tensor, deviation: float) -> Tensor:
        """Normal with this standard deviation."""
        return self._fresh(images, lambda noise, generator: noise.normal_(0, deviation, generator=generator))

    def _fresh(self, images: Tensor, fill: Callable[[Tensor, torch.Generator], Tensor]) -> Tensor:
        generator = torch.Generator(images.device).manual_seed(seed_for("attack", self.seed, self.epoch, self.step))
        whole = torch.empty((len(images) * self.world.size, *images.shape[1:]), device=images.device)
        return self.world.part(fill(whole, generator))


@dataclass(frozen=True)
class _Held:
    """One draw of a step: how it is made, and where its noise lies."""

    kind: Literal["uniform", "normal"]
    images: Tensor
    parameter: float
    noise: Tensor


class HeldDraws:
    """The draws of a recorded step, whose noise lies at fixed places: made outside, so the recording draws nothing.

    `renew` comes before each step. A step must make the same draws each time.
    """

    def __init__(self) -> None:
        self._draws: Noise | None = None
        self._held: list[_Held] = []
        self._made = 0  # draws of this step

    def renew(self, draws: Noise) -> None:
        """Overwrite the noise with that of another step."""
        self._draws, self._made = draws, 0
        for one in self._held:
            one.noise.copy_(_drawn(draws, one.kind, one.images, one.parameter))

    def uniform(self, images: Tensor, radius: float) -> Tensor:
        """Uniform in [-radius, radius]."""
        return self._next("uniform", images, radius)

    def normal(self, images: Tensor, deviation: float) -> Tensor:
        """Normal with this standard deviation."""
        return self._next("normal", images, deviation)

    def _next(self, kind: Literal["uniform", "normal"], images: Tensor, parameter: float) -> Tensor:
        if self._made == len(self._held):
            assert self._draws is not None
            self._held.append(_Held(kind, images, parameter, _drawn(self._draws, kind, images, parameter)))
        held = self._held[self._made]
        self._made += 1
        return held.noise.clone()  # the step may overwrite it


def _drawn(draws: Noise, kind: Literal["uniform", "normal"], images: Tensor, parameter: float) -> Tensor:
    return draws.uniform(images, parameter) if kind == "uniform" else draws.normal(images, parameter)
