"""Benjamini-Hochberg with weights, over a histogram of p-values divided by their weights.

With weights of mean 1 that do not depend on the evidence, p / w keeps the false-discovery rate (Genovese, Roeder and
Wasserman, 2006). The histogram's cells are the leading bits of p / w, so that it is at most 0.1 % off, upwards, in
memory that does not grow with the number of pairs.
"""

from __future__ import annotations

import numpy as np

from memscore.arrays import Float64, Int64

_DROPPED = 42  # of the 52 bits of a float64's mantissa: ten remain
_LOWEST = int(np.float64(2.0**-128).view(np.int64)) >> _DROPPED
_CELLS = (int(np.float64(1.0).view(np.int64)) >> _DROPPED) - _LOWEST + 1


class WeightedTest:
    """Counts hypotheses by their weighted p-value; then gives each cell's q-value."""

    def __init__(self) -> None:
        self.count = np.zeros(_CELLS, np.int64)

    @staticmethod
    def cells(p: Float64, weight: Float64) -> Int64:
        """Cells [...] of p-values and weights above 0, which broadcast; those of p / w above 1 share the last."""
        quotient = p / weight
        cells = np.clip(quotient, 2.0**-128, 1.0, out=quotient).view(np.int64)
        cells >>= _DROPPED
        cells -= _LOWEST
        return cells

    @staticmethod
    def at_most(level: float) -> int:
        """The last cell with a p / w of at most this; no other has a q-value of at most it."""
        return (int(np.float64(level).view(np.int64)) >> _DROPPED) - _LOWEST

    def add(self, cells: Int64) -> None:
        """Count hypotheses."""
        np.add.at(self.count, cells.ravel(), 1)

    def q_values(self, hypotheses: int | None = None) -> Float64:
        """q-values [cells], a cell's p / w taken as its upper end; with `hypotheses` in all, uncounted ones have 1."""
        upper = (np.arange(_CELLS, dtype=np.int64) + _LOWEST + 1 << _DROPPED).view(np.float64)
        rank: Int64 = np.cumsum(self.count)
        total = int(rank[-1]) if hypotheses is None else hypotheses
        with np.errstate(divide="ignore"):
            scaled = upper * total / rank
        return np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
