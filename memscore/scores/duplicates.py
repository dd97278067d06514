"""Copies and near-copies among images, by their pixels: of training images in the test set, and within training.

Equal images are found whatever their labels. Near-copies, also mirrored ones, are looked for within a class alone:
their pixels correlate, which a change of brightness or contrast leaves and a shift, crop or rotation does not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np

from memscore.arrays import Float32, Float64, Images, Indices, Labels
from memscore.scores.tables import PairsTable, ScoreTable

ALIKE = 0.995
"""Default of the least correlation of near-copies."""

ROWS = 1_000
"""Images compared with all others of their class at once."""

SIDE = 32
"""Larger images are reduced to at most this side for the first comparison, by the means of blocks."""

SLACK = 0.01
"""How much lower the correlation of reduced images may be, which are then compared in full."""

LIMITS = (
    "Found by pixels: equal images of any classes, and images of one class whose pixels correlate, also mirrored. "
    "Copies that were shifted, cropped or rotated are not found, nor near-copies with different labels."
)

Kind = Literal["equal", "near", "mirrored"]
Split = Literal["train", "test"]


@dataclass(frozen=True)
class Copies:
    """A training image and its copy `other`, a later training image or a test image, with what the trials say.

    correlation of the pixels, of the mirrored image if `kind` is "mirrored". mem of the training image, and
    infl on the test image as far as the pairs table has it; NaN otherwise.
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
    x_train: Images,
    y_train: Labels,
    x_test: Images,
    y_test: Labels,
    *,
    scores: ScoreTable | None = None,
    pairs: PairsTable | None = None,
    alike: float = ALIKE,
) -> list[Copies]:
    """Find copies of training images, test images first, then training images, each by the training image.

    x_train uint8 [n, H, W, C], x_test [q, H, W, C]; alike: the least correlation. Time grows with the square of the
    classes' sizes, memory with ROWS times the largest class.
    """
    found: dict[tuple[Split, int, int], tuple[Kind, float]] = {}
    images: dict[Split, Images] = {"train": x_train, "test": x_test}
    labels: dict[Split, Labels] = {"train": y_train, "test": y_test}
    _equal(images, found)
    for label in np.unique(y_train):
        train = np.flatnonzero(y_train == label)
        for split in images:
            others = train if split == "train" else np.flatnonzero(labels[split] == label)
            _alike(x_train, train, images[split], others, split, alike, found)
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


def _equal(images: dict[Split, Images], found: dict[tuple[Split, int, int], tuple[Kind, float]]) -> None:
    """Add the equal images; of many equal training images, each with the first one."""
    first: dict[bytes, int] = {}
    for split, of_split in images.items():
        for number, image in enumerate(of_split):
            digest = hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()
            if split == "train" and digest not in first:
                first[digest] = number
            elif digest in first:
                found[split, first[digest], number] = "equal", 1.0


def _alike(
    x_train: Images,
    train: Indices,
    x_other: Images,
    others: Indices,
    split: Split,
    alike: float,
    found: dict[tuple[Split, int, int], tuple[Kind, float]],
) -> None:
    """Add the near-copies of the images `train` among `others`, by full correlation of those alike when reduced."""
    if not len(others):
        return
    reduced = _standardized(_reduced(x_other[others]))
    for start in range(0, len(train), ROWS):
        rows = train[start : start + ROWS]
        for mirrored in (False, True):
            mine = x_train[rows]
            products = _standardized(_reduced(mine[:, :, ::-1] if mirrored else mine)) @ reduced.T
            for a, b in zip(*np.nonzero(products >= np.float32(alike - SLACK)), strict=True):
                i, j = int(rows[a]), int(others[b])
                if (split == "train" and j <= i) or (split, i, j) in found:
                    continue
                image = mine[a, :, ::-1] if mirrored else mine[a]
                correlation = _correlation(image, x_other[j])
                if correlation >= alike:
                    found[split, i, j] = ("mirrored" if mirrored else "near"), correlation


def _reduced(images: Images) -> Float32:
    """Images [a, H, W, C] as float32 with sides of at most SIDE: means of blocks; a rest at the edges is left out."""
    height, width = images.shape[1:3]
    down, right = -(-height // SIDE), -(-width // SIDE)
    if down == right == 1:
        return images.astype(np.float32)
    cut = images[:, : height // down * down, : width // right * right]
    blocks = cut.reshape(len(images), height // down, down, width // right, right, -1)
    return blocks.mean(axis=(2, 4), dtype=np.float32)


def _standardized(images: Float32) -> Float32:
    """Rows of mean 0 and length 1, float32 [a, d], whose products are correlations; 0 for uniform images."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.float32(1e-3))


def _correlation(first: Images, second: Images) -> float:
    """The correlation of two images' pixels, from sums of integers: equal on all machines. 0 for a uniform image."""
    a, b = (one.reshape(-1).astype(np.int64) for one in (first, second))
    size = len(a)
    product = size * int(a @ b) - int(a.sum()) * int(b.sum())
    spread = [size * int(one @ one) - int(one.sum()) ** 2 for one in (a, b)]
    if not all(spread):
        return 0.0
    roots: Float64 = np.sqrt(np.array(spread, np.float64))
    return float(product / (roots[0] * roots[1]))


def _influences(pairs: PairsTable) -> dict[tuple[int, int], float]:
    """infl by training and test index."""
    keys = zip(pairs["train_index"].tolist(), pairs["test_index"].tolist(), strict=True)
    return dict(zip(keys, pairs["infl"].tolist(), strict=True))
