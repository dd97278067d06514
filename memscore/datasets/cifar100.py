"""CIFAR-100: 50,000 training and 10,000 test images of a hundred fine classes, in colour, 32x32."""

from __future__ import annotations

from memscore.datasets.cifar import load_cifar
from memscore.datasets.dataset import Dataset
from memscore.datasets.options import SourceOptions


def load_cifar100(options: SourceOptions) -> Dataset:
    """x uint8 [n, 32, 32, 3] in the official order. Raises InvalidDataset if files are missing or not the published."""
    from torchvision.datasets import CIFAR100

    return load_cifar("cifar100", CIFAR100, options)
