"""The evidence of a study: each finished trial's subset, and which samples it classified correctly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools
from memscore.errors import Damaged
from memscore.study.bits import digest, pack, unpack
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership

MISMATCH = "does not match its digest"


@dataclass(frozen=True)
class Trial:
    """One finished trial, in its packed storage form.

    `subset_digest` is the digest of the packed membership bits; the membership itself is recomputed from the
    design and compared. Accuracies are shares in [0, 1]; `seconds` is the trial's share of its block's time.
    Probabilities of the true class are present if requested: a byte per sample, 255 for 1.
    `network` is the signature of the trained network (`memscore.study.signatures`), None in older evidence.
    A full trial trains on every sample: its `out_accuracy` is None, and full trials are numbered separately.
    """

    number: int
    subset_digest: str
    train_bits: bytes
    test_bits: bytes
    in_accuracy: float
    out_accuracy: float | None
    test_accuracy: float
    device: str
    code_version: str
    seconds: float
    train_probability: bytes | None = None
    test_probability: bytes | None = None
    network: str | None = None

    @property
    def full(self) -> bool:
        """Whether the trial trained on every sample."""
        return self.out_accuracy is None

    @property
    def digest(self) -> str:
        """SHA-256 over the trial's results, without time, device or speed."""
        parts = [str(self.number).encode(), self.subset_digest.encode(), self.train_bits, self.test_bits]
        if self.train_probability is not None and self.test_probability is not None:
            parts += [self.train_probability, self.test_probability]
        return digest(*parts)


@dataclass(frozen=True)
class Evidence:
    """Unpacked evidence of t trials on n training and q test samples.

    numbers int64 [t] ascending; membership and train_correct bool [t, n]; test_correct bool [t, q].
    train_probability uint8 [t, n] and test_probability uint8 [t, q], or None unless every trial has them.
    """

    numbers: npt.NDArray[np.int64]
    membership: Bools
    train_correct: Bools
    test_correct: Bools
    train_probability: npt.NDArray[np.uint8] | None = None
    test_probability: npt.NDArray[np.uint8] | None = None

    @property
    def trials(self) -> int:
        """The number of trials."""
        return len(self.numbers)

    def select(self, chosen: npt.NDArray[np.int64] | slice) -> Evidence:
        """The evidence of the chosen trials, by position."""
        return Evidence(
            self.numbers[chosen],
            self.membership[chosen],
            self.train_correct[chosen],
            self.test_correct[chosen],
            None if self.train_probability is None else self.train_probability[chosen],
            None if self.test_probability is None else self.test_probability[chosen],
        )


def pack_trial(
    number: int,
    membership: Bools,
    train_correct: Bools,
    test_correct: Bools,
    *,
    train_probability: npt.NDArray[np.uint8] | None = None,
    test_probability: npt.NDArray[np.uint8] | None = None,
    device: str,
    code_version: str,
    seconds: float,
    network: str | None = None,
) -> Trial:
    """Pack one trial: membership [n], train_correct [n], test_correct [q], and probabilities uint8 if recorded."""
    return Trial(
        number=number,
        subset_digest=digest(pack(membership)),
        train_bits=pack(train_correct),
        test_bits=pack(test_correct),
        in_accuracy=float(train_correct[membership].mean()),
        out_accuracy=None if membership.all() else float(train_correct[~membership].mean()),
        test_accuracy=float(test_correct.mean()),
        device=device,
        code_version=code_version,
        seconds=seconds,
        train_probability=None if train_probability is None else train_probability.tobytes(),
        test_probability=None if test_probability is None else test_probability.tobytes(),
        network=network,
    )


def trial_fault(trial: Trial, stored_digest: str, membership: Bools, test_samples: int) -> str | None:
    """The fault of a trial trained on `membership` [n], as a predicate; None if all its statements are true."""
    samples = len(membership)
    if trial.digest != stored_digest:
        return MISMATCH
    if trial.subset_digest != digest(pack(membership)):
        return "has a subset that does not follow from its design"
    try:
        correct, test_correct = unpack(trial.train_bits, samples), unpack(trial.test_bits, test_samples)
    except Damaged:
        return f"does not have the bits of {samples} training and {test_samples} test samples"
    recorded = trial.train_probability, trial.test_probability
    if recorded != (None, None) and [len(one or b"") for one in recorded] != [samples, test_samples]:
        return f"does not have the probabilities of {samples} training and {test_samples} test samples"
    stated = [trial.in_accuracy, trial.test_accuracy]
    observed = [correct[membership].mean(), test_correct.mean()]
    if trial.out_accuracy is not None:
        stated, observed = [*stated, trial.out_accuracy], [*observed, correct[~membership].mean()]
    if not np.allclose(stated, observed, rtol=0, atol=1e-9):
        return "states accuracies that do not follow from its bits"
    return None if 0 <= trial.seconds < np.inf else "states an impossible time"


def unpack_trials(trials: list[Trial], design: Design, train_samples: int, test_samples: int) -> Evidence:
    """Recompute the subsets, check each against its digest, and unpack; full trials are not allowed.

    Probabilities are unpacked if every trial has them. Raises Damaged if a stored subset does not match the
    design, or bits have the wrong length.
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
            raise Damaged(f"The stored subset of trial {trial.number} does not match its design.")
        train_correct[row] = unpack(trial.train_bits, train_samples)
        test_correct[row] = unpack(trial.test_bits, test_samples)
    return Evidence(
        np.array([trial.number for trial in trials], np.int64),
        membership,
        train_correct,
        test_correct,
        _probabilities([trial.train_probability for trial in trials], train_samples),
        _probabilities([trial.test_probability for trial in trials], test_samples),
    )


def unpack_full(trials: list[Trial], test_samples: int) -> Bools:
    """Which test samples each full trial classifies correctly, bool [f, test_samples]."""
    if not trials:
        return np.empty((0, test_samples), np.bool_)
    return np.stack([unpack(trial.test_bits, test_samples) for trial in trials])


def _probabilities(packed: list[bytes | None], samples: int) -> npt.NDArray[np.uint8] | None:
    present = [one for one in packed if one is not None]
    if len(present) < len(packed) or not packed:
        return None
    if any(len(one) != samples for one in present):
        raise Damaged(f"Stored probabilities do not have one byte for each of the {samples} samples.")
    return np.stack([np.frombuffer(one, np.uint8) for one in present])


def evidence_digest(trials: list[Trial]) -> str:
    """One digest for a study's evidence, independent of the order in which the trials finished."""
    return digest(*(trial.digest.encode() for trial in sorted(trials, key=lambda trial: trial.number)))
