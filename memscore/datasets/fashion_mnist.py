"""Fashion-MNIST: 60,000 training and 10,000 test images of ten kinds of clothing, grey, 28x28."""

from __future__ import annotations

from memscore.datasets.dataset import Dataset
from memscore.datasets.idx import load_idx_dataset
from memscore.datasets.options import SourceOptions

CLASS_NAMES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def load_fashion_mnist(options: SourceOptions) -> Dataset:
    """x uint8 [n, 28, 28, 1] in the official order. Raises InvalidDataset if files are missing or damaged."""
    return load_idx_dataset("fashion_mnist", "FashionMNIST", CLASS_NAMES, options)
