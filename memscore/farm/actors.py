"""The Ray actor that trains blocks: one per slot, alive as long as its job."""

from __future__ import annotations

import ray
import torch

from memscore.datasets.dataset import Dataset
from memscore.evidence import Trial
from memscore.learning.block import DeviceData, train_block
from memscore.spec import Design, Recipe


@ray.remote(num_cpus=1, max_restarts=0)
class BlockTrainer:
    """Holds the dataset on its device and trains one block at a time, on one thread."""

    def __init__(self, dataset: Dataset, recipe: Recipe, design: Design) -> None:
        torch.set_num_threads(1)
        self.data = DeviceData.of(dataset, torch.device("cpu"))
        self.recipe = recipe
        self.design = design

    def train(self, block: int) -> list[Trial]:
        """The evidence of one block."""
        return train_block(self.data, self.recipe, self.design, block)
