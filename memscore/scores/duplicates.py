"""Copies and near-copies of training samples, within the training part and in the test part, whatever their labels.

The pixels of near-copies correlate, also after mirroring, which a change of brightness or contrast leaves and a shift,
crop or rotation does not. Near-copies among feature vectors differ by little of their length.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from memscore.arrays import Float32, Float64, Indices, Labels, Samples
from memscore.scores.tables import PairsTable, ScoreTable

LEAST_ALIKE = 0.9
ALIKE = 0.995
"""Default of the least correlation of near-copies."""

LIMITS = (
    "Found by pixels: equal images, and images whose pixels correlate, also mirrored. Copies that were shifted, "
    "cropped or rotated are not found."
)

ROWS = 1_000
"""Samples compared at once with those that may be close enough."""

LEAST_FEATURES = 16
"""With fewer features, different samples may be as close as copies: only equal ones are looked for."""

LIMITS_OF_FEATURES = (
    "Found by features: equal samples, and samples that differ by little of their length, if there are "
    f"{LEAST_FEATURES} features or more. A copy that was changed before its features were computed may not be found."
)

COORDINATES = 64
"""Coordinates by which most pairs are ruled out, since no distance there exceeds the distance of the whole samples."""

SLACK = 1e-4
"""Added to squared distances, which are rounded."""

Kind = Literal["equal", "near", "mirrored"]
Split = Literal["train", "test"]
Found = dict[tuple[Split, int, int], tuple[Kind, float]]
"""Kind and correlation of copies, by the part of the copy, the training sample and the copy."""


@dataclass(frozen=True)
class Copies:
    """A training sample and its copy `other`, a later training sample or a test sample, with what the trials say.

    correlation of the pixels, of the mirrored image if `kind` is "mirrored"; of features a and b, 2ab / (aa + bb). mem
    of the training sample, and infl on the test sample as far as the pairs table has it; NaN otherwise.
    """

    index: int
    split: Split
    other: int
    kind: Kind
    correlation: float
    label: int
    other_label: int
    mem: float
    infl: float


def near_duplicates(
    x_train: Samples,
    y_train: Labels,
    x_test: Samples,
    y_test: Labels,
    *,
    scores: ScoreTable | None = None,
    pairs: PairsTable | None = None,
    alike: float = ALIKE,
    near: bool = True,
    without: tuple[Collection[int], Collection[int]] = ((), ()),
) -> list[Copies]:
    """Find copies of training samples, test samples first, then training samples, each by the training sample.

    x_train: images uint8 [n, H, W, C] or features float32 [n, d]; x_test [q, ...] alike. alike: the least correlation.
    near: also look for copies that are not equal; its time grows with n (n + q). Of equal samples only the first is
    compared with others. without: training and test samples that are not looked at. Memory grows with n + q, and with
    ROWS (n + q).
    """
    found: Found = {}
    samples: dict[Split, Samples] = {"train": x_train, "test": x_test}
    labels: dict[Split, Labels] = {"train": y_train, "test": y_test}
    firsts = _equal(samples, found, dict(zip(("train", "test"), map(frozenset, without), strict=True)))
    if near and (x_train.ndim == 4 or x_train.shape[1] >= LEAST_FEATURES):
        _alike(samples, firsts, alike, found)
    influence = {} if pairs is None else _influences(pairs)
    mem = None if scores is None else scores["mem"]
    return [
        Copies(
            index,
            split,
            other,
            kind,
            correlation,
            int(y_train[index]),
            int(labels[split][other]),
            float("nan") if mem is None else float(mem[index]),
            influence.get((index, other), float("nan")) if split == "test" else float("nan"),
        )
        for (split, index, other), (kind, correlation) in sorted(
            found.items(), key=lambda one: (one[0][0] == "train", one[0][1], one[0][2])
        )
    ]


def _equal(samples: dict[Split, Samples], found: Found, without: Mapping[str, Collection[int]]) -> dict[Split, Indices]:
    """Add the equal samples; of many equal training samples, each with the first one.

    Returns the first of each set of equal samples, for each part, without those left out.
    """
    first: dict[bytes, int] = {}
    firsts: dict[Split, list[int]] = {"train": [], "test": []}
    for split, of_split in samples.items():
        known: set[bytes] = set()
        for number, sample in enumerate(of_split):
            if number in without[split]:
                continue
            digest = hashlib.sha256(np.ascontiguousarray(sample).tobytes()).digest()
            if digest not in known:
                known.add(digest)
                firsts[split].append(number)
            if split == "train" and digest not in first:
                first[digest] = number
            elif digest in first:
                found[split, first[digest], number] = "equal", 1.0
    return {split: np.array(numbers, np.int64) for split, numbers in firsts.items()}


def _alike(samples: dict[Split, Samples], firsts: dict[Split, Indices], alike: float, found: Found) -> None:
    """Add the near-copies."""
    of_images = samples["train"].ndim == 4
    parts: dict[Split, _Points] = {
        split: _Points.of(part, firsts[split]) for split, part in samples.items() if len(part)
    }
    mirrored = _Points.of(samples["train"], firsts["train"], mirrored=True) if of_images else None
    kinds: dict[Kind, _Points] = {"near": parts["train"]}
    if mirrored is not None:
        kinds["mirrored"] = mirrored
    for split, others in parts.items():
        for kind, mine in kinds.items():
            for i, j in _close(mine, others, 2 * (1 - alike) + SLACK):
                if split == "train":
                    i, j = i[i < j], j[i < j]
                new = np.array([(split, a, b) not in found for a, b in zip(i.tolist(), j.tolist(), strict=True)], bool)
                i, j = i[new], j[new]
                if not len(i):
                    continue
                first = samples["train"][i]
                correlations = _correlations(first[:, :, ::-1] if kind == "mirrored" else first, samples[split][j])
                for a, b, value in zip(i.tolist(), j.tolist(), correlations.tolist(), strict=True):
                    if value >= alike:
                        found[split, a, b] = kind, value


@dataclass(frozen=True)
class _Points:
    """Some coordinates [m, k] of samples of length 1, in an orthonormal basis, and the samples' numbers [m].

    Uniform images, and features that are all 0, have no direction and are left out.
    """

    coordinates: Float32
    numbers: Indices

    @classmethod
    def of(cls, samples: Samples, chosen: Indices, *, mirrored: bool = False) -> _Points:
        """The points of chosen samples, or of their mirror images."""
        made: list[Float32] = []
        kept: list[Indices] = []
        for numbers in np.split(chosen, range(ROWS, len(chosen), ROWS)):
            part = samples[numbers].astype(np.float32)
            axes = tuple(range(1, part.ndim))
            if part.ndim == 4:
                part -= part.mean(axis=axes, keepdims=True)
            length = np.sqrt(np.square(part).sum(axis=axes))
            there = length > 1e-3
            part = part[there] / length[there].reshape(-1, *[1] * (part.ndim - 1))
            made.append(_coordinates(part[:, :, ::-1] if mirrored else part))
            kept.append(numbers[there])
        return cls(np.concatenate(made), np.concatenate(kept))


def _coordinates(samples: Float32) -> Float32:
    """Some coordinates of samples: sums of blocks of pixels over the square roots of their sizes, or features."""
    if samples.ndim == 2:
        return samples[:, :COORDINATES]
    height, width, channels = samples.shape[1:]
    side = max(int((COORDINATES / channels) ** 0.5), 1)
    down, right = -(-height // side), -(-width // side)
    cut = samples[:, : height // down * down, : width // right * right]
    blocks = cut.reshape(len(samples), height // down, down, width // right, right, channels)
    sums = blocks.sum(axis=(2, 4))
    return sums.reshape(len(samples), math.prod(sums.shape[1:])) / np.float32((down * right) ** 0.5)


def _close(mine: _Points, others: _Points, most: float) -> Iterator[tuple[Indices, Indices]]:
    """The numbers of all pairs whose squared distance is at most `most`, in portions.

    Both are sorted along the direction in which they differ most, so that few of them need to be compared.
    """
    if not len(mine.numbers) or not len(others.numbers):
        return
    few = others.coordinates[:: max(len(others.numbers) // 4_000, 1)]
    direction = np.linalg.eigh(np.cov(few.T).reshape(few.shape[1], -1))[1][:, -1] if len(few) > 1 else few[0]
    along, along_others = (points.coordinates @ direction.astype(np.float32) for points in (mine, others))
    order, order_of_others = (np.argsort(one, kind="stable") for one in (along, along_others))
    sorted_others = along_others[order_of_others]
    # Products of these rows are squared distances.
    rows = np.column_stack([mine.coordinates, np.square(mine.coordinates).sum(axis=1), np.ones(len(along), np.float32)])
    columns = np.column_stack(
        [-2 * others.coordinates, np.ones(len(along_others), np.float32), np.square(others.coordinates).sum(axis=1)]
    )[order_of_others]
    radius = np.float32(most**0.5 + SLACK)
    for chosen in np.split(order, range(ROWS, len(order), ROWS)):
        low = np.searchsorted(sorted_others, along[chosen[0]] - radius)
        high = np.searchsorted(sorted_others, along[chosen[-1]] + radius, side="right")
        a, b = np.nonzero(rows[chosen] @ columns[low:high].T <= np.float32(most))
        for part in np.split(np.arange(len(a)), range(ROWS, len(a), ROWS)):
            yield mine.numbers[chosen[a[part]]], others.numbers[order_of_others[low + b[part]]]


def _correlations(first: Samples, second: Samples) -> Float64:
    """The correlation of each image with the other one, or of features a and b, 2ab / (aa + bb): float64 [m].

    For images from sums of integers: equal on all machines.
    """
    if first.ndim == 2:
        x, y = first.astype(np.float64), second.astype(np.float64)
        together = np.square(x).sum(axis=1) + np.square(y).sum(axis=1)
        return 2 * (x * y).sum(axis=1) / np.maximum(together, 1e-12)
    a, b = (one.reshape(len(one), -1).astype(np.int64) for one in (first, second))
    size = a.shape[1]
    product = size * (a * b).sum(axis=1) - a.sum(axis=1) * b.sum(axis=1)
    spread = [size * (one * one).sum(axis=1) - one.sum(axis=1) ** 2 for one in (a, b)]
    roots: list[Float64] = [np.sqrt(one.astype(np.float64)) for one in spread]
    return product / np.maximum(roots[0] * roots[1], 1e-12)


def _influences(pairs: PairsTable) -> dict[tuple[int, int], float]:
    """infl by training and test index."""
    keys = zip(pairs["train_index"].tolist(), pairs["test_index"].tolist(), strict=True)
    return dict(zip(keys, pairs["infl"].tolist(), strict=True))
