"""Several MLPs of the same shape as one batched module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from memscore.learning.networks.mlp import MLP
from memscore.learning.networks.network import normalize


class StackedMLP(nn.Module):
    """K independent MLPs with batched matrix products.

    Weights are [K, inputs, outputs] and biases [K, 1, outputs] per layer. Images are normalized; `features` are not.
    """

    def __init__(self, weights: Iterable[Tensor], biases: Iterable[Tensor], *, features: bool = False) -> None:
        super().__init__()
        self.weights = nn.ParameterList(weights)
        self.biases = nn.ParameterList(biases)
        self.of_features = features

    @classmethod
    def initial(
        cls, models: int, inputs: int, hidden: tuple[int, ...], classes: int, seed: int, *, features: bool = False
    ) -> StackedMLP:
        """Models before training; the initialization of model k depends only on (seed, k)."""
        members = [
            MLP((inputs,), hidden, classes, torch.Generator().manual_seed((seed + k) % 2**63)) for k in range(models)
        ]
        layers = [[*member.layers, member.head] for member in members]
        return cls(
            [torch.stack([layer.weight.detach().T for layer in same]) for same in zip(*layers, strict=True)],
            [torch.stack([layer.bias.detach()[None] for layer in same]) for same in zip(*layers, strict=True)],
            features=features,
        )

    @classmethod
    def joined(cls, stacks: Sequence[StackedMLP]) -> StackedMLP:
        """Copies of all models of these stacks, in order, as one stack."""
        if len(stacks) == 1:
            return stacks[0]
        weights = zip(*(one.weights for one in stacks), strict=True)
        biases = zip(*(one.biases for one in stacks), strict=True)
        return cls(map(_together, weights), map(_together, biases), features=stacks[0].of_features)

    def part(self, first: int, models: int) -> StackedMLP:
        """Copies of `models` of the models, from the `first` on."""
        chosen = slice(first, first + models)
        return StackedMLP(
            [one.detach()[chosen].clone() for one in self.weights],
            [one.detach()[chosen].clone() for one in self.biases],
            features=self.of_features,
        )

    @property
    def models(self) -> int:
        """The number of models."""
        return len(self.biases[0])

    def forward(self, samples: Tensor) -> Tensor:
        """Logits [K, B, classes] for flattened images in [0, 1], or features, [K, B, inputs], one batch per model."""
        return self.classify(self.normalized(samples))

    def normalized(self, samples: Tensor) -> Tensor:
        """What the first layer gets for flattened images in [0, 1], or features."""
        return samples if self.of_features else normalize(samples)

    def classify(self, normalized: Tensor) -> Tensor:
        """Logits [K, B, classes] for `normalized` samples [K, B, inputs]."""
        return torch.baddbmm(self.biases[-1], self._hidden(normalized), self.weights[-1])

    def features(self, samples: Tensor) -> Tensor:
        """The last hidden layer's activations [K, B, D], or the normalized samples of a model without one."""
        return self._hidden(self.normalized(samples))

    def _hidden(self, hidden: Tensor) -> Tensor:
        for weight, bias in list(zip(self.weights, self.biases, strict=True))[:-1]:
            hidden = torch.relu(torch.baddbmm(bias, hidden, weight))
        return hidden


def _together(layers: Sequence[Tensor]) -> Tensor:
    return torch.cat([one.detach() for one in layers])
