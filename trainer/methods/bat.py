"""Benign Adversarial Training (the paper's section 4, equations 4 to 8)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from memscore.learning.networks import Network
from trainer.attacks import pgd
from trainer.methods.method import Batch, Method


class BAT(Method):
    """Poisoning atypical samples lose weight, and typical samples of different classes are kept apart.

    alpha = beta = 0 is PGD adversarial training, bit for bit.
    """

    needs_scores = True

    def loss(self, network: Network, batch: Batch, generator: torch.Generator) -> Tensor:
        """Equation 8: reweighted loss plus beta times the discrimination loss, from one forward pass."""
        config = self.config
        adversarial = pgd(network, batch.images, batch.labels, config.training_attack, generator)
        representation = network.features(adversarial)
        logits = network.head(representation)
        weights = poisoning_weights(logits, batch.labels, batch.mem > config.sigma, config.alpha)
        loss = reweighted_loss(logits, batch.labels, weights)
        if config.beta:
            typical = batch.mem <= config.sigma
            loss = loss + config.beta * discrimination_loss(representation, batch.labels, typical, config.tau)
        return loss


def poisoning_scores(logits: Tensor, labels: Tensor) -> Tensor:
    """q [B] (equation 4): the largest probability of a wrong class. Carries no gradient."""
    probability = functional.softmax(logits.detach(), dim=1)
    return probability.scatter(1, labels[:, None], 0).amax(dim=1)


def poisoning_weights(logits: Tensor, labels: Tensor, atypical: Tensor, alpha: float) -> Tensor:
    """w [B] (equation 5): exp(-alpha q) for misclassified atypical samples, 1 for all others. No gradient."""
    poisoning = atypical & (logits.detach().argmax(dim=1) != labels)
    reduced = torch.exp(-alpha * poisoning_scores(logits, labels))
    return torch.where(poisoning, reduced, torch.ones_like(reduced))


def reweighted_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Equation 6: the weighted mean of cross-entropy over the batch."""
    each = functional.cross_entropy(logits, labels, reduction="none")
    return (weights * each).sum() / weights.sum()


def discrimination_loss(representation: Tensor, labels: Tensor, typical: Tensor, tau: float) -> Tensor:
    """Equation 7 on the typical samples of a batch, with representations [B, D] scaled to unit length.

    Each anchor's mean over its positives (same class, not itself), then the mean over anchors that have
    one; the denominator runs over the negatives (other classes). Unit length bounds the loss: raw products
    do not. 0, with a graph, where no anchor has both a positive and a negative.
    """
    unit = functional.normalize(representation[typical], dim=1)
    classes = labels[typical]
    similarity = unit @ unit.T / tau
    same = classes[:, None] == classes[None, :]
    positive = same & ~torch.eye(len(classes), dtype=torch.bool, device=same.device)
    positives = positive.sum(dim=1)
    anchor = (positives > 0) & (~same).any(dim=1)
    if not anchor.any():
        return representation.sum() * 0
    similarity, same, positive = similarity[anchor], same[anchor], positive[anchor]
    spread = torch.logsumexp(similarity.masked_fill(same, -torch.inf), dim=1)
    attraction = (similarity * positive).sum(dim=1) / positives[anchor]
    return (spread - attraction).mean()
