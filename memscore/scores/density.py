"""How many training samples have which values of two columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memscore.arrays import Bools, Float64, Int64
from memscore.scores.selection import Column
from memscore.scores.tables import ScoreTable

SIDES: dict[str, str] = {"p_in": "n_in", "p_out": "n_out"}
MOST_SHARES = 100
"""Trials of a side up to which a bin holds one share."""


@dataclass(frozen=True)
class Counted:
    """counts[i][j]: samples in bin i of x and bin j of y, whose edges are ascending; a bin has its upper edge.

    undefined: samples that lack one of the values.
    """

    x: str
    y: str
    x_edges: Float64
    y_edges: Float64
    counts: Int64
    undefined: int


def density(scores: ScoreTable, mask: Bools, columns: tuple[Column, Column], bins: int) -> Counted:
    """Count the samples of mask bool [n] in a grid over two columns."""
    x, y = (scores[one][mask].astype(np.float64) for one in columns)
    defined = ~(np.isnan(x) | np.isnan(y))
    x_edges, y_edges = (_edges(scores, one, bins) for one in columns)
    counts, _, _ = np.histogram2d(x[defined], y[defined], (x_edges, y_edges))
    return Counted(*columns, x_edges, y_edges, counts.astype(np.int64), int((~defined).sum()))


def _edges(scores: ScoreTable, column: Column, bins: int) -> Float64:
    """Edges of the bins of a column. Shares of few trials have a bin each, so that none is cut and none is empty."""
    if column in SIDES:
        trials = int(np.bincount(scores[SIDES[column]]).argmax()) if len(scores) else 0
        if 0 < trials <= MOST_SHARES:
            return (np.arange(trials + 2) - 0.5) / trials
    if column.startswith("mem"):
        return np.linspace(-1, 1, bins + 1)
    if column.startswith("se"):
        largest = float(np.nanmax(scores[column], initial=0))
        return np.linspace(0, largest or 1, bins + 1)
    return np.linspace(0, 1, bins + 1)
