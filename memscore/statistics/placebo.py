"""Placebo pairs: phantom training samples that no model has seen, for a check of the tests of influence.

The memberships of phantoms are drawn by the study's design under another name, so that their influence on any test
sample is exactly 0; everything else, the outcomes and their dependence among each other, is real. What the tests find
among them is false.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memscore.arrays import Bools, Int32, Int64
from memscore.study.randomness import seed_for
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership

LEAST_PAIRS = 1 << 19
"""Placebo pairs are made for classes in order until there are this many, or no more classes."""


def first_classes(sizes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The first of the classes of `sizes` training and test samples, until they have LEAST_PAIRS pairs."""
    chosen: list[tuple[int, int]] = []
    for size in sizes:
        if sum(train * test for train, test in chosen) >= LEAST_PAIRS:
            break
        chosen.append(size)
    return chosen


@dataclass
class PlaceboCounts:
    """Sums for the placebo pairs of the first classes, whose sizes are those of the real ones.

    design: that of the phantoms. sizes: phantoms of each class, m in all. Over all trials, with correctness: n_in int64
    [m], joint int32 [m_c, q_c] of each class. Over trials with margins, with soft correctness: soft_n_in, soft_joint.
    """

    design: Design
    sizes: list[int]
    n_in: Int64
    joint: list[Int32]
    soft_n_in: Int64
    soft_joint: list[Int32]

    @classmethod
    def empty(cls, design: Design, sizes: list[tuple[int, int]]) -> PlaceboCounts | None:
        """The sums over zero trials, for classes of `sizes` training and test samples; None if they are too few."""
        chosen = first_classes(sizes)
        phantoms = sum(train for train, _ in chosen)
        if phantoms < BLOCK:
            return None
        seed = seed_for("placebo", design.seed)
        return cls(
            design.model_copy(update={"seed": seed}),
            [train for train, _ in chosen],
            np.zeros(phantoms, np.int64),
            [np.zeros(size, np.int32) for size in chosen],
            np.zeros(phantoms, np.int64),
            [np.zeros(size, np.int32) for size in chosen],
        )

    def membership(self, numbers: Int64) -> Bools:
        """Which phantoms the trials with these numbers [t] would have trained on, bool [t, m]."""
        blocks = numbers // BLOCK
        drawn = {int(block): block_membership(self.design, len(self.n_in), int(block)) for block in np.unique(blocks)}
        return np.stack([drawn[int(number // BLOCK)][number % BLOCK] for number in numbers])

    def __add__(self, other: PlaceboCounts) -> PlaceboCounts:
        return PlaceboCounts(
            self.design,
            self.sizes,
            self.n_in + other.n_in,
            [mine + theirs for mine, theirs in zip(self.joint, other.joint, strict=True)],
            self.soft_n_in + other.soft_n_in,
            [mine + theirs for mine, theirs in zip(self.soft_joint, other.soft_joint, strict=True)],
        )
