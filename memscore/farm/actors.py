"""The Ray actor that trains units: one per slot, alive as long as its job."""

from __future__ import annotations

import ray
import torch

from memscore.datasets.dataset import Dataset
from memscore.evidence import Trial
from memscore.learning.data import DeviceData
from memscore.learning.unit import prepare, train_unit
from memscore.spec import Design, Recipe
from memscore.subsets import Unit


@ray.remote(max_restarts=0)
class UnitTrainer:
    """Holds the dataset on its device and trains one unit at a time, on one thread."""

    def __init__(self, dataset: Dataset, recipe: Recipe, design: Design, probabilities: bool) -> None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        prepare(device)
        self.data = DeviceData.of(dataset, device)
        self.recipe = recipe
        self.design = design
        self.probabilities = probabilities

    def train(self, unit: Unit) -> list[Trial]:
        """The evidence of one unit."""
        return train_unit(self.data, self.recipe, self.design, unit, probabilities=self.probabilities)
