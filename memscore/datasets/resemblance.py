"""Similarity of images, by the correlation of their pixels, and of features, by their distance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Float32, Images, Indices, Samples
from memscore.datasets.dataset import Dataset

ROWS = 1_000  # images compared with all others at once


def correlations(first: Images, second: Images) -> Float32:
    """Correlate each image [a, H, W, C] with each [b, H, W, C]: float32 [a, b], from -1 to 1; 0 for a uniform image.

    Invariant to brightness and contrast, but not to a shift of the content.
    """
    return standardized(first) @ standardized(second).T


def closeness(first: Samples, second: Samples) -> Float32:
    """How close samples [a, ...] are to [b, ...]: float32 [a, b], 1 if equal.

    Images by the correlation of their pixels; features a and b by 2 ab / (aa + bb), which is 1 less the squared
    distance over the sum of the squared lengths.
    """
    if first.ndim == 4:
        return correlations(first, second)
    a, b = (part.astype(np.float32) for part in (first, second))
    lengths = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)
    return (2 * a @ b.T / np.maximum(lengths, np.float32(1e-12))).astype(np.float32)


def closest(
    dataset: Dataset, chosen: Indices, of_class: Indices, among: Bools, count: int = 1
) -> tuple[Indices, Float32]:
    """For each training sample `chosen` [n], the most similar ones of class `of_class` [n] within the mask `among`.

    Returns indices and closeness [n, count], most similar first; -1 and -inf if there are fewer. A sample is never
    matched with itself.
    """
    found = np.full((len(chosen), count), -1, np.int64)
    alike = np.full((len(chosen), count), -np.inf, np.float32)
    for one in np.unique(of_class):
        others = np.flatnonzero(among & (dataset.y_train == one))
        wanting = np.flatnonzero(of_class == one)
        for places in np.split(wanting, range(ROWS, len(wanting), ROWS)):
            matrix = closeness(dataset.x_train[chosen[places]], dataset.x_train[others])
            matrix[chosen[places, None] == others] = -np.inf
            best = np.argsort(-matrix, axis=1, kind="stable")[:, :count]
            values = np.take_along_axis(matrix, best, axis=1)
            width = best.shape[1]
            found[places, :width] = np.where(np.isfinite(values), others[best], -1)
            alike[places, :width] = values
    return found, alike


def standardized(images: npt.NDArray[Any]) -> Float32:
    """Flatten images [n, ...] to rows of mean 0 and length 1, float32 [n, d], whose products are correlations."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
