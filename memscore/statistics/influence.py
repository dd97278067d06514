"""Influence at scale: estimates for blocks of pairs, from counts or from packed bits in bounded memory.

M [t, n] is membership and Y [t, q] correctness on the test samples, packed to a bit per sample. S = M^T Y is
computed block by block in single precision, which is exact below 2**24 trials, so results do not depend on
the block size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Columns, Float64, Int64, UInt8
from memscore.errors import InvalidInput
from memscore.statistics.estimates import gap, standard_error
from memscore.statistics.significance import PairTest
from memscore.study.evidence import Evidence

Float32s = npt.NDArray[np.float32]

Matmul = Callable[[Float32s, Float32s], Float32s]
"""float32 [a, t] times float32 [t, b]: float32 [a, b], exact for factors of 0 and 1."""

CACHED = 1 << 17
"""Pairs estimated at once: their float64 intermediates fit in a processor's cache."""


@dataclass(frozen=True)
class BlockSize:
    """Maximum pairs in a block, and the bytes each takes; larger blocks are no faster."""

    pairs: int
    bytes_a_pair: int


MATRIX_BLOCK = BlockSize(1 << 25, 4)
"""Holds only S, since the rest is computed in cache; threads synchronise less often in a large product."""

PAIRS_BLOCK = BlockSize(1 << 22, 64)
"""Holds S, infl, the pair's cell, and sort keys."""

UNPACKED = 1 << 22
"""Bits reordered or summed at once."""

GIB = 1 << 30

LOW = 0xFFFFFFFF
NO_KEY = np.iinfo(np.int64).min


def infl_of(joint: npt.NDArray[np.number], n_in: Int64, test_correct: Int64, trials: int, out: Float32s) -> None:
    """Fill `out` float32 [a, b] with infl from S [a, b], n_in [a] and the column sums y of Y [b].

    (t S - n_in y) / (n_in (t - n_in)): numerator and denominator are integers, so the float64 quotient is `gap`'s to
    the bit before it is rounded to single precision. NaN where a side has no trial.
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


def pair_columns(train: Int64, test: Int64, joint: Int64, n_in: Int64, test_correct: Int64, trials: int) -> Columns:
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
    """Sort the rows by descending infl, then by training and test index."""
    train, test = columns["train_index"].astype(np.int64), columns["test_index"].astype(np.int64)
    by_index = np.argsort(train * (test.max(initial=0) + 1) + test, kind="stable")  # pairs come in ascending runs
    key = np.sort((-_ascending(columns["infl"][by_index]) << 32) + np.arange(len(by_index)))
    order = by_index[key & LOW]
    return {name: column[order] for name, column in columns.items()}


@dataclass(frozen=True)
class PackedEvidence:
    """The evidence that influence needs: membership uint8 [t, ceil(n / 8)] and test_correct uint8 [t, ceil(q / 8)].

    Rows are packed by np.packbits; n is `samples` and q is `test_samples`.
    """

    membership: UInt8
    test_correct: UInt8
    samples: int
    test_samples: int

    @classmethod
    def of(cls, evidence: Evidence) -> PackedEvidence:
        """Pack evidence."""
        return cls(
            np.packbits(evidence.membership, axis=1),
            np.packbits(evidence.test_correct, axis=1),
            evidence.membership.shape[1],
            evidence.test_correct.shape[1],
        )

    @property
    def trials(self) -> int:
        """The number of trials."""
        return len(self.membership)

    def of_mistakes(self) -> PackedEvidence:
        """The same with mistakes in place of correctness, so that infl has the opposite sign."""
        return PackedEvidence(self.membership, ~self.test_correct, self.samples, self.test_samples)

    def n_in(self) -> Int64:
        """The number of trials that trained on each sample, int64 [n]."""
        return _column_sums(self.membership, self.samples)

    def correct(self) -> Int64:
        """The number of trials that classify each test sample correctly, int64 [q]."""
        return _column_sums(self.test_correct, self.test_samples)


def influence_matrix(evidence: PackedEvidence, out: Float32s, *, matmul: Matmul = np.matmul, memory: int = GIB) -> None:
    """Fill `out` float32 [n, q], an array or memory map, with infl of all pairs (paper, equation 2).

    Rows of samples that were never held out, or never trained on, are NaN. Uses at most about `memory` bytes in
    addition to `out`; `matmul` may run on another device (`memscore.learning.matmul`).
    """
    n_in, correct = evidence.n_in(), evidence.correct()
    everything = slice(0, evidence.samples), slice(0, evidence.test_samples)
    for rows, columns, joint in _blocks(evidence, [everything], matmul, memory, MATRIX_BLOCK):
        infl_of(joint, n_in[rows], correct[columns], evidence.trials, out[rows, columns])


def find_pairs(
    evidence: PackedEvidence,
    mem: Float64,
    *,
    at_least: float | None = None,
    q_at_most: float | None = None,
    top: int | None = None,
    harmful: bool = False,
    groups: list[tuple[Int64, Int64]] | None = None,
    matmul: Matmul = np.matmul,
    memory: int = GIB,
) -> Columns:
    """Find the pairs that meet all given conditions; returns the columns of a pairs table, strongest first.

    at_least: minimum infl, in single precision; q_at_most: maximum false-discovery rate; top: only this many of the
    strongest pairs per test sample, ties to the lower training index. q-values are exact (`PairTest`) over all pairs
    considered: all n x q (scope "all"), or those within `groups` of training and test indices, such as classes.
    mem float64 [n] fills the column `mem`.

    harmful: find the other tail, training samples that make mistakes likelier: infl of at most -`at_least`, the most
    harmful first, with q-values of the one-sided test for harm.

    Uses at most about `memory` bytes, plus the tables of `PairTest`, 8 `top` bytes per test sample and 64 bytes per
    pair found. If q_at_most is the only condition, it makes two passes. Raises InvalidInput without any condition.
    """
    if at_least is None and q_at_most is None and top is None:
        raise InvalidInput("Give a condition for the pairs to find: `at_least`, `q_at_most` or `top`.")
    if groups is None:
        groups = [(np.arange(evidence.samples), np.arange(evidence.test_samples))]
    if harmful:
        evidence = evidence.of_mistakes()
    n_in, correct, trials = evidence.n_in(), evidence.correct(), evidence.trials
    test = PairTest(n_in, correct, trials)
    train, tested, ranges = _line_up([(train[test.defined[train]], columns) for train, columns in groups])
    ordered = PackedEvidence(
        _take(evidence.membership, train), _take(evidence.test_correct, tested), len(train), len(tested)
    )
    floor, most = np.float32(-np.inf if at_least is None else at_least), np.inf if q_at_most is None else q_at_most
    strongest = np.full((len(tested), top or 0), NO_KEY)
    found: list[tuple[Int64, Int64, Int64]] = []
    for rows, columns, joint in _blocks(ordered, ranges, matmul, memory, PAIRS_BLOCK):
        i, j = train[rows], tested[columns]
        test.add(test.cells(joint, i, j))
        if top is None and at_least is None:
            continue
        infl = np.empty(joint.shape, np.float32)
        infl_of(joint, n_in[i], correct[j], trials, infl)
        if top is not None:
            strongest[columns] = _merge(strongest[columns], infl, i)
        else:
            found.append(_select(infl >= floor, i, j, joint))
    q_values = test.q_values()
    if top is not None:
        found.append(_unmerge(strongest, tested, n_in, correct, trials))
    elif at_least is None:
        significant = q_values <= most
        for rows, columns, joint in _blocks(ordered, ranges, matmul, memory, PAIRS_BLOCK):
            i, j = train[rows], tested[columns]
            found.append(_select(significant[test.cells(joint, i, j)], i, j, joint))
    i, j, joints = (np.concatenate([part[k] for part in found] or [np.empty(0, np.int64)]) for k in range(3))
    pairs = pair_columns(i, j, joints, n_in, correct, trials)
    pairs["q_value"] = q_values[test.cells_of(joints, i, j)] if len(i) else np.empty(0)
    pairs["mem"] = mem[i]
    kept = (pairs["infl"] >= floor) & (pairs["q_value"] <= most)
    pairs = strongest_first({name: column[kept] for name, column in pairs.items()})
    if harmful:
        pairs["infl"] = 0 - pairs["infl"]  # not -0, where it is 0
    return pairs


def _blocks(
    evidence: PackedEvidence, ranges: list[tuple[slice, slice]], matmul: Matmul, memory: int, block: BlockSize
) -> Iterator[tuple[slice, slice, Float32s]]:
    """Iterate over S float32 [a, b] of training samples `rows` and test samples `columns`, for all ranges.

    A quarter of the memory holds Y of a block of columns, a quarter a block, a quarter the remains of the last one.
    """
    unpacked = 5 * evidence.trials  # bytes per sample: a byte and a float for each trial
    for all_rows, all_columns in ranges:
        wide = max(1, min(all_columns.stop - all_columns.start, memory // 4 // unpacked))
        high = max(1, min(block.pairs // wide, memory // 4 // (unpacked + block.bytes_a_pair * wide)))
        for left in range(all_columns.start, all_columns.stop, wide):
            columns = slice(left, min(left + wide, all_columns.stop))
            test_correct = _unpack(evidence.test_correct, columns)
            for top in range(all_rows.start, all_rows.stop, high):
                rows = slice(top, min(top + high, all_rows.stop))
                yield rows, columns, matmul(_unpack(evidence.membership, rows).T, test_correct)


def _unpack(packed: UInt8, columns: slice) -> Float32s:
    """The bits of the samples `columns`, float32 [t, b]."""
    first = columns.start // 8
    bits = np.unpackbits(packed[:, first : (columns.stop + 7) // 8], axis=1)
    return bits[:, columns.start - 8 * first : columns.stop - 8 * first].astype(np.float32)


def _take(packed: UInt8, order: Int64) -> UInt8:
    """The bits of the samples `order` [k], repacked: uint8 [t, ceil(k / 8)]."""
    step = max(1, UNPACKED // max(1, 8 * packed.shape[1]))
    parts = [
        np.packbits(np.unpackbits(packed[first : first + step], axis=1)[:, order], axis=1)
        for first in range(0, len(packed), step)
    ]
    return np.concatenate(parts)


def _column_sums(packed: UInt8, samples: int) -> Int64:
    """The number of rows with each sample's bit set, int64 [samples]."""
    step = max(1, UNPACKED // max(1, samples))
    total = np.zeros(samples, np.int64)
    for first in range(0, len(packed), step):
        total += np.unpackbits(packed[first : first + step], axis=1, count=samples).sum(axis=0, dtype=np.int64)
    return total


def _line_up(groups: list[tuple[Int64, Int64]]) -> tuple[Int64, Int64, list[tuple[slice, slice]]]:
    """All training and test indices in group order, and the range of each group."""
    ranges: list[tuple[slice, slice]] = []
    i = j = 0
    for train, test in groups:
        ranges.append((slice(i, i + len(train)), slice(j, j + len(test))))
        i, j = i + len(train), j + len(test)
    empty = np.empty(0, np.int64)
    return np.concatenate([empty, *(g[0] for g in groups)]), np.concatenate([empty, *(g[1] for g in groups)]), ranges


def _select(chosen: npt.NDArray[np.bool_], train: Int64, test: Int64, joint: Float32s) -> tuple[Int64, Int64, Int64]:
    """Training index, test index and S of the chosen pairs of a block."""
    rows, columns = np.nonzero(chosen)
    return train[rows], test[columns], joint[rows, columns].astype(np.int64)


def _ascending(infl: Float32s) -> Int64:
    """Order-preserving integers int64 for infl, of magnitude below 2**31; the float's bits if non-negative."""
    bits = (infl + np.float32(0)).view(np.int32).astype(np.int64)  # -0 becomes 0
    return np.where(bits < 0, -(1 << 31) - bits, bits)  # a float is sign and size: negative ones run backwards


def _merge(strongest: Int64, infl: Float32s, train: Int64) -> Int64:
    """Keep the k largest keys of each test sample, from [b, k] and those of infl [a, b] of training samples [a].

    Keys order by infl, then by descending training index; no two are equal.
    """
    # Both in one integer, so that a partition finds the largest; two columns would have to be sorted.
    keys = (_ascending(infl.T) << 32) + (LOW - train)
    count = strongest.shape[1]
    return np.partition(np.concatenate([strongest, keys], axis=1), -count, axis=1)[:, -count:]


def _unmerge(strongest: Int64, tested: Int64, n_in: Int64, correct: Int64, trials: int) -> tuple[Int64, Int64, Int64]:
    """Training index, test index and S of the pairs behind the keys [q, k] of the test samples `tested` [q]."""
    rows, columns = np.nonzero(strongest != NO_KEY)
    keys = strongest[rows, columns]
    order = keys >> 32  # rounds down, so that the index added to a negative infl drops out too
    infl = np.where(order < 0, -(1 << 31) - order, order).astype(np.int32).view(np.float32).astype(np.float64)
    i, j = LOW - (keys & LOW), tested[rows]
    inside = n_in[i]
    # S is not in the key. Single precision puts infl off by 2**-24 and S by t / 4 times that, so rounding finds it.
    joint = np.rint((infl * inside * (trials - inside) + inside * correct[j]) / trials)
    return i, j, joint.astype(np.int64)
