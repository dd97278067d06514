"""Scores in a training loop of one's own: weights, a sampler, subsets, and batches that say which samples they hold.

Everything goes by the order of the dataset that the scores were made from, so a dataset is checked against its table.
"""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset, Subset, WeightedRandomSampler

from memscore.arrays import Bools, Float64
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.scores.tables import ScoreTable

MOST_ALPHA = 100.0  # beyond it weights come near the smallest numbers there are


def sample_weights(table: ScoreTable, alpha: float = 1.0, threshold: float | None = None) -> Float64:
    """A weight for each training sample, float64 [n]: exp(-alpha mem), so that memorized samples count less.

    With a `threshold`, exp(-alpha) for samples whose mem lies above it and 1 for all others, as BAT weighs poisoning
    samples. A negative mem, which is noise, counts as 0, and so does an undefined one: nothing speaks against it.
    Raises InvalidInput unless 0 <= alpha <= 100 and the threshold, if there is one, is a number.
    """
    if not 0 <= alpha <= MOST_ALPHA:
        raise InvalidInput(f"alpha must be from 0 to {MOST_ALPHA:g}, not {alpha:g}.")
    if threshold is not None and math.isnan(threshold):
        raise InvalidInput("threshold must be a number, such as 0.15.")
    mem = np.clip(np.nan_to_num(table["mem"].astype(np.float64), nan=0.0), 0.0, 1.0)
    return np.exp(-alpha * (mem if threshold is None else table.atypical(threshold)))


def weighted_sampler(
    table: ScoreTable,
    dataset: Dataset[Any],
    alpha: float = 1.0,
    threshold: float | None = None,
    *,
    samples: int | None = None,
    replacement: bool = True,
    seed: int = 0,
) -> WeightedRandomSampler:
    """Draws samples of the dataset by `sample_weights`, as many as it has unless `samples` says otherwise.

    The order depends on `seed` alone. Raises as `require_same`.
    """
    require_same(table, dataset)
    weights = torch.from_numpy(sample_weights(table, alpha, threshold))
    generator = torch.Generator().manual_seed(seed)
    return WeightedRandomSampler(cast("Any", weights), samples or len(table), replacement, generator)


def subset(dataset: Dataset[Any], mask: Bools) -> Subset[Any]:
    """The samples of the dataset that a mask, bool [n], lets through, in their order. Raises InvalidInput."""
    samples = len(cast("Sized", dataset))
    mask = np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != (samples,):
        raise InvalidInput(
            f"The mask must be bool [{samples}], as the dataset is long; it is {mask.dtype} {mask.shape}."
        )
    return Subset(dataset, np.flatnonzero(mask).tolist())


class IndexedDataset(Dataset[Any]):
    """A dataset whose samples end with their index, so that a batch's scores are `table["mem"][indices]`."""

    def __init__(self, dataset: Dataset[Any], table: ScoreTable | None = None) -> None:
        if table is not None:
            require_same(table, dataset)
        self.dataset = dataset

    def __len__(self) -> int:
        return len(cast("Sized", self.dataset))

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """What the dataset gives for a sample, and its index."""
        sample = self.dataset[index]
        return (*sample, index) if isinstance(sample, tuple) else (sample, index)


def require_same(table: ScoreTable, dataset: Dataset[Any]) -> None:
    """Raises FingerprintMismatch if the table's samples cannot be those of the dataset, in its order.

    A dataset with a `fingerprint` is compared by it; any other by its number of samples and, if it has them, `targets`.
    """
    fingerprint = getattr(dataset, "fingerprint", None)
    if fingerprint is not None:
        table.require_dataset(str(fingerprint), str(getattr(dataset, "source", "yours")))
    samples = len(cast("Sized", dataset))
    if samples != len(table):
        raise FingerprintMismatch(
            f"The scores are of {len(table)} training samples and the dataset has {samples}; use the training set that "
            "they were made from, whole and in its order."
        )
    targets = getattr(dataset, "targets", None)
    if targets is not None and not np.array_equal(np.asarray(targets), table["label"]):
        raise FingerprintMismatch(
            "The dataset has other labels than the scores, or another order; use the training set they were made from."
        )
