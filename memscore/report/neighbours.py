"""Labels of the nearest typical training images, as a hint at a suspect's correct label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float32, Images, Indices, Samples
from memscore.datasets.dataset import Dataset
from memscore.datasets.resemblance import standardized
from memscore.scores.tables import ScoreTable

NEAREST = 10
"""Images that vote."""

MAJORITY = 6
"""Minimum votes for a label to be suggested."""

TRUSTED = 0.7
"""Minimum accuracy of the vote on test images for its result to count as a hint."""

REFERENCES, TESTED = 10_000, 500
"""Maximum typical training images to choose the nearest from, and test images to check the vote on."""

SIDE = 16
"""Images are averaged to at most this side in pixels before they are compared."""


@dataclass(frozen=True)
class Vote:
    """The most frequent label among the nearest typical images, its votes, and the nearest image with that label."""

    label: int
    votes: int
    nearest: int


@dataclass(frozen=True)
class Votes:
    """The votes for the requested samples; `accuracy` is the share of `tested` test images whose vote is correct."""

    votes: list[Vote]
    accuracy: float
    tested: int

    @property
    def trusted(self) -> bool:
        """Whether pixels distinguish these classes well enough for a hint."""
        return self.accuracy >= TRUSTED


def votes(dataset: Dataset, scores: ScoreTable, asked: Indices) -> Votes | None:
    """Let the nearest typical training images vote on these training samples; None if there are too few typical ones.

    Nearness is the correlation of pixels after averaging to at most SIDE pixels a side, or the cosine of features.
    Samples that were removed on request neither vote nor get votes.
    Without a test part, the vote cannot be checked and is not trusted.
    """
    gone = dataset.forgotten
    references = np.setdiff1d(np.setdiff1d(np.flatnonzero(scores.typical()), asked), gone.train)
    references = _spread(references.astype(np.int64), REFERENCES)
    if len(references) < 2 * NEAREST:
        return None
    vectors, labels = _vectors(dataset.x_train, references), scores["label"][references]
    found = [
        _vote(row, references, labels) if index not in gone.train else Vote(int(scores["label"][index]), 0, index)
        for index, row in zip(asked.tolist(), _nearest(_vectors(dataset.x_train, asked), vectors), strict=True)
    ]
    tested = _spread(np.setdiff1d(np.arange(len(dataset.y_test)), gone.test).astype(np.int64), TESTED)
    if not len(tested):
        return Votes(found, 0.0, 0)
    given = [_vote(row, references, labels).label for row in _nearest(_vectors(dataset.x_test, tested), vectors)]
    return Votes(found, float(np.mean(np.array(given) == dataset.y_test[tested])), len(tested))


def _spread(indices: Indices, most: int) -> Indices:
    """At most `most` of the indices, evenly spread."""
    if len(indices) <= most:
        return indices
    return indices[np.linspace(0, len(indices) - 1, most).astype(np.int64)]


def _vectors(samples: Samples, indices: Indices) -> Float32:
    """Samples as rows of length 1, float32 [k, d]: images averaged and centred, features as they are."""
    if samples.ndim == 2:
        rows = samples[indices].astype(np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-6))
    return _reduced(samples, indices)


def _reduced(images: Images, indices: Indices) -> Float32:
    """Average and standardize images: float32 [k, d]."""
    step = -(-max(images.shape[1:3]) // SIDE)
    height, width = (max(1, side // step) for side in images.shape[1:3])
    rows = np.empty((len(indices), height * width * images.shape[3]), np.float32)
    for row, index in enumerate(indices):
        image = images[index][: height * step, : width * step].astype(np.float32)
        rows[row] = _averaged(image, height, width).ravel()
    return standardized(rows)


def _averaged(image: Float32, height: int, width: int) -> Float32:
    """Average an image [h, w, C] over equal parts: [height, width, C]."""
    parts = image.reshape(height, image.shape[0] // height, width, image.shape[1] // width, image.shape[2])
    return parts.mean(axis=(1, 3))


def _nearest(asked: Float32, references: Float32) -> Indices:
    """Positions of the nearest references of each row, nearest first, int64 [k, NEAREST]."""
    return np.argsort(-(asked @ references.T), axis=1, kind="stable")[:, :NEAREST]


def _vote(nearest: Indices, references: Indices, labels: npt.NDArray[np.int32]) -> Vote:
    """The most frequent label among the nearest; ties go to the label of the nearest image."""
    found = labels[nearest]
    counts = np.bincount(found)
    winner = int(found[np.argmax(counts[found])])
    return Vote(winner, int(counts[winner]), int(references[nearest[np.argmax(found == winner)]]))
