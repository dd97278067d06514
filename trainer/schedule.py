"""The learning rate of each step."""

from __future__ import annotations

import math
from bisect import bisect_right

from trainer.config import TrainConfig


def learning_rate(config: TrainConfig, epoch: int, passed: float) -> float:
    """The rate in an epoch, counted from 0, after the share `passed` of its steps.

    steps: falls after whole epochs. cosine: falls to 0 along half a cosine wave. cyclic: rises linearly from 0 until
    the share `peak` of training, then falls linearly to 0.
    """
    done = (epoch + passed) / config.epochs
    if config.schedule == "cosine":
        return config.learning_rate * (1 + math.cos(math.pi * done)) / 2
    if config.schedule == "cyclic":
        return config.learning_rate * (done / config.peak if done < config.peak else (1 - done) / (1 - config.peak))
    return config.learning_rate * (1.0, *config.factors)[bisect_right(config.falls, epoch)]
