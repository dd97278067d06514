"""A small convolutional network for small images."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memscore.learning.networks.network import Network, normalize


class SmallCNN(Network):
    """Three 3x3 convolutions with BatchNorm and ReLU, the last two with stride 2, and global max pooling.

    Widths are `width`, 2 `width`, 4 `width`; the representation has 4 `width` dimensions.
    """

    def __init__(self, channels: int, classes: int, width: int = 16) -> None:
        super().__init__()

        def stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
            convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

        self.stages = nn.Sequential(
            stage(channels, width, 1), stage(width, 2 * width, 2), stage(2 * width, 4 * width, 2)
        )
        self.head = nn.Linear(4 * width, classes)

    def features(self, images: Tensor) -> Tensor:
        """Maxima over the last stage's maps, [B, 4 * width]."""
        return torch.amax(self.stages(normalize(images)), dim=(2, 3))
