"""Several MLPs of the same shape as one batched module."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memscore.learning.networks.mlp import MLP
from memscore.learning.networks.network import normalize


class StackedMLP(nn.Module):
    """K independent MLPs with batched matrix products; model k's initialization depends only on (seed, k).

    Weights are [K, inputs, outputs] and biases [K, 1, outputs] per layer. Images are normalized; `features` are not.
    """

    def __init__(
        self, models: int, inputs: int, hidden: tuple[int, ...], classes: int, seed: int, *, features: bool = False
    ) -> None:
        super().__init__()
        self.models = models
        self.of_features = features
        members = [
            MLP((inputs,), hidden, classes, torch.Generator().manual_seed((seed + k) % 2**63)) for k in range(models)
        ]
        layers = [[*member.layers, member.head] for member in members]
        self.weights = nn.ParameterList(
            torch.stack([layer.weight.detach().T for layer in same]) for same in zip(*layers, strict=True)
        )
        self.biases = nn.ParameterList(
            torch.stack([layer.bias.detach()[None] for layer in same]) for same in zip(*layers, strict=True)
        )

    def forward(self, samples: Tensor) -> Tensor:
        """Logits [K, B, classes] for flattened images in [0, 1], or features, [K, B, inputs], one batch per model."""
        return torch.baddbmm(self.biases[-1], self.features(samples), self.weights[-1])

    def features(self, samples: Tensor) -> Tensor:
        """The last hidden layer's activations [K, B, D], or the normalized samples of a model without one."""
        hidden = samples if self.of_features else normalize(samples)
        for weight, bias in list(zip(self.weights, self.biases, strict=True))[:-1]:
            hidden = torch.relu(torch.baddbmm(bias, hidden, weight))
        return hidden
