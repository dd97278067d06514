"""PGD adversarial training (Madry et al., 2018)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from memscore.learning.networks import Network
from trainer.attacks import pgd
from trainer.methods.method import Batch, Method


class PGD(Method):
    """Mean cross-entropy on adversarial images."""

    def loss(self, network: Network, batch: Batch, generator: torch.Generator) -> Tensor:
        """Scalar loss."""
        adversarial = pgd(network, batch.images, batch.labels, self.config.training_attack, generator)
        return functional.cross_entropy(network(adversarial), batch.labels, reduction="none").mean()
