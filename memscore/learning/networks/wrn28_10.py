"""Wide ResNet 28-10."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memscore.learning.networks.blocks import Residual, convolution
from memscore.learning.networks.network import Network, normalize


class WRN28x10(Network):
    """Three stages of four pre-activation blocks, widths 160, 320, 640 (Zagoruyko and Komodakis 2016), without dropout.

    A block that changes the shape applies its first BatchNorm and ReLU to both paths. 36,479,194 parameters with 3
    channels and 10 classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [convolution(channels, 16)]
        inputs = 16
        for width, first_stride in ((160, 1), (320, 2), (640, 2)):
            for number in range(4):
                layers.append(_block(inputs, width, first_stride if number == 0 else 1))
                inputs = width
        self.stages = nn.Sequential(*layers, nn.BatchNorm2d(inputs), nn.ReLU())
        self.head = nn.Linear(inputs, classes)

    def features(self, images: Tensor) -> Tensor:
        """Means of the last stage's maps, [B, 640]."""
        return torch.mean(self.stages(normalize(images)), dim=(2, 3))


def _block(inputs: int, width: int, stride: int) -> nn.Module:
    activation = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
    branch = nn.Sequential(
        convolution(inputs, width, stride=stride), nn.BatchNorm2d(width), nn.ReLU(), convolution(width, width)
    )
    if inputs == width:
        return Residual(nn.Sequential(activation, branch))
    return nn.Sequential(activation, Residual(branch, convolution(inputs, width, kernel=1, stride=stride)))
