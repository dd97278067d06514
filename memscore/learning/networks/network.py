"""What all networks have in common: images in [0, 1] go in, normalization happens inside."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


def normalize(images: Tensor) -> Tensor:
    """Pixels in [0, 1] to [-1, 1]; a constant map, so that no statistic of a held-out sample enters."""
    return images * 2 - 1


class Network(nn.Module, ABC):
    """A classifier split into a representation and a linear head."""

    head: nn.Linear

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """The penultimate representation [B, D] of images [B, C, H, W] in [0, 1]."""

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The representation [B, D] and the logits [B, classes], from one pass."""
        features = self.features(images)
        return features, self.head(features)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, classes] of images [B, C, H, W] in [0, 1]."""
        return self.head(self.features(images))
