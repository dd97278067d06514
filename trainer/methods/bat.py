"""Benign Adversarial Training (section 4 of the paper, equations 4 to 8)."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn import functional

from memscore.learning.correctness import is_correct
from memscore.scores.tables import ATYPICAL
from memscore.study.spec import Frozen
from trainer.attacks import crafting
from trainer.attacks.likelihood import cross_entropies, log_probabilities
from trainer.distributed import ALONE
from trainer.methods.method import Batch, Crafted, Loss, Method, Step
from trainer.model import Model

LONGEST = 1e15
"""Bound on the entries of a representation in the discrimination loss; larger ones are clipped."""


class BATOptions(Frozen):
    """The parameters that the paper names, and those that it leaves open.

    alpha, beta, tau: strength of the reweighting, weight and temperature of the discrimination loss.
    sigma: mem above it is atypical, mem up to it typical; sigma_typical sets a separate bound for typical samples.
    normalize: scale representations to unit length, which bounds the discrimination loss; raw products do not.
    denominator: of equation 7, only the negatives, or the positive as well (InfoNCE).
    detach: weights carry no gradient. hard_drop: poisoning samples get weight 0, the limit of large alpha.
    score_forward: weights from the loss's own forward pass, or from another one in eval mode.
    weight_warmup: share of the epochs before weights are used.
    """

    alpha: float = Field(default=1.0, ge=0)
    beta: float = Field(default=0.2, ge=0)
    tau: float = Field(default=0.5, gt=0)
    sigma: float = Field(default=ATYPICAL, allow_inf_nan=False)
    sigma_typical: float | None = Field(default=None, allow_inf_nan=False)
    normalize: bool = True
    denominator: Literal["negatives", "with_positive"] = "negatives"
    detach: bool = True
    hard_drop: bool = False
    score_forward: Literal["train", "eval"] = "train"
    weight_warmup: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _consistent(self) -> BATOptions:
        if self.hard_drop and not self.detach:
            raise ValueError("hard_drop needs detach: a weight of 0 has no gradient")
        if self.sigma_typical is not None and self.sigma_typical > self.sigma:
            raise ValueError("sigma_typical must not exceed sigma: no sample can be both typical and atypical")
        return self


class BAT(Method):
    """Reduces the weight of poisoning atypical samples, and separates typical samples of different classes.

    alpha = beta = 0 is PGD adversarial training, bit for bit.
    """

    Options = BATOptions
    options: BATOptions
    needs_scores = True

    @property
    def represents(self) -> bool:
        """True unless the discrimination loss, which uses representations, has weight 0."""
        return self.options.beta > 0

    def phase(self, progress: float) -> bool:
        """Whether weights are not used yet."""
        return progress < self.options.weight_warmup

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:
        """Equation 8: reweighted loss plus beta times the discrimination loss, from one forward pass."""
        options = self.options
        representation = None
        if self.represents:
            representation, logits = model.represent(crafted.adversarial)
        else:
            logits = model(crafted.adversarial)
        each = cross_entropies(logits, batch.labels)
        if self.phase(step.progress):
            loss, measures = step.world.mean(each), {}
        else:
            weights = self._weights(model, batch, crafted, logits)
            loss = step.world.mean(each, weights)
            measures = {"weight": weights.detach().mean(), "poisoning": (weights.detach() < 1).float().mean()}
        if representation is not None:
            bound = options.sigma if options.sigma_typical is None else options.sigma_typical
            representations, labels, mem = map(step.world.gather, (representation, batch.labels, batch.mem))
            discrimination, anchors = discrimination_loss(
                representations, labels, mem <= bound, options.tau, options.normalize, options.denominator
            )
            loss = loss + options.beta * step.world.share(discrimination)
            measures |= {"discrimination": discrimination.detach(), "anchors": anchors}
        return Loss(loss, measures)

    def _weights(self, model: Model, batch: Batch, crafted: Crafted, logits: Tensor) -> Tensor:
        options = self.options
        if options.score_forward == "eval":
            with torch.no_grad(), crafting(model):
                logits = model(crafted.adversarial)
        if options.detach:
            logits = logits.detach()
        alpha = torch.inf if options.hard_drop else options.alpha
        return poisoning_weights(logits, batch.labels, batch.mem > options.sigma, alpha)


def poisoning_scores(logits: Tensor, labels: Tensor) -> Tensor:
    """q [B] (equation 4): the largest probability of a wrong class; 1 where the logits are not finite."""
    largest = log_probabilities(logits).exp().scatter(1, labels[:, None], 0).amax(dim=1)
    return largest.where(logits.isfinite().all(dim=1), 1)


def poisoning_weights(logits: Tensor, labels: Tensor, atypical: Tensor, alpha: float) -> Tensor:
    """w [B] (equation 5): exp(-alpha q) for misclassified atypical samples, 1 for all others."""
    poisoning = atypical & ~is_correct(logits, labels)
    reduced = torch.exp(-alpha * poisoning_scores(logits, labels))
    return torch.where(poisoning, reduced, torch.ones_like(reduced))


def reweighted_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Equation 6: the weighted mean of cross-entropy over the batch."""
    return ALONE.mean(cross_entropies(logits, labels), weights)


def discrimination_loss(
    representation: Tensor,
    labels: Tensor,
    typical: Tensor,
    tau: float,
    normalize: bool = True,
    denominator: Literal["negatives", "with_positive"] = "negatives",
) -> tuple[Tensor, Tensor]:
    """Equation 7 on the typical samples of a batch with representations [B, D], and the share of them that are anchors.

    An anchor has at least one positive (same class, not itself) and one negative (another class). The loss is each
    anchor's mean over its positives, averaged over anchors; 0, with a graph, if there are none.
    """
    count = len(labels)
    # Products of larger entries would overflow.
    representation = representation.to(torch.promote_types(representation.dtype, torch.float32)).clamp(
        -LONGEST, LONGEST
    )
    # Masks instead of indexing: data-dependent shapes would synchronize the device.
    # A zero representation has no direction; normalize() would give it a gradient of 1e12.
    alive = representation.any(dim=1, keepdim=True)
    unit = functional.normalize(representation, dim=1).where(alive, 0) if normalize else representation
    similarity = unit @ unit.T / tau
    both = typical[:, None] & typical[None, :]
    same = labels[:, None] == labels[None, :]
    positive = both & same & ~torch.eye(count, dtype=torch.bool, device=labels.device)
    negative = both & ~same
    anchor = positive.any(dim=1) & negative.any(dim=1)
    pairs = positive & anchor[:, None]
    # The logsumexp of a row without a negative is -inf, and -inf times 0 would be NaN: rows that are no anchors get
    # zeros, and `pairs` takes them out again.
    spread = torch.logsumexp(similarity.masked_fill(~negative, -torch.inf).masked_fill(~anchor[:, None], 0), dim=1)
    terms = spread[:, None] if denominator == "negatives" else torch.logaddexp(spread[:, None], similarity)
    # At least 1 pair: 0 / 0 in rows without one would be NaN too.
    each = ((terms - similarity) * pairs).sum(dim=1) / pairs.sum(dim=1).clamp(min=1)
    anchors = anchor.sum()
    return each.sum() / anchors.clamp(min=1), anchors / typical.sum().clamp(min=1)
