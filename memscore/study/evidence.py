"""The evidence of a study: each finished trial's subset, and which samples it classified correctly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Int64
from memscore.errors import Damaged
from memscore.study.bits import digest, pack, unpack
from memscore.study.margins import HIGHEST, Codes
from memscore.study.sketches import WIDTH, Sketch
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership

MISMATCH = "does not match its digest"


@dataclass(frozen=True)
class Trial:
    """One finished trial, in its packed storage form.

    `subset_digest` is the digest of the packed membership bits; the membership itself is recomputed from the
    design and compared. Accuracies are shares in [0, 1], 0 for no test samples; `seconds` is the trial's share of its
    block's time. Probabilities of the true class are present if requested: a byte per sample, 255 for 1. Unless only
    bits are wanted, margins are present, a code per sample (`memscore.study.margins`), and mistakes: the predicted
    class of each misclassified sample in order, in one byte, or in two (little-endian) with more than 256 classes. The
    first full trials then have a sketch too, WIDTH bytes per sample (`memscore.study.sketches`).
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
    train_margin: bytes | None = None
    test_margin: bytes | None = None
    train_mistakes: bytes | None = None
    test_mistakes: bytes | None = None
    train_sketch: bytes | None = None
    test_sketch: bytes | None = None

    @property
    def sketch(self) -> Sketch | None:
        """The sketches of a full trial that recorded them. Raises Damaged if they are not WIDTH bytes per sample."""
        if self.train_sketch is None or self.test_sketch is None:
            return None
        if len(self.train_sketch) % WIDTH or len(self.test_sketch) % WIDTH:
            raise Damaged(f"The stored sketches of full trial {self.number} do not have {WIDTH} bytes per sample.")
        train, test = (np.frombuffer(one, np.uint8) for one in (self.train_sketch, self.test_sketch))
        return Sketch(train.reshape(-1, WIDTH), test.reshape(-1, WIDTH))

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
        outputs = [self.train_margin, self.test_margin, self.train_mistakes, self.test_mistakes]
        if any(one is not None for one in outputs):
            parts += [b"margins", *(one or b"" for one in outputs)]
        if self.train_sketch is not None or self.test_sketch is not None:
            parts += [b"sketch", self.train_sketch or b"", self.test_sketch or b""]
        return digest(*parts)


@dataclass(frozen=True)
class Mistakes:
    """The misclassified samples of some trials: row of the trial, sample and predicted class, int64 [w] each."""

    trial: Int64
    sample: Int64
    predicted: Int64

    def select(self, chosen: npt.NDArray[np.int64] | slice, trials: int) -> Mistakes:
        """The mistakes of the chosen among `trials` rows, renumbered."""
        rows = np.arange(trials)[chosen]
        place = np.full(trials, -1)
        place[rows] = np.arange(len(rows))
        kept = place[self.trial] >= 0
        return Mistakes(place[self.trial[kept]], self.sample[kept], self.predicted[kept])


@dataclass(frozen=True)
class Margins:
    """Margin codes int8 [t, n] and [t, q] of t trials, and the mistakes on training and test samples."""

    train: Codes
    test: Codes
    train_mistakes: Mistakes
    test_mistakes: Mistakes

    def select(self, chosen: npt.NDArray[np.int64] | slice) -> Margins:
        """Those of the chosen trials, by position."""
        trials = len(self.train)
        return Margins(
            self.train[chosen],
            self.test[chosen],
            self.train_mistakes.select(chosen, trials),
            self.test_mistakes.select(chosen, trials),
        )


@dataclass(frozen=True)
class Evidence:
    """Unpacked evidence of t trials on n training and q test samples.

    numbers int64 [t] ascending; membership and train_correct bool [t, n]; test_correct bool [t, q].
    train_probability uint8 [t, n] and test_probability uint8 [t, q], or None unless every trial has them; margins
    likewise.
    """

    numbers: npt.NDArray[np.int64]
    membership: Bools
    train_correct: Bools
    test_correct: Bools
    train_probability: npt.NDArray[np.uint8] | None = None
    test_probability: npt.NDArray[np.uint8] | None = None
    margins: Margins | None = None

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
            None if self.margins is None else self.margins.select(chosen),
        )


@dataclass(frozen=True)
class Outputs:
    """What a model says of n samples beyond correctness: margin codes int8 [n] and predicted classes [n].

    `wide` if there are more than 256 classes.
    """

    margin: Codes
    predicted: npt.NDArray[np.integer[Any]]
    wide: bool = False

    def mistakes(self, correct: Bools) -> bytes:
        """The predicted class of each sample that is not correct [n], packed."""
        return self.predicted[~correct].astype("<u2" if self.wide else "u1").tobytes()


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
    train_outputs: Outputs | None = None,
    test_outputs: Outputs | None = None,
    sketch: Sketch | None = None,
) -> Trial:
    """Pack one trial: membership [n], train_correct [n], test_correct [q], and what else it recorded.

    Probabilities are uint8 [n] and [q].
    Codes of margins must have the signs that correctness says.
    """
    return Trial(
        number=number,
        subset_digest=digest(pack(membership)),
        train_bits=pack(train_correct),
        test_bits=pack(test_correct),
        in_accuracy=float(train_correct[membership].mean()),
        out_accuracy=None if membership.all() else float(train_correct[~membership].mean()),
        test_accuracy=_accuracy(test_correct),
        device=device,
        code_version=code_version,
        seconds=seconds,
        train_probability=None if train_probability is None else train_probability.tobytes(),
        test_probability=None if test_probability is None else test_probability.tobytes(),
        network=network,
        train_margin=None if train_outputs is None else train_outputs.margin.astype(np.int8).tobytes(),
        test_margin=None if test_outputs is None else test_outputs.margin.astype(np.int8).tobytes(),
        train_mistakes=None if train_outputs is None else train_outputs.mistakes(train_correct),
        test_mistakes=None if test_outputs is None else test_outputs.mistakes(test_correct),
        train_sketch=None if sketch is None else sketch.train.tobytes(),
        test_sketch=None if sketch is None else sketch.test.tobytes(),
    )


def _accuracy(test_correct: Bools) -> float:
    """The share of test samples that are correct; 0 if there are none."""
    return float(test_correct.mean()) if len(test_correct) else 0.0


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
    if (fault := _outputs_fault(trial, correct, test_correct)) is not None:
        return fault
    sketched = trial.train_sketch, trial.test_sketch
    if sketched != (None, None) and [len(one or b"") for one in sketched] != [WIDTH * samples, WIDTH * test_samples]:
        return f"does not have sketches of {samples} training and {test_samples} test samples"
    stated = [trial.in_accuracy, trial.test_accuracy]
    observed = [correct[membership].mean(), _accuracy(test_correct)]
    if trial.out_accuracy is not None:
        stated, observed = [*stated, trial.out_accuracy], [*observed, correct[~membership].mean()]
    if not np.allclose(stated, observed, rtol=0, atol=1e-9):
        return "states accuracies that do not follow from its bits"
    return None if 0 <= trial.seconds < np.inf else "states an impossible time"


def unpack_trials(trials: list[Trial], design: Design, train_samples: int, test_samples: int) -> Evidence:
    """Recompute the subsets, check each against its digest, and unpack; full trials are not allowed.

    Probabilities are unpacked if every trial has them, and so are margins. Raises Damaged if a stored subset does not
    match the design, or bits have the wrong length.
    """
    trials = sorted(trials, key=lambda trial: trial.number)
    with_margins = bool(trials) and all(trial.train_margin is not None for trial in trials)
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
        _margins(trials, train_correct, test_correct) if with_margins else None,
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


def _margins(trials: list[Trial], train_correct: Bools, test_correct: Bools) -> Margins:
    return Margins(
        _codes([trial.train_margin for trial in trials], train_correct.shape[1]),
        _codes([trial.test_margin for trial in trials], test_correct.shape[1]),
        _mistakes([trial.train_mistakes for trial in trials], train_correct),
        _mistakes([trial.test_mistakes for trial in trials], test_correct),
    )


def _codes(packed: list[bytes | None], samples: int) -> Codes:
    if any(one is None or len(one) != samples for one in packed):
        raise Damaged(f"Stored margins do not have one byte for each of the {samples} samples.")
    return np.stack([np.frombuffer(one or b"", np.int8) for one in packed])


def _mistakes(packed: list[bytes | None], correct: Bools) -> Mistakes:
    """The mistakes of trials whose correctness is `correct` bool [t, n]."""
    trial, sample = np.nonzero(~correct)
    wrong = np.bincount(trial, minlength=len(correct)).tolist()
    predicted = [unpack_predicted(one, count) for one, count in zip(packed, wrong, strict=True)]
    return Mistakes(trial, sample, np.concatenate([*predicted, np.empty(0, np.int64)]))


def unpack_predicted(packed: bytes | None, wrong: int) -> Int64:
    """The predicted classes of `wrong` misclassified samples. Raises Damaged if there are not as many."""
    if packed is None or len(packed) not in (wrong, 2 * wrong):
        raise Damaged(f"Stored mistakes do not have one class for each of the {wrong} misclassified samples.")
    return np.frombuffer(packed, "u1" if len(packed) == wrong else "<u2").astype(np.int64)


def _outputs_fault(trial: Trial, correct: Bools, test_correct: Bools) -> str | None:
    """The fault of a trial's margins and mistakes, as a predicate."""
    parts = (trial.train_margin, trial.train_mistakes, correct), (trial.test_margin, trial.test_mistakes, test_correct)
    if all(margin is None and mistakes is None for margin, mistakes, _ in parts):
        return None
    for margin, mistakes, right in parts:
        if margin is None or len(margin) != len(right):
            return "does not have a margin for each of its samples"
        codes = np.frombuffer(margin, np.int8)
        if (codes == -HIGHEST - 1).any() or (codes[right] < 0).any() or (codes[~right] > 0).any():
            return "has margins that contradict its bits"
        try:
            unpack_predicted(mistakes, int((~right).sum()))
        except Damaged:
            return "does not have a predicted class for each misclassified sample"
    return None


def evidence_digest(trials: list[Trial]) -> str:
    """One digest for a study's evidence, independent of the order in which the trials finished."""
    return digest(*(trial.digest.encode() for trial in sorted(trials, key=lambda trial: trial.number)))
