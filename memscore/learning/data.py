"""A dataset on a device: images or features that stay there, with batching and augmentation on the device."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from memscore.datasets.dataset import Dataset
from memscore.study.randomness import random_words


@dataclass(frozen=True)
class DeviceData:
    """A dataset on a device, for training and test: labels int64 [n] and images uint8 [n, H, W, C], or features [n, d].

    Features are float32.
    """

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int
    device: torch.device

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> DeviceData:
        """Copy a dataset to the device; on a CPU, samples are copied only if they are memory-mapped."""

        def labels(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array.astype(np.int64)).to(device)

        return cls(
            _tensor(dataset.x_train).to(device),
            labels(dataset.y_train),
            _tensor(dataset.x_test).to(device),
            labels(dataset.y_test),
            dataset.classes,
            device,
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a sample as networks see it (`network_shape`)."""
        return network_shape(self.x_train.shape[1:])


def network_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of a sample as networks see it: channels, height and width of an image, or the number of features."""
    if len(shape) == 1:
        return (shape[0],)
    height, width, channels = shape
    return channels, height, width


def pixels(images: Tensor) -> Tensor:
    """Convert images uint8 [B, H, W, C] to float32 [B, C, H, W] in [0, 1], channels last in memory."""
    return images.permute(0, 3, 1, 2).float().div_(255)


def flat_inputs(samples: Tensor) -> Tensor:
    """Convert images uint8 [..., D] to float32 in [0, 1]; features float32 [..., D] stay as they are."""
    return samples.float().div_(255) if samples.dtype == torch.uint8 else samples


class Augmentation:
    """Random shifts of up to `crop` pixels with black edges, and random mirroring, in one gather on the device.

    The draws of an epoch depend only on (`name`, epoch).
    """

    def __init__(self, images: Tensor, crop: int, flip: bool, *name: str | int) -> None:
        self.padded = torch.nn.functional.pad(images, (0, 0, crop, crop, crop, crop))
        self.height, self.width = images.shape[1:3]
        self.crop = crop
        self.flip = flip
        self.name = name
        self.rows = torch.arange(self.height, device=images.device)
        self.columns = torch.arange(self.width, device=images.device)
        self.shifts = torch.empty((2, 0), dtype=torch.int64, device=images.device)
        self.mirrored = torch.empty(0, dtype=torch.bool, device=images.device)

    def draw(self, samples: int, epoch: int) -> None:
        """Draw shifts and mirrorings for the `samples` images of an epoch, in epoch order.

        They overwrite the last epoch's in memory, so that a recorded step reads them.
        """
        words = random_words((3, samples), "augment", *self.name, epoch)
        shifts = (words[:2] % np.uint64(2 * self.crop + 1)).astype(np.int64)
        mirrored = (words[2] >> np.uint64(63)).astype(np.bool_) & self.flip
        self.shifts = _placed(torch.from_numpy(shifts), self.shifts)
        self.mirrored = _placed(torch.from_numpy(mirrored), self.mirrored)

    def batch(self, chosen: Tensor, positions: slice | Tensor) -> Tensor:
        """Augmented images uint8 [B, H, W, C] of the samples `chosen` [B], at these positions in the epoch."""
        down, across = self.shifts[:, positions, None]
        rows = self.rows + down
        turned = torch.where(self.mirrored[positions, None], self.width - 1 - self.columns, self.columns)
        columns = turned + across
        return self.padded[chosen[:, None, None], rows[:, :, None], columns[:, None, :]]


def _placed(values: Tensor, place: Tensor) -> Tensor:
    """The values on the device of `place`, written into `place` if the shape matches."""
    return values.to(place.device) if place.shape != values.shape else place.copy_(values)


def _tensor(samples: np.ndarray) -> Tensor:
    if isinstance(samples, np.memmap):  # a file may be on a slow disk
        return torch.from_numpy(np.array(samples))
    with warnings.catch_warnings():  # Ray shares read-only arrays, which is fine: nothing writes to samples
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(samples)
