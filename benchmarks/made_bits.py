"""Synthetic packed evidence of any size for benchmarks: balanced memberships, realistic chances of being right."""

from __future__ import annotations

import numpy as np

from memscore.arrays import UInt8
from memscore.statistics.influence import PackedEvidence
from memscore.study.spec import BLOCK


def packed_membership(random: np.random.Generator, trials: int, samples: int) -> UInt8:
    """Blocks in which every sample is held out three times: uint8 [trials, ceil(samples / 8)]."""
    packed = np.empty((trials, (samples + 7) // 8), np.uint8)
    for first in range(0, trials, BLOCK):
        block = np.ones((BLOCK, samples), np.bool_)
        shift = random.integers(0, BLOCK, samples)
        for held_out in (0, 3, 4):
            block[(shift + held_out) % BLOCK, np.arange(samples)] = False
        packed[first : first + BLOCK] = np.packbits(block, axis=1)
    return packed


def packed_correct(random: np.random.Generator, trials: int, samples: int) -> UInt8:
    """Correctness with a probability for each sample, mostly near 1: uint8 [trials, ceil(samples / 8)]."""
    chance = random.beta(3, 0.6, samples).astype(np.float32)
    rows = [np.packbits(random.random(samples, np.float32) < chance) for _ in range(trials)]
    return np.stack(rows)


def packed_evidence(trials: int, samples: int, test_samples: int) -> PackedEvidence:
    """Evidence for influence."""
    random = np.random.default_rng(0)
    return PackedEvidence(
        packed_membership(random, trials, samples),
        packed_correct(random, trials, test_samples),
        samples,
        test_samples,
    )
