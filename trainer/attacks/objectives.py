"""The objectives that attacks maximize: a value for each sample, from logits [B, K]."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from trainer.attacks.likelihood import cross_entropies, log_probabilities

Objective = Callable[[Tensor], Tensor]
"""From logits [B, K] to the values [B] that the attack maximizes."""


def cross_entropy(labels: Tensor) -> Objective:
    """Cross-entropy with labels int64 [B] (FGSM, PGD)."""
    return lambda logits: cross_entropies(logits, labels)


def margin(labels: Tensor) -> Objective:
    """The largest wrong logit minus the true one, positive where misclassified (Carlini and Wagner 2017)."""
    return lambda logits: margins(logits, labels)


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """max over k != y of z_k, minus z_y, [B]; half precision is widened to float32."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    true = logits.gather(1, labels[:, None]).squeeze(1)
    wrong = logits.scatter(1, labels[:, None], -torch.inf).amax(dim=1)
    return wrong - true


def towards(targets: Tensor) -> Objective:
    """Minus the cross-entropy with classes int64 [B] that the network shall take the images for."""
    return lambda logits: -cross_entropies(logits, targets)


def divergence(clean: Tensor) -> Objective:
    """KL(clean || softmax(logits)) from clean probabilities [B, K], computed once (TRADES, equation 3)."""
    clean = clean.detach()
    return lambda logits: functional.kl_div(log_probabilities(logits), clean, reduction="none").sum(dim=1)
