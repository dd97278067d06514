"""A network wrapped for training: with its precision, compiled if configured, and counting its passes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from memscore.learning.networks import Network


@dataclass
class Passes:
    """Number of images that went forward through the network, and of gradients that came back."""

    forwards: int = 0
    backwards: int = 0

    def count(self, images: Tensor, logits: Tensor) -> None:
        """Count the forward pass behind these logits [B, K], and the backward pass if one follows."""
        self.forwards += len(images)
        if logits.requires_grad:
            logits.register_hook(self.count_backward)

    def count_backward(self, gradient: Tensor) -> None:
        """Count a backward pass: a hook on logits [B, K]."""
        self.backwards += len(gradient)

    @contextmanager
    def counting(self, network: nn.Module) -> Generator[None]:
        """Count a network's passes within the block."""

        def count(_: nn.Module, given: tuple[Tensor, ...], logits: Tensor) -> None:
            self.count(given[0], logits)

        handle = network.register_forward_hook(count)
        try:
            yield
        finally:
            handle.remove()


class Model(nn.Module):
    """Maps images [B, C, H, W] in [0, 1] to float32 logits [B, K], with autocast to bfloat16 inside if asked."""

    def __init__(
        self, network: Network, *, autocast: bool = False, compiled: bool = False, passes: Passes | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.autocast = autocast
        self.passes = Passes() if passes is None else passes
        self._answer, self._represent = network.forward, network.represent
        if compiled:
            self._answer = torch.compile(network.forward, dynamic=False)
            self._represent = torch.compile(network.represent, dynamic=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, K]."""
        with self._precision(images):
            logits = self._answer(images)
        logits = logits.float()
        self.passes.count(images, logits)
        return logits

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The penultimate representation [B, D] and the logits [B, K]."""
        with self._precision(images):
            features, logits = self._represent(images)
        logits = logits.float()
        self.passes.count(images, logits)
        return features.float(), logits

    def _precision(self, images: Tensor) -> torch.autocast:
        # Autocast's cache lives for one pass, in which no weight is used twice; a recording must not keep it.
        return torch.autocast(images.device.type, torch.bfloat16, enabled=self.autocast, cache_enabled=False)
