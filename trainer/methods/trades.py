"""TRADES (Zhang et al. 2019): clean accuracy, and predictions that stay the same within the ball."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from memscore.study.spec import Frozen
from trainer.attacks import crafting, divergence
from trainer.attacks.likelihood import cross_entropies, log_probabilities
from trainer.methods.method import Batch, Crafted, Loss, Method, Step, attacked
from trainer.model import Model

START = 0.001
"""Standard deviation of the normal noise that the attack starts from (TRADES and MART)."""


class TRADESOptions(Frozen):
    """beta: 1/lambda in the paper, the weight of the divergence.

    forwards: 3 repeats the clean pass for the divergence, as the authors' code does; the loss is the same, but
    BatchNorm's statistics are updated once more.
    """

    beta: float = Field(default=6.0, ge=0)
    forwards: Literal[2, 3] = 2


class TRADES(Method):
    """Cross-entropy on clean images plus beta times the mean divergence KL(p(x) || p(x')); beta = 0 is ERM."""

    Options = TRADESOptions
    options: TRADESOptions

    @property
    def crafts(self) -> bool:
        """True unless beta is 0."""
        return self.options.beta > 0

    def craft(self, model: Model, batch: Batch, step: Step) -> Crafted:
        """Images that raise the divergence from the clean prediction, which is computed once."""
        with torch.no_grad(), crafting(model, step.attack.mode):
            clean = log_probabilities(model(batch.images)).exp()
        return Crafted(attacked(model, batch.images, divergence(clean), step, START))

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """Equation 5 of the paper."""
        clean = model(batch.images)
        natural = step.world.mean(cross_entropies(clean, batch.labels))
        if not self.options.beta:
            return Loss(natural)
        adversarial = model(crafted.adversarial)
        reference = model(batch.images) if self.options.forwards == 3 else clean
        robust = step.world.mean(divergences(reference, adversarial))
        return Loss(natural + self.options.beta * robust, {"divergence": robust.detach()})


def divergences(clean: Tensor, adversarial: Tensor) -> Tensor:
    """KL(softmax(clean) || softmax(adversarial)), [B], from logits [B, K]; gradients flow through both."""
    # From log p: the gradient of p log p is 0 times infinity where a probability p underflows.
    reference, logarithm = log_probabilities(clean), log_probabilities(adversarial)
    return functional.kl_div(logarithm, reference, reduction="none", log_target=True).sum(dim=1)
