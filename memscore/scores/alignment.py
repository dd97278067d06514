"""Aligns the scores of two datasets that share training samples, such as a dataset and its corrected version."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Indices, Labels, Samples
from memscore.counted import counted
from memscore.errors import FingerprintMismatch
from memscore.scores.tables import ScoreTable

LEAST_SHARED = 0.5
"""Least share of the smaller dataset's training samples that both must have."""


@dataclass(frozen=True)
class Alignment:
    """Where the training samples of dataset a are in dataset b.

    places int64 [n of a]: the index in b, -1 for a sample that b does not have. relabelled: how many of the shared
    samples have another label in b. of_a, of_b: the number of training samples.
    """

    places: Indices
    relabelled: int
    of_a: int
    of_b: int

    @property
    def shared(self) -> int:
        """The number of samples in both."""
        return int((self.places >= 0).sum())

    @property
    def note(self) -> str:
        """What is compared, in a sentence."""
        others = "have" if self.relabelled != 1 else "has"
        return (
            f"The studies are of different datasets: {counted(self.shared, 'training sample')} "
            f"{'is' if self.shared == 1 else 'are'} in both, {self.relabelled:,} of which {others} another label in b; "
            f"a has {counted(self.of_a - self.shared, 'other')}, and b {self.of_b - self.shared:,}."
        )

    def table(self, scores: ScoreTable, fingerprint: str) -> ScoreTable:
        """A table of b with its rows in the order of a, as one of a's dataset; samples that b lacks have no score."""
        missing = self.places < 0
        columns = dict[str, npt.NDArray[Any]]()
        for name, values in scores.columns.items():
            if name.startswith("test_"):
                columns[name] = values
                continue
            column = values[np.where(missing, 0, self.places)]
            column[missing] = np.nan if column.dtype.kind == "f" else 0
            columns[name] = column
        return ScoreTable.of(columns, {**scores.meta, "fingerprint": fingerprint})


def align(x_a: Samples, y_a: Labels, x_b: Samples, y_b: Labels) -> Alignment:
    """Match training samples that are equal, whatever their labels; of several equal ones, the first with the first.

    x_a [n, ...], x_b [m, ...]; y_a [n], y_b [m]. Raises FingerprintMismatch if the datasets share too few.
    """
    places = np.full(len(x_a), -1, np.int64)
    if x_a.shape[1:] == x_b.shape[1:]:
        waiting: dict[bytes, list[int]] = defaultdict(list)
        for index in range(len(x_b) - 1, -1, -1):
            waiting[_digest(x_b[index])].append(index)
        for index, sample in enumerate(x_a):
            if equal := waiting.get(_digest(sample)):
                places[index] = equal.pop()
    shared = np.flatnonzero(places >= 0)
    if len(shared) < LEAST_SHARED * min(len(x_a), len(x_b)):
        raise FingerprintMismatch(
            f"The studies are of different datasets, which share {counted(len(shared), 'training sample')}; at least "
            "half of the smaller one must be in both."
        )
    relabelled = int((np.asarray(y_a)[shared] != np.asarray(y_b)[places[shared]]).sum())
    return Alignment(places, relabelled, len(x_a), len(x_b))


def _digest(sample: Samples) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(sample).tobytes(), digest_size=16).digest()
