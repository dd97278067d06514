"""Scores for your own training loop: weights, a sampler, subsets, and batches with the indices of their samples.

All of it relies on the order of the dataset that the scores were made from, so datasets are checked against the table.
"""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset, Subset, WeightedRandomSampler

from memscore.arrays import Bools, Float64
from memscore.counted import counted
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.scores.tables import ScoreTable

MOST_ALPHA = 100.0  # larger values push weights towards the smallest floats


def sample_weights(table: ScoreTable, alpha: float = 1.0, threshold: float | None = None) -> Float64:
    """A weight for each training sample, float64 [n]: exp(-alpha mem), so that memorized samples count less.

    With a `threshold`, exp(-alpha) for samples with mem above it and 1 for all others, as BAT weights poisoning
    samples. Negative mem, which is noise, counts as 0; so does undefined mem, for lack of evidence.
    Raises InvalidInput unless 0 <= alpha <= 100 and the threshold, if given, is a number.
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
    """A sampler that draws by `sample_weights`: `samples` of them, or as many as the dataset has.

    The order depends only on `seed`. Raises the errors of `require_same`.
    """
    require_same(table, dataset)
    weights = torch.from_numpy(sample_weights(table, alpha, threshold))
    generator = torch.Generator().manual_seed(seed)
    return WeightedRandomSampler(cast("Any", weights), samples or len(table), replacement, generator)


def subset(dataset: Dataset[Any], mask: Bools) -> Subset[Any]:
    """The samples of the dataset that a mask, bool [n], selects, in order. Raises InvalidInput for another mask."""
    samples = len(cast("Sized", dataset))
    mask = np.asarray(mask)
    if mask.dtype != np.bool_ or mask.shape != (samples,):
        raise InvalidInput(
            f"The mask must be bool [{samples}], one value for each sample; it is {mask.dtype} {mask.shape}."
        )
    return Subset(dataset, np.flatnonzero(mask).tolist())


class IndexedDataset(Dataset[Any]):
    """A dataset that appends each sample's index, so that a batch's scores are `table["mem"][indices]`."""

    def __init__(self, dataset: Dataset[Any], table: ScoreTable | None = None) -> None:
        if table is not None:
            require_same(table, dataset)
        self.dataset = dataset

    def __len__(self) -> int:
        return len(cast("Sized", self.dataset))

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """The dataset's sample, with its index appended."""
        sample = self.dataset[index]
        return (*sample, index) if isinstance(sample, tuple) else (sample, index)


def require_same(table: ScoreTable, dataset: Dataset[Any]) -> None:
    """Raise FingerprintMismatch unless the table's samples can be those of the dataset, in the same order.

    Compares the dataset's `fingerprint` if it has one, otherwise its number of samples and, if it has them, `targets`.
    """
    fingerprint = getattr(dataset, "fingerprint", None)
    if fingerprint is not None:
        table.require_dataset(str(fingerprint), str(getattr(dataset, "source", "yours")))
    samples = len(cast("Sized", dataset))
    if samples != len(table):
        raise FingerprintMismatch(
            f"The scores cover {counted(len(table), 'training sample')}, but the dataset has {samples}; use the whole "
            "training set that they were made from, in its original order."
        )
    targets = getattr(dataset, "targets", None)
    if targets is not None and not np.array_equal(np.asarray(targets), table["label"]):
        raise FingerprintMismatch(
            "The dataset's labels or their order differ from the scores'; use the training set they were made from."
        )
