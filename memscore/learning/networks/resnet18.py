"""ResNet-18 for small images."""

from __future__ import annotations

from torch import nn

from memscore.learning.networks.blocks import Residual, ResNet, convolution_norm


class ResNet18(ResNet):
    """Four stages of two basic blocks, widths 64 to 512 (He et al. 2016, table 1), with a 3x3 first convolution.

    If the shape changes, the shortcut is a 1x1 convolution with BatchNorm (option B). 11,173,962 parameters with 3
    channels and 10 classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        blocks: list[nn.Module] = []
        inputs = 64
        for width, first_stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            for stride in (first_stride, 1):
                blocks.append(_block(inputs, width, stride))
                inputs = width
        super().__init__(channels, classes, 64, blocks, inputs)


def _block(inputs: int, width: int, stride: int) -> nn.Sequential:
    branch = nn.Sequential(convolution_norm(inputs, width, stride=stride), nn.ReLU(), convolution_norm(width, width))
    same = inputs == width and stride == 1
    shortcut = None if same else convolution_norm(inputs, width, kernel=1, stride=stride)
    return nn.Sequential(Residual(branch, shortcut), nn.ReLU())
