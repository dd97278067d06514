"""Features that tell the labels by themselves, which are often made from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memscore.arrays import Float32, Indices, Labels
from memscore.datasets.wording import listed

FEWEST = 20
"""Samples from which on no feature tells all labels by chance."""
TRIED = 2_000  # samples by which most features are ruled out
COLUMNS = 128  # sorted at once
SHOWN = 5


def telling(features: Float32, labels: Labels, columns: Indices, names: Sequence[str] | None) -> tuple[str, ...]:
    """A note on the features [n, d] of which each alone tells the labels [n] by thresholds, one interval for a class.

    `columns` [d]: the numbers of the features among the columns of the data, whose `names` the note gives.
    """
    if len(labels) < FEWEST:
        return ()
    tried = np.linspace(0, len(labels) - 1, min(TRIED, len(labels))).astype(np.int64)
    found: list[int] = []
    for start in range(0, features.shape[1], COLUMNS):
        part = features[:, start : start + COLUMNS]
        maybe = np.flatnonzero(_tells(part[tried], labels[tried]))
        found += (start + maybe[_tells(part[:, maybe], labels)]).tolist()
    if not found:
        return ()
    numbers = dict.fromkeys(int(columns[one]) for one in found)
    shown = listed([names[one] if names else f"column {one}" for one in numbers], SHOWN)
    return (f"All labels can be told from {shown} alone; leave out what was made from the label.",)


def _tells(features: Float32, labels: Labels) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether, in the order of each feature's values, each class is in one piece, and no value is in two classes."""
    order = np.argsort(features, axis=0, kind="stable")
    values, classes = np.take_along_axis(features, order, axis=0), labels[order]
    changes = classes[1:] != classes[:-1]
    return (changes.sum(axis=0) == len(np.unique(labels)) - 1) & ~(changes & (values[1:] == values[:-1])).any(axis=0)
