"""Log-probabilities of any finite logits, in at least single precision, with finite values and gradients."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

LEAST = -1e20
"""The lowest log-probability: products and sums with it stay finite in single precision, and 0 times it is 0."""


def log_probabilities(logits: Tensor) -> Tensor:
    """log softmax [B, K] of logits [B, K]; half precision is widened to float32, double precision stays."""
    found = functional.log_softmax(logits.to(torch.promote_types(logits.dtype, torch.float32)), dim=1)
    # Through .data, autograd does not see the floor, so an outlier keeps the gradient that clamp() would zero.
    found.data.clamp_(min=LEAST)
    return found


def cross_entropies(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy [B] of logits [B, K] with labels int64 [B]."""
    return functional.nll_loss(log_probabilities(logits), labels, reduction="none")
