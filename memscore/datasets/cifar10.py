"""CIFAR-10: 50,000 training and 10,000 test images of ten classes, in colour, 32x32."""

from __future__ import annotations

from memscore.datasets.cifar import load_cifar
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions


def load_cifar10(options: SourceOptions) -> Dataset:
    """x uint8 [n, 32, 32, 3] in the official order. Raises InvalidDataset if files are missing or not the published."""
    from torchvision.datasets import CIFAR10

    return load_cifar("cifar10", CIFAR10, options)
