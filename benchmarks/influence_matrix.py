"""Compare the influence of all pairs with a bare matrix product: `python benchmarks/influence_matrix.py`.

50,000 training and 10,000 test samples, 2,000 trials. The bare product multiplies float32 matrices that are already in
memory; influence starts from packed bits and turns counts into estimates. Both fill a float32 [50000, 10000]. Best of
two, alternating. On a busy machine the CPU seconds are the fairer ratio. With CUDA, also with the products on the GPU.
`--large` adds the largest rows to the table of sizes (some minutes, 4 GB).
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable

import numpy as np
import psutil
import torch

from benchmarks.machine import header
from benchmarks.made_bits import packed_evidence
from memscore.learning.matmul import torch_matmul
from memscore.statistics.influence import PackedEvidence, find_pairs, influence_matrix

TRIALS, SAMPLES, TEST_SAMPLES, CLASSES = 2000, 50_000, 10_000, 100
MIB = 1 << 20


class Watched:
    """Wall and CPU seconds of a call, and its peak memory above that before, sampled every 5 ms."""

    def __init__(self, call: Callable[[], object]) -> None:
        process = psutil.Process()
        before = peak = process.memory_info().rss
        done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not done.wait(0.005):
                peak = max(peak, process.memory_info().rss)

        watcher = threading.Thread(target=watch)
        watcher.start()
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self.wall, self.cpu = time.perf_counter() - wall, time.process_time() - cpu
        done.set()
        watcher.join()
        self.memory = (peak - before) / MIB


def unpacked(packed: np.ndarray, samples: int) -> np.ndarray:
    """Bits as float32 [t, samples]."""
    return np.unpackbits(packed, axis=1, count=samples).astype(np.float32)


def matrix(evidence: PackedEvidence) -> None:
    """Print the full matrix against a bare product."""
    out = np.zeros((evidence.samples, evidence.test_samples), np.float32)
    membership, correct = (
        unpacked(evidence.membership, evidence.samples),
        unpacked(evidence.test_correct, evidence.test_samples),
    )
    np.matmul(membership[:, :100].T, correct, out=out[:100])
    bare: list[Watched] = []
    ours: list[Watched] = []
    for _ in range(2):
        bare.append(Watched(lambda: np.matmul(membership.T, correct, out=out)))
        ours.append(Watched(lambda: influence_matrix(evidence, out)))
    product, infl = min(bare, key=lambda run: run.wall), min(ours, key=lambda run: run.wall)
    operations = 2 * evidence.trials * evidence.samples * evidence.test_samples
    print(f"  {'':36}{'wall s':>8}{'CPU s':>8}{'MiB without the result':>24}")
    print(f"  bare matrix product                 {product.wall:8.1f}{product.cpu:8.1f}{'':>24}", end="")
    print(f"   {operations / product.wall / 1e9:.0f} GFLOP/s")
    print(f"  influence of all pairs              {infl.wall:8.1f}{infl.cpu:8.1f}{max(r.memory for r in ours):24.0f}")
    if torch.cuda.is_available():
        there = [Watched(lambda: influence_matrix(evidence, out, matmul=torch_matmul("cuda"))) for _ in range(3)]
        run = min(there, key=lambda run: run.wall)
        print(
            f"  the same, products on the GPU       {run.wall:8.1f}{run.cpu:8.1f}{max(r.memory for r in there):24.0f}"
        )
    print(f"  ratio (target: at most 1.3)         {infl.wall / product.wall:8.2f}{infl.cpu / product.cpu:8.2f}")


def classes(samples: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test samples of each class, with classes in rotation."""
    test = SAMPLES_OF_TEST[samples]
    return [(np.arange(label, samples, count), np.arange(label, test, count)) for label in range(count)]


SAMPLES_OF_TEST = {50_000: 10_000, 60_000: 10_000, 1_280_000: 50_000}


def same_class(evidence: PackedEvidence, count: int) -> Watched:
    """Compute the pairs table of all classes: blocks, p-values, q-values, and sorted pairs."""
    mem = np.zeros(evidence.samples)
    groups = classes(evidence.samples, count)
    return Watched(lambda: find_pairs(evidence, mem, at_least=0.15, groups=groups))


def sizes(large: bool) -> None:
    """Print memory and time of same-class pairs for several n, q, T and numbers of classes."""
    print(header("\nSame-class pairs of infl 0.15 or more with q-values, from packed bits"))
    print(f"  {'n':>9}{'q':>8}{'T':>6}{'classes':>9}{'wall s':>9}{'CPU s':>8}{'peak MiB':>10}{'evidence MiB':>14}")
    rows = [(50_000, 500, 100), (50_000, 2000, 100), (50_000, 4000, 100), (50_000, 2000, 10), (60_000, 2000, 10)]
    for samples, trials, count in [*rows, *([(1_280_000, 500, 1000), (1_280_000, 2000, 1000)] if large else [])]:
        evidence = packed_evidence(trials, samples, SAMPLES_OF_TEST[samples])
        run = same_class(evidence, count)
        size = (evidence.membership.nbytes + evidence.test_correct.nbytes) / MIB
        print(
            f"  {samples:9d}{evidence.test_samples:8d}{trials:6d}{count:9d}{run.wall:9.1f}{run.cpu:8.1f}"
            f"{run.memory:10.0f}{size:14.0f}"
        )


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--large", action="store_true", help="ImageNet's sizes too")
    large = arguments.parse_args().large
    print(header(f"Influence of all pairs: {SAMPLES} x {TEST_SAMPLES}, {TRIALS} trials"))
    evidence = packed_evidence(TRIALS, SAMPLES, TEST_SAMPLES)
    matrix(evidence)
    run = same_class(evidence, CLASSES)
    print(
        f"  pairs of {CLASSES} classes, with q-values  {run.wall:8.1f}{run.cpu:8.1f}{run.memory:24.0f}   (target: 2 s)"
    )
    sizes(large)


if __name__ == "__main__":
    main()
