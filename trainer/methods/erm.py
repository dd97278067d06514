"""Empirical risk minimization: ordinary training on clean images."""

from __future__ import annotations

from trainer.attacks.likelihood import cross_entropies
from trainer.methods.method import Batch, Crafted, Loss, Method, Step
from trainer.model import Model


class ERM(Method):
    """Mean cross-entropy on clean images."""

    @property
    def crafts(self) -> bool:
        """Always False: training uses clean images."""
        return False

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:  # noqa: ARG002 -- clean images only
        """Mean cross-entropy."""
        return Loss(step.world.mean(cross_entropies(model(batch.images), batch.labels)))
