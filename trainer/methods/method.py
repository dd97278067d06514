"""The interface of training methods: craft images from a batch, and compute a loss on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from memscore.study.spec import Frozen
from trainer.attacks import Attack, ascend, cross_entropy
from trainer.attacks.n_fgsm import NOISE, n_fgsm
from trainer.attacks.objectives import Objective
from trainer.distributed import ALONE, World
from trainer.model import Model
from trainer.step_draws import Noise


@dataclass(frozen=True)
class Batch:
    """Images [B, C, H, W] in [0, 1], labels int64 [B], and mem float32 [B] (NaN where unknown)."""

    images: Tensor
    labels: Tensor
    mem: Tensor


@dataclass(frozen=True)
class Step:
    """The context of a step: `progress` is the share of epochs that are done; `single_step`: attack with N-FGSM."""

    attack: Attack
    draws: Noise
    progress: float = 0.0
    world: World = ALONE
    single_step: bool = False


@dataclass(frozen=True)
class Crafted:
    """Adversarial images [B, C, H, W], and GAIRAT's kappa [B] from crafting them."""

    adversarial: Tensor
    geometry: Tensor | None = None


@dataclass(frozen=True)
class Loss:
    """The scalar loss of a step (a process's share of it), and numbers to log, each a scalar without gradient."""

    value: Tensor
    measures: dict[str, Tensor] = field(default_factory=dict)


class NoOptions(Frozen):
    """The options of a method that has none."""


class Method(ABC):
    """A training method: `Options` are its settings; `needs_scores`: it requires memorization values."""

    Options: ClassVar[type[Frozen]] = NoOptions
    needs_scores: ClassVar[bool] = False
    many_steps: ClassVar[bool] = False
    """Whether the method needs an attack of several steps, which excludes N-FGSM."""

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options

    @property
    def crafts(self) -> bool:
        """Whether the loss uses adversarial images."""
        return True

    @property
    def represents(self) -> bool:
        """Whether the loss uses representations, which not every network provides."""
        return False

    def phase(self, progress: float) -> Hashable:  # noqa: ARG002 -- most methods do the same all the time
        """What distinguishes steps that do different work, such as those of a warm-up; `progress` as in Step."""
        return None

    def craft(self, model: Model, batch: Batch, step: Step) -> Crafted:
        """Adversarial images that raise cross-entropy, from a uniform start in the ball (Madry et al. 2018)."""
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
    """Adversarial images from the step's attack, with a uniform start in the ball.

    With a `deviation`, iterative attacks start from normal noise instead; `observe` is passed to `ascend`.
    """
    draws, epsilon = step.draws, step.attack.epsilon
    if step.single_step:
        return n_fgsm(model, images + draws.uniform(images, NOISE * epsilon), objective, step.attack)
    noise = draws.uniform(images, epsilon) if deviation is None else draws.normal(images, deviation)
    return ascend(model, images, noise.add_(images).clamp_(0, 1), objective, step.attack, observe)
