"""What attacks are compared on: a network that has learned the digits, and images that it gets right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from memscore.datasets import load_source
from memscore.learning.data import DeviceData, pixels
from memscore.learning.single import train_single
from memscore.spec import Recipe
from trainer.attacks import Attack

RECIPE = Recipe(network="cnn", options={"width": 8}, epochs=3, batch_size=64, learning_rate=0.1)
ATTACK = Attack(epsilon=0.1, step_size=0.025, steps=20, random_start=False)


@dataclass(frozen=True)
class Material:
    """A network in eval mode, images [B, C, H, W] in [0, 1], labels int64 [B], and the attack to compare."""

    network: nn.Module
    images: Tensor
    labels: Tensor
    attack: Attack = ATTACK


def digits(count: int = 64) -> Material:
    """The first test digits that a small network gets right, on the CPU; the same each time."""
    data = DeviceData.of(load_source("digits"), torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        network = train_single(data, RECIPE, np.ones(len(data.y_train), np.bool_), ("verification",)).eval()
    images = pixels(data.x_test).contiguous()
    with torch.no_grad():
        right = (network(images).argmax(dim=1) == data.y_test).nonzero().flatten()[:count]
    return Material(network, images[right], data.y_test[right])
