"""A dataset prepared for training: on the device, augmented there, with a memorization value for each sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from memscore.arrays import Float32
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.data import Augmentation, DeviceData, pixels
from trainer.config import TrainConfig
from trainer.distributed import ALONE, World
from trainer.methods import Batch
from trainer.samples import SampleSplit, batch_slices, choose_samples, epoch_order


@dataclass(frozen=True)
class Epoch:
    """One epoch's order [m] on the device, and its batches."""

    number: int
    order: Tensor
    slices: list[slice]


class TrainingData:
    """The samples of a run and their batches, determined by (dataset, mem, configuration)."""

    def __init__(
        self, dataset: Dataset, mem: Float32 | None, config: TrainConfig, device: torch.device, world: World = ALONE
    ) -> None:
        if config.needs_scores and mem is None:
            what = f"Training with {config.chooses_by}" if config.chooses_by else f"The method {config.method!r}"
            raise InvalidInput(f"{what} needs memorization scores; pass them with --scores.")
        self.config = config
        self.world = world
        self.device_data = DeviceData.of(dataset, device)
        self.labels = dataset.y_train
        values = np.full(len(self.labels), np.nan, np.float32) if mem is None else np.array(mem, np.float32)
        self.mem = torch.from_numpy(values).to(device)
        self.samples: SampleSplit = choose_samples(self.labels, mem, config)
        self.augmentation = (
            Augmentation(self.device_data.x_train, config.crop, config.flip, "train", config.seed)
            if config.crop or config.flip
            else None
        )

    @property
    def steps(self) -> int:
        """Steps in an epoch."""
        return len(batch_slices(len(self._order(0)), self.config.batch_size, self.world.size))

    @property
    def left_out(self) -> int:
        """Samples that an epoch leaves out, different ones each time: those of a last batch too small to learn from."""
        count = len(self._order(0))
        return count - sum(one.stop - one.start for one in batch_slices(count, self.config.batch_size, self.world.size))

    def epoch(self, number: int) -> Epoch:
        """The order and the augmentation of an epoch, counted from 0."""
        order = self._order(number)
        if self.augmentation is not None:
            self.augmentation.draw(len(order), number)
        slices = batch_slices(len(order), self.config.batch_size, self.world.size)
        return Epoch(number, torch.from_numpy(order).to(self.mem.device), slices)

    def batch(self, epoch: Epoch, number: int) -> Batch:
        """A batch of the epoch; with several processes, this one's part."""
        chosen = self.world.part(epoch.order[epoch.slices[number]])
        start = epoch.slices[number].start + self.world.rank * len(chosen)
        positions = slice(start, start + len(chosen))
        images = (
            self.device_data.x_train[chosen]
            if self.augmentation is None
            else self.augmentation.batch(chosen, positions)
        )
        return Batch(pixels(images), self.device_data.y_train[chosen], self.mem[chosen])

    def splits(self, names: tuple[str, ...]) -> dict[str, tuple[Tensor, Tensor]]:
        """Images uint8 [n, H, W, C] and labels of "validation" or "test", for selection."""
        data = self.device_data
        held = torch.from_numpy(self.samples.validation).to(self.mem.device)
        every = {"validation": (data.x_train[held], data.y_train[held]), "test": (data.x_test, data.y_test)}
        return {name: every[name] for name in names}

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        return epoch_order(self.samples, self.labels, self.config, epoch)
