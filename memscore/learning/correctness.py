"""Predictions from logits, and their correctness."""

from __future__ import annotations

import torch
from torch import Tensor

ROWS = 1 << 16
"""Samples whose margins are found at a time: the logits of a large dataset would not fit a second time."""


def is_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each row of logits [..., B, K] predicts its label int64 [B]: bool [..., B]; ties go to the lowest class.

    A row that is not finite counts as wrong: argmax would predict class 0.
    """
    return predictions(logits) == labels


def predictions(logits: Tensor) -> Tensor:
    """The predicted class of each row of logits [..., K], int64; -1 for a row that is not finite."""
    return logits.argmax(dim=-1).masked_fill(~logits.isfinite().all(dim=-1), -1)


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """z_y - max over k != y of z_k for logits [..., B, K] and labels int64 [B]: float32 [..., B]."""
    parts = zip(logits.split(ROWS, dim=-2), labels.split(ROWS), strict=True)
    return torch.cat([_margins(some.float(), of) for some, of in parts], dim=-1)


def _margins(logits: Tensor, labels: Tensor) -> Tensor:
    truth = labels.expand(logits.shape[:-1])[..., None]
    others = logits.scatter(-1, truth, float("-inf")).amax(dim=-1)
    return logits.gather(-1, truth)[..., 0] - others
