"""Measure the CPU seconds to build a study's tables: `python benchmarks/score_table.py`.

2,000 trials, 50,000 training and 10,000 test samples of 100 classes. Each step is timed separately with
time.process_time, best of five: the rebuild from counts (both tables, including digests), the score table's part of
it, the counting of a new block, and, once, the counting of all evidence from its packed bits, which a process does
when it starts. One thread for matrix products.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import time
from collections.abc import Callable

import numpy as np

from benchmarks.machine import header
from benchmarks.made_bits import packed_correct, packed_membership
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PAIRS_FLOOR
from memscore.statistics.counts import Counts
from memscore.statistics.estimates import memorization
from memscore.study.evidence import Evidence
from memscore.study.spec import BLOCK

TRIALS, SAMPLES, TEST_SAMPLES, CLASSES = 2000, 50_000, 10_000, 100
REPEATS = 5


def seconds(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least CPU seconds of several calls."""
    taken: list[float] = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return min(taken)


def unpack(packed: np.ndarray, samples: int) -> np.ndarray:
    """Bits as bool [t, samples]."""
    return np.unpackbits(packed, axis=1, count=samples).view(np.bool_)


def count_all(membership: np.ndarray, train: np.ndarray, test: np.ndarray, counts: Counts) -> None:
    """Count packed evidence, 500 trials at a time."""
    for first in range(0, len(membership), 500):
        rows = slice(first, first + 500)
        counts.add(
            Evidence(
                np.arange(first, first + len(membership[rows])),
                unpack(membership[rows], SAMPLES),
                unpack(train[rows], SAMPLES),
                unpack(test[rows], TEST_SAMPLES),
            )
        )


def main() -> None:
    """Print the seconds of each step, and the ratio to rereading the evidence."""
    random = np.random.default_rng(0)
    membership = packed_membership(random, TRIALS, SAMPLES)
    train = packed_correct(random, TRIALS, SAMPLES) | membership  # always right on the subset
    test = packed_correct(random, TRIALS, TEST_SAMPLES)
    train_labels, test_labels = np.arange(SAMPLES) % CLASSES, np.arange(TEST_SAMPLES) % CLASSES
    counts = Counts.empty(train_labels.astype(np.int32), test_labels.astype(np.int32))
    provenance = Provenance("a" * 16, "f" * 64, {}, {})

    print(header(f"Tables of {TRIALS} trials, {SAMPLES} x {TEST_SAMPLES} samples, {CLASSES} classes"))
    whole = seconds(lambda: count_all(membership, train, test, counts), 1)
    rebuild = seconds(lambda: build_tables(counts, provenance))
    scores = seconds(lambda: memorization(counts.statistics))
    block = slice(0, BLOCK)
    added = Counts.empty(counts.train_labels, counts.test_labels)
    add = seconds(lambda: count_all(membership[block], train[block], test[block], added))
    pairs = len(build_tables(counts, provenance)[1])
    same_class = sum(joint.size for joint in counts.joint)
    print(f"  {'step':58}{'CPU s':>8}")
    print(f"  {'rebuild of both tables from counts (target: below 0.2)':58}{rebuild:8.3f}")
    print(f"  {'of that, mem with errors and intervals, all samples':58}{scores:8.3f}")
    print(f"  {'counting one more block of 10 trials':58}{add:8.3f}")
    print(f"  {'counting all trials from packed bits':58}{whole:8.3f}")
    print(f"  a rebuild from counts takes {rebuild / (rebuild + whole):.2f} of one that reads all trials again")
    print(f"  {same_class / 1e6:.1f} million same-class pairs, {pairs:,} of them with infl of {PAIRS_FLOOR} or more")


if __name__ == "__main__":
    main()
