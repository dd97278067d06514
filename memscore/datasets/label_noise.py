"""Planted label errors, for experiments that need to know which labels are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.study.randomness import random_order, random_words


def flip_labels(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Change round(share * n) training labels to another class, chosen uniformly.

    The samples and the new labels are a function of (n, classes, seed); `clean_labels` keeps the original ones.
    Raises InvalidInput unless 0 < share < 1.
    """
    if not 0 < share < 1:
        raise InvalidInput(f"The share of flipped labels must be between 0 and 1, not {share:g}.")
    if dataset.classes < 2:
        raise InvalidInput("Labels can only be flipped if there are at least two classes.")
    if dataset.clean_labels is not None:
        raise InvalidInput("This dataset already has flipped labels.")
    samples = len(dataset.y_train)
    chosen = random_order(samples, "flip", seed)[: round(share * samples)]
    step = 1 + (random_words((samples,), "flip-to", seed)[chosen] % np.uint64(dataset.classes - 1)).astype(np.int32)
    noisy = dataset.y_train.copy()
    noisy[chosen] = (noisy[chosen] + step) % dataset.classes
    source = f"{dataset.source}, {share:g} of the labels flipped with seed {seed}"
    return replace(dataset, y_train=noisy, clean_labels=dataset.y_train, source=source)
