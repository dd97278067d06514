"""PGD adversarial training (Madry et al. 2018)."""

from __future__ import annotations

from trainer.attacks.likelihood import cross_entropies
from trainer.methods.method import Batch, Crafted, Loss, Method, Step
from trainer.model import Model


class PGD(Method):
    """Mean cross-entropy on adversarial images."""

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """Mean cross-entropy."""
        return Loss(step.world.mean(cross_entropies(model(crafted.adversarial), batch.labels)))
