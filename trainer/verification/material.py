"""The material for comparing attacks: a network trained on ten patterns, and images that it classifies correctly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from memscore.datasets.dataset import build_dataset
from memscore.learning.correctness import is_correct
from memscore.learning.data import DeviceData, pixels
from memscore.learning.single import train_single
from memscore.study.spec import Recipe
from trainer.attacks import Attack

RECIPE = Recipe(network="cnn", options={"width": 8}, epochs=3, batch_size=32, learning_rate=0.1)
ATTACK = Attack(epsilon=8 / 255, step_size=2 / 255, steps=20, random_start=False)
SAMPLES, CLASSES = 600, 10


@dataclass(frozen=True)
class Material:
    """A network in eval mode, images [B, C, H, W] in [0, 1], labels int64 [B], and the attack to compare."""

    network: nn.Module
    images: Tensor
    labels: Tensor
    attack: Attack = ATTACK

    def first(self, count: int) -> Material:
        """The material with only the first `count` images."""
        return replace(self, images=self.images[:count], labels=self.labels[:count])


def patterns(count: int = 64) -> Material:
    """Colour images of ten noisy patterns, on the CPU; generated deterministically, so no dataset is needed."""
    random = np.random.default_rng(0)
    labels = np.arange(SAMPLES) % CLASSES
    pattern = random.integers(0, 256, (CLASSES, 16, 16, 3))[labels]
    images = ((pattern + random.integers(0, 256, pattern.shape)) // 2).astype(np.uint8)
    test = SAMPLES // 4
    made = build_dataset(images[test:], labels[test:], images[:test], labels[:test], source="made")
    data = DeviceData.of(made, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        network = train_single(data, RECIPE, np.ones(len(data.y_train), np.bool_), ("verification",)).eval()
    inside = pixels(data.x_test).contiguous()
    with torch.no_grad():
        right = is_correct(network(inside), data.y_test).nonzero().flatten()[:count]
    return Material(network, inside[right], data.y_test[right])
