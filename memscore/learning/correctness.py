"""Predictions from logits, and their correctness."""

from __future__ import annotations

from torch import Tensor


def is_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each row of logits [..., B, K] predicts its label int64 [B]: bool [..., B]; ties go to the lowest class.

    A row that is not finite counts as wrong: argmax would predict class 0.
    """
    return predictions(logits) == labels


def predictions(logits: Tensor) -> Tensor:
    """The predicted class of each row of logits [..., K], int64; -1 for a row that is not finite."""
    return logits.argmax(dim=-1).masked_fill(~logits.isfinite().all(dim=-1), -1)
