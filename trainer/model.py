"""A network as training sees it: in its precision, compiled if wanted, and with its passes counted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from memscore.learning.networks import Network


@dataclass
class Passes:
    """How many images went forwards through the network, and how many gradients came back."""

    forwards: int = 0
    backwards: int = 0

    def count_backward(self, gradient: Tensor) -> None:
        """A hook on logits [B, K]."""
        self.backwards += len(gradient)


class Model(nn.Module):
    """From images [B, C, H, W] in [0, 1] to logits [B, K], always float32; inside, autocast to bfloat16 if wanted."""

    def __init__(self, network: Network, *, autocast: bool = False, compiled: bool = False) -> None:
        super().__init__()
        self.network = network
        self.autocast = autocast
        self.passes = Passes()
        self._answer, self._represent = network.forward, network.represent
        if compiled:
            self._answer = torch.compile(network.forward, dynamic=False)
            self._represent = torch.compile(network.represent, dynamic=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, K]."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast):
            logits = self._answer(images)
        return self._counted(logits.float())

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The penultimate representation [B, D] and the logits [B, K]."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast):
            features, logits = self._represent(images)
        return features.float(), self._counted(logits.float())

    def _counted(self, logits: Tensor) -> Tensor:
        self.passes.forwards += len(logits)
        if logits.requires_grad:
            logits.register_hook(self.passes.count_backward)
        return logits
