"""Building blocks of the convolutional networks; every convolution starts with He's initialization.

Initial weights come from torch's global generator, in order of construction: call `torch.manual_seed` before
building to make them repeatable. Linear heads and BatchNorm keep torch's default initialization.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from memscore.learning.networks.network import Network, normalize


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias that keeps height and width, apart from its stride.

    Weights are normal with standard deviation sqrt(2 / fan-in): He et al. (2015), "Delving Deep into Rectifiers",
    equation 10. An even kernel is not padded.
    """
    padding = kernel // 2 if kernel % 2 else 0
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer


def convolution_norm(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution followed by BatchNorm."""
    return nn.Sequential(convolution(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """shortcut(x) + branch(x), by default x + branch(x)."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, maps: Tensor) -> Tensor:
        """The sum, in the branch's shape."""
        return self.shortcut(maps) + self.branch(maps)


class ResNet(Network):
    """A 3x3 convolution with stride 1, residual blocks, global average pooling, and a linear head.

    The form of He et al. (2016), "Deep Residual Learning for Image Recognition", for images of CIFAR's size: no stride
    and no pooling before the first block. `width` is the width of the first convolution, `dimensions` that of the last
    block.
    """

    def __init__(self, channels: int, classes: int, width: int, blocks: Iterable[nn.Module], dimensions: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(convolution_norm(channels, width), nn.ReLU())
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(dimensions, classes)

    def features(self, images: Tensor) -> Tensor:
        """Means over the last block's maps, [B, dimensions]."""
        return torch.mean(self.blocks(self.stem(normalize(images))), dim=(2, 3))
