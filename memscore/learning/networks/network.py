"""The interface of all networks: they take images in [0, 1] and normalize them internally."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


def normalize(images: Tensor) -> Tensor:
    """Map pixels from [0, 1] to [-1, 1]; a constant map, so no statistic of held-out samples leaks in."""
    return images * 2 - 1


class Network(nn.Module, ABC):
    """A classifier split into a representation and a linear head."""

    head: nn.Linear

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The penultimate representation [B, D] for images [B, C, H, W] in [0, 1]."""

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The representation [B, D] and the logits [B, classes], in one pass."""
        features = self.features(images)
        return features, self.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] for images [B, C, H, W] in [0, 1]."""
        return self.head(self.features(images))
