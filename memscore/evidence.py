"""The evidence of a study: for each finished trial its subset and which samples it classified correctly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.bits import Bools, digest, pack, unpack
from memscore.errors import Damaged
from memscore.spec import BLOCK, Design
from memscore.subsets import block_membership


@dataclass(frozen=True)
class Trial:
    """One finished trial, packed as it is stored.

    `subset_digest` is that of the packed membership bits; the membership itself is recomputed from the
    design and compared. Accuracies are shares in [0, 1]; `seconds` is the trial's share of its block.
    """

    number: int
    subset_digest: str
    train_bits: bytes
    test_bits: bytes
    in_accuracy: float
    out_accuracy: float
    test_accuracy: float
    device: str
    code_version: str
    seconds: float

    @property
    def digest(self) -> str:
        """SHA-256 over what was observed (not over when, where or how fast)."""
        return digest(str(self.number).encode(), self.subset_digest.encode(), self.train_bits, self.test_bits)


@dataclass(frozen=True)
class Evidence:
    """Unpacked evidence of t trials on n training and q test samples.

    numbers int64 [t] ascending; membership and train_correct bool [t, n]; test_correct bool [t, q].
    """

    numbers: npt.NDArray[np.int64]
    membership: Bools
    train_correct: Bools
    test_correct: Bools

    @property
    def trials(self) -> int:
        """How many trials the evidence holds."""
        return len(self.numbers)

    def select(self, chosen: npt.NDArray[np.int64] | slice) -> Evidence:
        """The evidence of some of the trials, by position."""
        return Evidence(
            self.numbers[chosen], self.membership[chosen], self.train_correct[chosen], self.test_correct[chosen]
        )


def pack_trial(
    number: int,
    membership: Bools,
    train_correct: Bools,
    test_correct: Bools,
    *,
    device: str,
    code_version: str,
    seconds: float,
) -> Trial:
    """Pack one trial's membership [n], train_correct [n] and test_correct [q]."""
    return Trial(
        number=number,
        subset_digest=digest(pack(membership)),
        train_bits=pack(train_correct),
        test_bits=pack(test_correct),
        in_accuracy=float(train_correct[membership].mean()),
        out_accuracy=float(train_correct[~membership].mean()),
        test_accuracy=float(test_correct.mean()),
        device=device,
        code_version=code_version,
        seconds=seconds,
    )


def unpack_trials(trials: list[Trial], design: Design, train_samples: int, test_samples: int) -> Evidence:
    """Recompute the subsets, check each against its digest, and unpack.

    Raises Damaged if a stored subset is not the one the design gives, or bits have another length.
    """
    trials = sorted(trials, key=lambda trial: trial.number)
    membership = np.empty((len(trials), train_samples), np.bool_)
    train_correct = np.empty((len(trials), train_samples), np.bool_)
    test_correct = np.empty((len(trials), test_samples), np.bool_)
    block, subsets = -1, np.empty((0, 0), np.bool_)
    for row, trial in enumerate(trials):
        if trial.number // BLOCK != block:
            block = trial.number // BLOCK
            subsets = block_membership(design, train_samples, block)
        membership[row] = subsets[trial.number % BLOCK]
        if digest(pack(membership[row])) != trial.subset_digest:
            raise Damaged(f"The stored subset of trial {trial.number} is not the one its design gives.")
        train_correct[row] = unpack(trial.train_bits, train_samples)
        test_correct[row] = unpack(trial.test_bits, test_samples)
    return Evidence(np.array([trial.number for trial in trials], np.int64), membership, train_correct, test_correct)


def evidence_digest(trials: list[Trial]) -> str:
    """One digest for the evidence of a study, independent of the order in which trials finished."""
    return digest(*(trial.digest.encode() for trial in sorted(trials, key=lambda trial: trial.number)))
