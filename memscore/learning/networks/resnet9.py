"""ResNet-9, the network of the CIFAR-10 speed runs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks.blocks import Residual, convolution_norm
from memscore.learning.networks.network import Network, normalize

LARGEST_STEM = 32


class ResNet9(Network):
    """Eight 3x3 convolutions, two pairs of them residual, three 2x2 poolings, global max pooling, and a linear head.

    The architecture is David Page's ("How to Train Your ResNet", 2018), with widths `width`, 2 `width`, 4 `width`,
    8 `width`; unlike his, the head has a bias and logits are not scaled. 6,573,130 parameters with 3 channels and 10
    classes. `stem` is the first convolution's kernel: 3 with stride 1, or an even number of pixels with that stride,
    which makes all later layers cheaper by its square. Pooling rounds up, so 2x2 pixels behind the stem are enough.
    Raises InvalidInput for any other stem.
    """

    def __init__(self, channels: int, classes: int, width: int = 64, stem: int = 3) -> None:
        if stem != 3 and stem not in range(2, LARGEST_STEM + 1, 2):
            raise InvalidInput(
                f"stem must be 3 (3x3, stride 1), or an even number of pixels up to {LARGEST_STEM}, got {stem!r}"
            )
        super().__init__()

        def stage(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(convolution_norm(inputs, outputs, kernel, stride), nn.ReLU())

        def halving(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(stage(inputs, outputs), nn.MaxPool2d(2, ceil_mode=True))

        def residual(maps: int) -> Residual:
            return Residual(nn.Sequential(stage(maps, maps), stage(maps, maps)))

        self.stages = nn.Sequential(
            stage(channels, width, stem, stride=1 if stem == 3 else stem),
            halving(width, 2 * width),
            residual(2 * width),
            halving(2 * width, 4 * width),
            halving(4 * width, 8 * width),
            residual(8 * width),
        )
        self.head = nn.Linear(8 * width, classes)

    def features(self, images: Tensor) -> Tensor:
        """Maxima over the last stage's maps, [B, 8 * width]."""
        return torch.amax(self.stages(normalize(images)), dim=(2, 3))
