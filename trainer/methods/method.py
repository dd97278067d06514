"""What a training method is: from a batch to the loss of one step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from memscore.learning.networks import Network
from trainer.config import TrainConfig


@dataclass(frozen=True)
class Batch:
    """Images [B, C, H, W] in [0, 1], labels int64 [B], and mem float32 [B] (NaN where unknown)."""

    images: Tensor
    labels: Tensor
    mem: Tensor


class Method(ABC):
    """A way to train. `needs_scores` says whether it can do without memorization values."""

    needs_scores = False

    def __init__(self, config: TrainConfig) -> None:
        self.config = config

    @abstractmethod
    def loss(self, network: Network, batch: Batch, generator: torch.Generator) -> Tensor:
        """The scalar loss of one step; `network` is in training mode, `generator` draws random starts."""
