"""A fully connected network with ReLU."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from memscore.learning.networks.network import Network, normalize


def layer_widths(shape: tuple[int, ...], hidden: tuple[int, ...], classes: int) -> list[int]:
    """The widths of all layers for samples of the given shape."""
    return [math.prod(shape), *hidden, classes]


class MLP(Network):
    """Flattened image or features, hidden layers with ReLU, linear head; He initialization, biases 0.

    `shape` is the shape of one image in any axis order, or (d,) for features, which are not normalized here;
    `generator` makes the initialization repeatable.
    """

    def __init__(
        self, shape: tuple[int, ...], hidden: tuple[int, ...], classes: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.of_features = len(shape) == 1
        widths = layer_widths(shape, hidden, classes)
        self.layers = nn.ModuleList(_linear(a, b) for a, b in pairwise(widths[:-1]))
        self.head = _linear(widths[-2], widths[-1])
        for layer in [*self.layers, self.head]:
            assert isinstance(layer, nn.Linear)
            gain = 1.0 if layer is self.head else 2.0
            nn.init.normal_(layer.weight, std=math.sqrt(gain / layer.in_features), generator=generator)
            nn.init.zeros_(layer.bias)

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer's activations [B, hidden[-1]]."""
        hidden = images if self.of_features else normalize(images).flatten(1)
        for layer in self.layers:
            hidden = torch.relu(layer(hidden))
        return hidden


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer without torch's initialization, which would draw from the global generator."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    assert isinstance(layer, nn.Linear)
    return layer
