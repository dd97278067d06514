"""What a training method is: it crafts images from a batch, and has a loss on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from memscore.study.spec import Frozen
from trainer.attacks import Attack, ascend, cross_entropy
from trainer.attacks.n_fgsm import NOISE, n_fgsm
from trainer.attacks.objectives import Objective
from trainer.distributed import ALONE, World
from trainer.model import Model
from trainer.step_draws import Draws


@dataclass(frozen=True)
class Batch:
    """Images [B, C, H, W] in [0, 1], labels int64 [B], and mem float32 [B] (NaN where unknown)."""

    images: Tensor
    labels: Tensor
    mem: Tensor


@dataclass(frozen=True)
class Step:
    """Where training stands: `progress` is the share of its epochs that is done; `single_step`: attack by N-FGSM."""

    attack: Attack
    draws: Draws
    progress: float = 0.0
    world: World = ALONE
    single_step: bool = False


@dataclass(frozen=True)
class Crafted:
    """Adversarial images [B, C, H, W], and what else a method learned while crafting them."""

    adversarial: Tensor
    geometry: Tensor | None = None


@dataclass(frozen=True)
class Loss:
    """The scalar loss of a step (a process's share of it), and numbers to log, each a scalar without gradient."""

    value: Tensor
    measures: dict[str, Tensor] = field(default_factory=dict)


class NoOptions(Frozen):
    """A method without options of its own."""


class Method(ABC):
    """A way to train; `Options` are its own settings, `needs_scores` says if it can do without memorization values."""

    Options: ClassVar[type[Frozen]] = NoOptions
    needs_scores: ClassVar[bool] = False
    many_steps: ClassVar[bool] = False
    """Whether the method needs an attack of several steps, and so cannot be attacked by N-FGSM."""

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options

    @property
    def crafts(self) -> bool:
        """Whether the loss looks at adversarial images at all."""
        return True

    @property
    def represents(self) -> bool:
        """Whether the loss looks at representations, which not every network shows."""
        return False

    def craft(self, model: Model, batch: Batch, step: Step) -> Crafted:
        """Adversarial images that raise cross-entropy, from a start uniform in the ball (Madry et al. 2018)."""
        return Crafted(attacked(model, batch.images, cross_entropy(batch.labels), step))

    @abstractmethod
    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """The loss of one step; the network is in training mode."""


def attacked(
    model: Model,
    images: Tensor,
    objective: Objective,
    step: Step,
    deviation: float | None = None,
    observe: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """Adversarial images by the step's attack, from a start uniform in the ball.

    Several steps may start from normal noise of a `deviation` instead; `observe` is `ascend`'s.
    """
    draws, epsilon = step.draws, step.attack.epsilon
    if step.single_step:
        return n_fgsm(model, images + draws.uniform(images, NOISE * epsilon), objective, step.attack)
    noise = draws.uniform(images, epsilon) if deviation is None else draws.normal(images, deviation)
    return ascend(model, images, noise.add_(images).clamp_(0, 1), objective, step.attack, observe)
