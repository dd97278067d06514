"""ResNet-50 for small images."""

from __future__ import annotations

from torch import nn

from memscore.learning.networks.blocks import Residual, ResNet, convolution_norm


class ResNet50(ResNet):
    """Stages of 3, 4, 6, 3 bottleneck blocks, widths 256 to 2048 (He et al. 2016, table 1), 3x3 first convolution.

    Strides are in the 3x3 convolutions. If the shape changes, the shortcut is a 1x1 convolution with BatchNorm (option
    B). 23,520,842 parameters with 3 channels and 10 classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        blocks: list[nn.Module] = []
        inputs = 64
        for width, count, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
            for number in range(count):
                blocks.append(_block(inputs, width, first_stride if number == 0 else 1))
                inputs = 4 * width
        super().__init__(channels, classes, 64, blocks, inputs)


def _block(inputs: int, width: int, stride: int) -> nn.Sequential:
    branch = nn.Sequential(
        convolution_norm(inputs, width, kernel=1),
        nn.ReLU(),
        convolution_norm(width, width, stride=stride),
        nn.ReLU(),
        convolution_norm(width, 4 * width, kernel=1),
    )
    same = inputs == 4 * width and stride == 1
    shortcut = None if same else convolution_norm(inputs, 4 * width, kernel=1, stride=stride)
    return nn.Sequential(Residual(branch, shortcut), nn.ReLU())
