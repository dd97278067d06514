"""Which samples a classifier gets right."""

from __future__ import annotations

from torch import Tensor


def is_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Which rows of logits [..., B, K] are right about labels int64 [B], bool [..., B]; ties go to the lowest class.

    A row that is not finite is wrong: argmax would call it class 0.
    """
    return predictions(logits) == labels


def predictions(logits: Tensor) -> Tensor:
    """The predicted class of each row of logits [..., K], int64; -1 where a row is not finite."""
    return logits.argmax(dim=-1).masked_fill(~logits.isfinite().all(dim=-1), -1)
