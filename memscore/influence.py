"""Influence of pairs: the estimates of blocks, and the pairs worth keeping with their q-values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.statistics import Integers, gap, standard_error

Float32s = npt.NDArray[np.float32]
Columns = dict[str, npt.NDArray[Any]]

CACHED = 1 << 16
"""Pairs that are estimated at once: their float64 intermediates stay in a processor's cache."""


def infl_of(joint: npt.NDArray[np.number], n_in: Integers, test_correct: Integers, trials: int, out: Float32s) -> None:
    """Fill `out` float32 [a, b] with infl from S [a, b], n_in [a] and the column sums y of Y [b].

    (t S - n_in y) / (n_in (t - n_in)): numerator and denominator are integers, so the result has the bits of
    `statistics.influence` in single precision. NaN where a side has no trial.
    """
    step = max(1, CACHED // max(1, joint.shape[1]))
    inside, correct = n_in.astype(np.float64)[:, None], test_correct.astype(np.float64)
    buffer, product = np.empty((2, min(step, len(joint)), joint.shape[1]))
    with np.errstate(invalid="ignore"):
        for first in range(0, len(joint), step):
            rows = slice(first, first + step)
            count = len(joint[rows])
            value, expected = buffer[:count], product[:count]
            value[...] = joint[rows]
            value *= trials
            value -= np.multiply(inside[rows], correct, out=expected)
            value /= inside[rows] * (trials - inside[rows])
            out[rows] = value


def pair_columns(
    train: Integers, test: Integers, joint: Integers, n_in: Integers, test_correct: Integers, trials: int
) -> Columns:
    """train_index, test_index, infl float32 and se of pairs [k], from S [k] and the counts [n] and [q]."""
    inside, correct = n_in[train], test_correct[test]
    sides = joint, inside, correct - joint, trials - inside
    return {
        "train_index": train,
        "test_index": test,
        "infl": gap(*sides).astype(np.float32),
        "se": standard_error(*sides),
    }


def strongest_first(columns: Columns) -> Columns:
    """The rows by falling infl, ties by training and test index."""
    train, test = columns["train_index"].astype(np.int64), columns["test_index"].astype(np.int64)
    by_index = np.argsort(train * (test.max(initial=0) + 1) + test)
    infl = (columns["infl"][by_index] + np.float32(0)).view(np.int32)  # -0 becomes 0
    ascending = np.where(infl < 0, np.int32(-(2**31)) - infl, infl).astype(np.int64)
    key = np.sort((-ascending << 32) + np.arange(len(by_index)))
    order = by_index[key & 0xFFFFFFFF]
    return {name: column[order] for name, column in columns.items()}
