"""Scores for your own training loop: weights, a sampler, subsets, and batches with the indices of their samples.

All of it relies on the order of the dataset that the scores were made from, so datasets are checked against the table.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset, Subset, WeightedRandomSampler

from memscore.arrays import Bools
from memscore.counted import counted
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.sampling import weights as sample_weights
from memscore.scores.tables import ScoreTable

__all__ = ["IndexedDataset", "require_same", "sample_weights", "subset", "weighted_sampler"]


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
