"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of digits or clothing, grey, 28x28."""

from __future__ import annotations

from memscore.datasets.dataset import Dataset
from memscore.datasets.idx import load_idx_dataset
from memscore.datasets.options import SourceOptions

DIGITS = (
    "0 - zero",
    "1 - one",
    "2 - two",
    "3 - three",
    "4 - four",
    "5 - five",
    "6 - six",
    "7 - seven",
    "8 - eight",
    "9 - nine",
)
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def load_mnist(options: SourceOptions) -> Dataset:
    """x uint8 [n, 28, 28, 1] in the official order. Raises InvalidDataset if files are missing or damaged."""
    return load_idx_dataset("mnist", "MNIST", DIGITS, options)


def load_fashion_mnist(options: SourceOptions) -> Dataset:
    """As `load_mnist`, with ten kinds of clothing in place of the digits."""
    return load_idx_dataset("fashion_mnist", "FashionMNIST", CLOTHES, options)
