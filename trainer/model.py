"""A network as training sees it: in its precision, compiled if wanted, and with its passes counted."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from memscore.learning.networks import Network


@dataclass
class Passes:
    """How many images went forwards through the network, and how many gradients came back."""

    forwards: int = 0
    backwards: int = 0

    def count(self, images: Tensor, logits: Tensor) -> None:
        """A pass that made these logits [B, K], and the one back if there is one."""
        self.forwards += len(images)
        if logits.requires_grad:
            logits.register_hook(self.count_backward)

    def count_backward(self, gradient: Tensor) -> None:
        """A hook on logits [B, K]."""
        self.backwards += len(gradient)

    @contextmanager
    def counting(self, network: nn.Module) -> Generator[None]:
        """Count what goes through a network within the block."""

        def count(_: nn.Module, given: tuple[Tensor, ...], logits: Tensor) -> None:
            self.count(given[0], logits)

        handle = network.register_forward_hook(count)
        try:
            yield
        finally:
            handle.remove()


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
        logits = logits.float()
        self.passes.count(images, logits)
        return logits

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The penultimate representation [B, D] and the logits [B, K]."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast):
            features, logits = self._represent(images)
        logits = logits.float()
        self.passes.count(images, logits)
        return features.float(), logits
