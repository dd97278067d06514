"""MART (Wang et al. 2020): misclassified images count more in the divergence."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from memscore.study.spec import Frozen
from trainer.attacks import cross_entropy
from trainer.attacks.likelihood import cross_entropies, log_probabilities
from trainer.methods.method import Batch, Crafted, Loss, Method, Step, attacked
from trainer.methods.trades import START
from trainer.model import Model

ABOVE_ONE = 1 + 1e-4
ABOVE_ONE_CLEAN = 1 + 1e-7
NOTHING = 1e-12
"""The authors' guards against the logarithm of 0."""


class MARTOptions(Frozen):
    """strength: lambda in the paper, the weight of the divergence."""

    strength: float = Field(default=5.0, ge=0)


class MART(Method):
    """Boosted cross-entropy on adversarial images plus a divergence weighted by the clean error."""

    Options = MARTOptions
    options: MARTOptions

    def craft(self, model: Model, batch: Batch, step: Step) -> Crafted:
        """Images that raise cross-entropy, from TRADES' start."""
        return Crafted(attacked(model, batch.images, cross_entropy(batch.labels), step, START))

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """Equation 11 of the paper."""
        if not self.options.strength:
            return Loss(step.world.mean(boosted_cross_entropy(model(crafted.adversarial), batch.labels)))
        clean = model(batch.images)
        adversarial = model(crafted.adversarial)
        boosted = step.world.mean(boosted_cross_entropy(adversarial, batch.labels))
        divergence = step.world.mean(weighted_divergence(clean, adversarial, batch.labels))
        return Loss(boosted + self.options.strength * divergence, {"divergence": divergence.detach()})


def boosted_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p_y - log(1 - max over k != y of p_k), [B], of adversarial logits [B, K] (equation 8)."""
    probability = log_probabilities(logits).exp()
    strongest = probability.scatter(1, labels[:, None], 0).amax(dim=1)
    return cross_entropies(logits, labels) - torch.log(ABOVE_ONE + NOTHING - strongest)


def weighted_divergence(clean: Tensor, adversarial: Tensor, labels: Tensor) -> Tensor:
    """KL(p(x) || p(x')) (1 - p_y(x)), [B], from logits [B, K]; gradients flow through both (equation 10)."""
    natural = log_probabilities(clean)
    logarithm = torch.log(log_probabilities(adversarial).exp() + NOTHING)
    divergence = functional.kl_div(logarithm, natural, reduction="none", log_target=True).sum(dim=1)
    return divergence * (ABOVE_ONE_CLEAN - natural.exp().gather(1, labels[:, None]).squeeze(1))
