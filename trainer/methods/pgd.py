"""PGD adversarial training (Madry et al. 2018)."""

from __future__ import annotations

from torch.nn import functional

from trainer.methods.method import Batch, Crafted, Loss, Method, Step
from trainer.model import Model


class PGD(Method):
    """Mean cross-entropy on adversarial images."""

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """Scalar loss."""
        each = functional.cross_entropy(model(crafted.adversarial), batch.labels, reduction="none")
        return Loss(step.world.mean(each))
