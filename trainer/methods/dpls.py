"""Difficulty proportional label smoothing (Lee et al., JMLR 2025), with mem as the difficulty."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from memscore.study.spec import Frozen
from trainer.attacks.likelihood import cross_entropies, log_probabilities
from trainer.methods.method import Batch, Crafted, Loss, Method, Step
from trainer.model import Model


class DPLSOptions(Frozen):
    """strength: the share of a label that is smoothed at mem 1. The authors measure difficulty in another way."""

    strength: float = Field(default=0.5, ge=0, le=1)


class DPLS(Method):
    """PGD adversarial training whose labels are the smoother the more a sample is memorized.

    strength = 0 is PGD adversarial training, bit for bit.
    """

    Options = DPLSOptions
    options: DPLSOptions
    needs_scores = True

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """The mean cross-entropy with smoothed labels on adversarial images."""
        logits = model(crafted.adversarial)
        if not self.options.strength:
            return Loss(step.world.mean(cross_entropies(logits, batch.labels)))
        share = smoothing(batch.mem, self.options.strength)
        return Loss(step.world.mean(smoothed(logits, batch.labels, share)), {"smoothing": share.mean()})


def smoothing(mem: Tensor, strength: float) -> Tensor:
    """The share of each label that goes to all classes alike, [B]: strength times mem, within 0 and 1; 0 if unknown."""
    return (strength * mem.nan_to_num(0.0)).clamp(0, 1)


def smoothed(logits: Tensor, labels: Tensor, share: Tensor) -> Tensor:
    """Cross-entropy [B] of logits [B, K] with labels int64 [B], a share [B] of which is spread over all K classes."""
    log = log_probabilities(logits)
    own = -log.gather(1, labels[:, None])[:, 0]
    return (1 - share) * own - share * log.mean(dim=1)
