"""Accuracy on corrupted test images in the layout of CIFAR-10-C and CIFAR-100-C (Hendrycks and Dietterich 2019).

A folder has labels.npy and for each corruption NAME.npy, uint8 [5 q, H, W, C]: the q test images in their order, at
severity 1, then 2, to 5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from memscore.arrays import Bools
from memscore.errors import InvalidInput
from memscore.files import reason
from memscore.learning.memory import Batches
from memscore.statistics.estimates import Z_95
from trainer.evaluation.accuracy import correct
from trainer.evaluation.journal import Journal
from trainer.evaluation.table import Accuracy

SEVERITIES = 5
LABELS = "labels.npy"
ALL = "all"
"""The name of all corruptions together."""


@dataclass(frozen=True)
class Corruptions:
    """The files of a folder, which fit a test part of `samples` images."""

    files: tuple[Path, ...]
    samples: int

    @classmethod
    def of(cls, folder: Path, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Corruptions:
        """The corrupted images in a folder, checked against the test images uint8 [q, H, W, C] and labels [q].

        Raises InvalidInput with one sentence if there are none, or if they belong to other images.
        """
        if not folder.is_dir():
            raise InvalidInput(
                f"There is no folder {folder}; --corruptions takes one with {LABELS} and NAME.npy files."
            )
        if images.ndim != 4:
            raise InvalidInput("--corruptions is for images; this dataset has features.")
        given = _array(folder / LABELS)
        times = len(given) // len(labels) if given.ndim == 1 and len(labels) else 0
        if times not in (1, SEVERITIES) or not np.array_equal(given, np.tile(labels, times)):
            raise InvalidInput(
                f"{folder / LABELS} does not have the labels of the {len(labels):,} test samples in their order; add "
                "the dataset from its official files, with all classes."
            )
        files = tuple(path for path in sorted(folder.glob("*.npy")) if path.name != LABELS)
        if not files:
            raise InvalidInput(f"{folder} has no corrupted images; give a folder with NAME.npy files beside {LABELS}.")
        wanted = (SEVERITIES * len(labels), *images.shape[1:])
        for path in files:
            array = _array(path)
            if array.shape != wanted or array.dtype != np.uint8:
                raise InvalidInput(f"{path} has {array.dtype} {list(array.shape)} in place of uint8 {list(wanted)}.")
        return cls(files, len(labels))


@dataclass(frozen=True)
class CorruptionRow:
    """Accuracy on a group of test samples under one corruption at one severity, or on average over all of them.

    The interval of an average counts each sample once: its shares under several corruptions are not independent.
    """

    corruption: str
    severity: int | None
    group: str
    accuracy: Accuracy

    def flat(self) -> dict[str, Any]:
        """One value for each column, for CSV and JSON."""
        accuracy = self.accuracy
        return {
            "corruption": self.corruption,
            "severity": self.severity,
            "group": self.group,
            "count": accuracy.count,
            "accuracy": accuracy.share,
            "low": accuracy.low,
            "high": accuracy.high,
        }


def corrupted(
    network: nn.Module,
    corruptions: Corruptions,
    labels: torch.Tensor,
    groups: Mapping[str, Bools],
    journal: Journal,
    memory: Batches,
    advance: Callable[[int, str], None],
) -> list[CorruptionRow]:
    """Classify all corrupted images; groups are masks [q] of the test samples, labels int64 [q] on the device."""
    right = {
        path.stem: _right(network, path, corruptions, labels, journal, memory, advance) for path in corruptions.files
    }
    rows = [_average(ALL, np.concatenate(list(right.values())), group, mask) for group, mask in groups.items()]
    for name, by_severity in right.items():
        for group, mask in groups.items():
            rows.append(_average(name, by_severity, group, mask))
            for severity, found in enumerate(by_severity, start=1):
                accuracy = Accuracy.of(int(found[mask].sum()), int(mask.sum()))
                rows.append(CorruptionRow(name, severity, group, accuracy))
    return rows


def _right(
    network: nn.Module,
    path: Path,
    corruptions: Corruptions,
    labels: torch.Tensor,
    journal: Journal,
    memory: Batches,
    advance: Callable[[int, str], None],
) -> Bools:
    """Which images of a file are classified correctly, [5, q], from the journal if they were before."""
    name = f"corruption {path.stem}"
    found: list[Bools] = []
    for severity in range(SEVERITIES):
        part = _array(path)[severity * corruptions.samples : (severity + 1) * corruptions.samples]
        unit = f"{name}, severity {severity + 1}, {hashlib.sha256(np.ascontiguousarray(part).data).hexdigest()[:16]}"
        kept = journal.get(unit)
        if kept is None:
            images = torch.from_numpy(np.array(part)).to(labels.device)
            kept = {"correct": correct(network, images, labels, memory=memory)}
            journal.add(unit, kept)
        found.append(kept["correct"].astype(np.bool_))
        advance(corruptions.samples, name)
    return np.stack(found)


def _average(name: str, right: Bools, group: str, mask: Bools) -> CorruptionRow:
    """The mean of right [k, q] over a group, with an interval over its samples."""
    shares = right[:, mask].mean(axis=0)
    if not len(shares):
        return CorruptionRow(name, None, group, Accuracy.of(0, 0))
    mean = float(shares.mean())
    if len(shares) == 1 or not 0 < mean < 1:
        return CorruptionRow(name, None, group, Accuracy.of(round(mean * len(shares)), len(shares)))
    half = Z_95 * float(shares.std(ddof=1)) / len(shares) ** 0.5
    return CorruptionRow(name, None, group, Accuracy(len(shares), mean, max(0.0, mean - half), min(1.0, mean + half)))


def _array(path: Path) -> npt.NDArray[Any]:
    """A memory-mapped array. Raises InvalidInput."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InvalidInput(
            f"There is no file {path}; --corruptions takes a folder in the layout of CIFAR-10-C."
        ) from error
    except (OSError, ValueError, EOFError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise InvalidInput(f"{path} is not an array that numpy.save wrote ({why}).") from error
