"""ResNet-32 from the CIFAR-10 experiments of the ResNet paper."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from memscore.learning.networks.blocks import Residual, ResNet, convolution_norm


class ResNet32(ResNet):
    """Three stages of five basic blocks, widths 16, 32, 64: the 6n + 2 layers of He et al. (2016), section 4.2, n = 5.

    Shortcuts have no parameters (option A). 464,154 parameters with 3 channels and 10 classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        blocks: list[nn.Module] = []
        inputs = 16
        for width in (16, 32, 64):
            for _ in range(5):
                blocks.append(_block(inputs, width))
                inputs = width
        super().__init__(channels, classes, 16, blocks, inputs)


def _block(inputs: int, width: int) -> nn.Sequential:
    stride = 1 if inputs == width else 2
    branch = nn.Sequential(convolution_norm(inputs, width, stride=stride), nn.ReLU(), convolution_norm(width, width))
    return nn.Sequential(Residual(branch, None if inputs == width else _Subsample(width - inputs)), nn.ReLU())


class _Subsample(nn.Module):
    """Keeps every second row and column, and adds `added` maps of zeros, half before and half after (option A)."""

    def __init__(self, added: int) -> None:
        super().__init__()
        self.added = added

    def forward(self, maps: Tensor) -> Tensor:
        before = self.added // 2
        return functional.pad(maps[:, :, ::2, ::2], (0, 0, 0, 0, before, self.added - before))
