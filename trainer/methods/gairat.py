"""GAIRAT (Zhang et al. 2021): images that fall to few attack steps get larger weights."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from memscore.learning.correctness import is_correct
from memscore.study.spec import Frozen
from trainer.attacks import cross_entropy
from trainer.attacks.likelihood import cross_entropies
from trainer.methods.method import Batch, Crafted, Loss, Method, Step, attacked
from trainer.model import Model


class GAIRATOptions(Frozen):
    """shift: lambda in the paper; "infinite" gives every image weight 1, which is PGD training.

    burn_in: share of the epochs before weights are used.
    """

    shift: float | Literal["infinite"] = -1.0
    burn_in: float = Field(default=0.5, ge=0, le=1)


class GAIRAT(Method):
    """Cross-entropy on adversarial images, weighted by how many steps each image withstood."""

    Options = GAIRATOptions
    options: GAIRATOptions
    many_steps = True

    def phase(self, progress: float) -> bool:
        """Whether weights are not used yet."""
        return self.options.shift == "infinite" or progress < self.options.burn_in

    def craft(self, model: Model, batch: Batch, step: Step) -> Crafted:
        """PGD's images, and kappa [B]: the number of steps before which the image was still classified correctly."""
        kappa = torch.zeros_like(batch.labels)

        def count(logits: Tensor) -> None:
            kappa.add_(is_correct(logits, batch.labels))

        objective = cross_entropy(batch.labels)
        return Crafted(attacked(model, batch.images, objective, step, observe=count), kappa)

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """The weighted mean; during the burn-in, the unweighted one."""
        each = cross_entropies(model(crafted.adversarial), batch.labels)
        if self.options.shift == "infinite" or self.phase(step.progress):
            return Loss(step.world.mean(each))
        assert crafted.geometry is not None
        weights = geometry_weights(crafted.geometry, step.attack.steps, self.options.shift).to(each.dtype)
        return Loss(step.world.mean(each, weights), {"kappa": crafted.geometry.float().mean()})


def geometry_weights(kappa: Tensor, steps: int, shift: float) -> Tensor:
    """(1 + tanh(shift + 5 (1 - 2 kappa / steps))) / 2, [B], not normalized (equation 6 of the paper).

    Half of an odd number of steps is rounded down, as in the authors' code; at least two steps are required.
    """
    return (1 + torch.tanh(shift + 5 * (1 - kappa.double() / (steps // 2)))) / 2
