"""Evidence files: the results of a study's trials, to move to another machine or to recompute from.

    write_evidence("mine.npz", trials, fingerprint=..., recipe=recipe, design=design, train_samples=n, test_samples=q)

One .npz with a row per trial: `numbers`, `train_bits` and `test_bits` (packed, first sample in the highest bit),
`subset_digests`, `digests`, accuracies, `seconds`, `device`, `code_version`, `network` (signatures, or empty). If
trials recorded probabilities, `with_probability` marks them, and `train_probability` and `test_probability` have one
row for each. If trials recorded margins, `with_margins` marks them: `train_margin` and `test_margin` have one row of
codes for each, `train_mistakes` and `test_mistakes` the predicted classes of all misclassified samples, trial by trial.
Trials on every sample have the same arrays with the prefix `full_`. If any of these recorded sketches, as only they
do, `full_with_sketches` marks them: `full_train_sketch` and `full_test_sketch` have one row for each, WIDTH bytes per
sample. `meta` is JSON: EvidenceMeta.
"""

from __future__ import annotations

import io
import itertools
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from memscore.arrays import UInt8
from memscore.errors import InvalidInput
from memscore.files import atomic_write
from memscore.npz import NpzReader, Source
from memscore.study import signatures
from memscore.study.evidence import Evidence, Trial, trial_fault, unpack_trials
from memscore.study.sketches import WIDTH
from memscore.study.spec import BLOCK, Design, Frozen, Recipe, study_id
from memscore.study.subsets import block_membership
from memscore.texts import harmless
from memscore.validation import DIGEST_PATTERN, sentence

KIND = "memscore evidence"
FULL = "full_"
CHUNK_BLOCKS = 10
"""Blocks unpacked together: 100 trials of 50,000 samples take 15 MB."""

MOST_SECONDS = 1e9  # of one trial; sums of more would overflow
MOST_TRIALS = 1_000_000
"""Maximum trials in a file, the same as for a job."""


class EvidenceMeta(Frozen):
    """The study that a file's trials belong to.

    Format 2 has margins or sketches, which versions that know format 1 alone would take for damage.
    """

    format: Literal["memscore evidence 1", "memscore evidence 2"] = "memscore evidence 1"
    study: str
    fingerprint: str = Field(pattern=DIGEST_PATTERN)
    recipe: Recipe
    design: Design
    train_samples: int = Field(ge=1, le=2**31)
    test_samples: int = Field(ge=0, le=2**31)
    versions: dict[str, str] = Field(default={})


@dataclass(frozen=True)
class StudyEvidence:
    """The packed trials of a study, ascending by number, with full trials separate; verified if read from a file."""

    meta: EvidenceMeta
    trials: tuple[Trial, ...]
    full: tuple[Trial, ...]

    def unpacked(self) -> Iterator[Evidence]:
        """Iterate over the evidence of the trials on subsets, a few blocks at a time."""
        for _, some in itertools.groupby(self.trials, lambda trial: trial.number // (BLOCK * CHUNK_BLOCKS)):
            yield unpack_trials(list(some), self.meta.design, self.meta.train_samples, self.meta.test_samples)

    def encode(self) -> bytes:
        """Encode as .npz; equal evidence gives equal bytes."""
        arrays: dict[str, npt.NDArray[Any]] = {"meta": np.array(self.meta.model_dump_json())}
        for prefix, trials in (("", self.trials), (FULL, self.full)):
            arrays.update({prefix + name: column for name, column in _columns(trials, self.meta).items()})
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()


def gather(
    trials: Sequence[Trial],
    *,
    fingerprint: str,
    recipe: Recipe,
    design: Design,
    train_samples: int,
    test_samples: int,
) -> StudyEvidence:
    """Collect a study's evidence from its trials, which may include full ones and come in any order."""
    more = any(trial.train_margin is not None or trial.train_sketch is not None for trial in trials)
    meta = EvidenceMeta(
        format="memscore evidence 2" if more else "memscore evidence 1",
        study=study_id(fingerprint, recipe, design),
        fingerprint=fingerprint,
        recipe=recipe,
        design=design,
        train_samples=train_samples,
        test_samples=test_samples,
        versions={"numpy": np.__version__, "python": platform.python_version()},
    )
    ordered = sorted(trials, key=lambda trial: trial.number)
    return StudyEvidence(
        meta,
        tuple(trial for trial in ordered if not trial.full),
        tuple(trial for trial in ordered if trial.full),
    )


def write_evidence(
    path: Path | str,
    trials: Sequence[Trial],
    *,
    fingerprint: str,
    recipe: Recipe,
    design: Design,
    train_samples: int,
    test_samples: int,
) -> None:
    """Write an evidence file atomically. Needs no database, so a machine that only trains can write one.

    Raises InvalidInput if `path` is not a regular file, OSError if it cannot be written.
    """
    evidence = gather(
        trials,
        fingerprint=fingerprint,
        recipe=recipe,
        design=design,
        train_samples=train_samples,
        test_samples=test_samples,
    )
    with atomic_write(Path(path)) as scratch:
        scratch.write_bytes(evidence.encode())


def read_evidence(source: Source, admit: Callable[[EvidenceMeta], object] | None = None) -> StudyEvidence:
    """Read an evidence file and verify every trial. `admit` may raise to reject the file before its trials are read.

    Raises InvalidInput if it is not an evidence file, or if the study's id, a subset, the length of a row, an accuracy
    or a digest contradicts the rest.
    """
    with NpzReader(source, KIND) as file:
        meta = _meta(file)
        if admit is not None:
            admit(meta)
        return StudyEvidence(meta, _trials(file, "", meta), _trials(file, FULL, meta))


def _columns(trials: Sequence[Trial], meta: EvidenceMeta) -> dict[str, npt.NDArray[Any]]:
    def rows(packed: list[bytes], width: int) -> npt.NDArray[np.uint8]:
        return np.frombuffer(b"".join(packed), np.uint8).reshape(len(packed), width)

    def floats(values: list[float | None]) -> npt.NDArray[np.float64]:
        return np.array([np.nan if value is None else value for value in values], np.float64)

    def texts(values: list[str]) -> npt.NDArray[np.str_]:
        return np.array(values, np.str_) if values else np.empty(0, "<U1")

    columns: dict[str, npt.NDArray[Any]] = {
        "numbers": np.array([trial.number for trial in trials], np.int64),
        "train_bits": rows([trial.train_bits for trial in trials], _bytes(meta.train_samples)),
        "test_bits": rows([trial.test_bits for trial in trials], _bytes(meta.test_samples)),
        "subset_digests": texts([trial.subset_digest for trial in trials]),
        "digests": texts([trial.digest for trial in trials]),
        "in_accuracies": floats([trial.in_accuracy for trial in trials]),
        "out_accuracies": floats([trial.out_accuracy for trial in trials]),
        "test_accuracies": floats([trial.test_accuracy for trial in trials]),
        "seconds": floats([trial.seconds for trial in trials]),
        "device": texts([trial.device for trial in trials]),
        "code_version": texts([trial.code_version for trial in trials]),
        "network": texts([trial.network or "" for trial in trials]),
    }
    train = [trial.train_probability for trial in trials if trial.train_probability is not None]
    test = [trial.test_probability for trial in trials if trial.test_probability is not None]
    if train:
        columns["with_probability"] = np.array([trial.train_probability is not None for trial in trials])
        columns["train_probability"] = rows(train, meta.train_samples)
        columns["test_probability"] = rows(test, meta.test_samples)
    recorded = [trial for trial in trials if trial.train_margin is not None]
    if recorded:
        columns["with_margins"] = np.array([trial.train_margin is not None for trial in trials])
        for part, samples in (("train", meta.train_samples), ("test", meta.test_samples)):
            codes = rows([getattr(trial, f"{part}_margin") for trial in recorded], samples)
            columns[f"{part}_margin"] = codes.view(np.int8)
            packed = b"".join(getattr(trial, f"{part}_mistakes") for trial in recorded)
            wrong = sum(_wrong(getattr(trial, f"{part}_bits"), samples) for trial in recorded)
            columns[f"{part}_mistakes"] = np.frombuffer(packed, "u1" if len(packed) == wrong else "<u2")
    sketches = [sketch for trial in trials if (sketch := trial.sketch) is not None]
    if sketches:
        columns["with_sketches"] = np.array([trial.sketch is not None for trial in trials])
        columns["train_sketch"] = np.stack([one.train.ravel() for one in sketches])
        columns["test_sketch"] = np.stack([one.test.ravel() for one in sketches])
    return columns


def _meta(file: NpzReader) -> EvidenceMeta:
    try:
        meta = EvidenceMeta.model_validate_json(str(file.read("meta", "U")[()]))
    except ValidationError as error:
        raise InvalidInput(
            f"This is not a usable {KIND} file (memscore evidence export writes them): meta: {sentence(error)}."
        ) from error
    if meta.study != study_id(meta.fingerprint, meta.recipe, meta.design):
        raise InvalidInput(
            f"This is not a usable {KIND} file: its study {meta.study!r} does not match its dataset, recipe and design."
        )
    return meta


def _trials(file: NpzReader, prefix: str, meta: EvidenceMeta) -> tuple[Trial, ...]:
    found_numbers = file.read(prefix + "numbers", "iu", None)
    count = len(found_numbers)
    if count > MOST_TRIALS:
        raise InvalidInput(f"This is not a usable {KIND} file: it has more than {MOST_TRIALS:,} trials.")
    numbers = found_numbers.astype(np.int64)
    if count and (numbers[0] < 0 or numbers[-1] >= 10**9 or (np.diff(numbers) <= 0).any()):
        raise InvalidInput(f"This is not a usable {KIND} file: {prefix}numbers must ascend and not be negative.")

    def texts(name: str) -> list[str]:
        return file.read(prefix + name, "U", count).tolist()

    def floats(name: str) -> list[float]:
        return file.read(prefix + name, "f", count).astype(np.float64).tolist()

    train_bits = file.read(prefix + "train_bits", "u", count, _bytes(meta.train_samples))
    test_bits = file.read(prefix + "test_bits", "u", count, _bytes(meta.test_samples))
    train_probability: list[bytes | None] = [None] * count
    test_probability: list[bytes | None] = [None] * count
    if prefix + "with_probability" in file:
        rows = np.flatnonzero(file.read(prefix + "with_probability", "b", count))
        train = file.read(prefix + "train_probability", "u", len(rows), meta.train_samples)
        test = file.read(prefix + "test_probability", "u", len(rows), meta.test_samples)
        for place, row in enumerate(rows):
            train_probability[row], test_probability[row] = train[place].tobytes(), test[place].tobytes()
    outputs = [_NO_OUTPUTS] * count
    if prefix + "with_margins" in file:
        rows = np.flatnonzero(file.read(prefix + "with_margins", "b", count))
        for row, found_outputs in zip(
            rows, _outputs(file, prefix, meta, train_bits[rows], test_bits[rows]), strict=True
        ):
            outputs[row] = found_outputs
    sketches: list[tuple[bytes | None, bytes | None]] = [(None, None)] * count
    if prefix + "with_sketches" in file:
        rows = np.flatnonzero(file.read(prefix + "with_sketches", "b", count))
        train = file.read(prefix + "train_sketch", "u", len(rows), WIDTH * meta.train_samples)
        test = file.read(prefix + "test_sketch", "u", len(rows), WIDTH * meta.test_samples)
        for place, row in enumerate(rows):
            sketches[row] = train[place].tobytes(), test[place].tobytes()
    subset_digests, digests = texts("subset_digests"), texts("digests")
    in_accuracies, out_accuracies, test_accuracies = map(floats, ("in_accuracies", "out_accuracies", "test_accuracies"))
    seconds, device, code_version = floats("seconds"), texts("device"), texts("code_version")
    network = texts("network") if prefix + "network" in file else [""] * count
    if any(one > MOST_SECONDS for one in seconds):
        raise InvalidInput(f"This is not a usable {KIND} file: {prefix}seconds are over {MOST_SECONDS:.0e}.")
    everything = np.ones(meta.train_samples, np.bool_)
    block, subsets = -1, np.empty((0, 0), np.bool_)
    found: list[Trial] = []
    for row in range(count):
        trial = Trial(
            number=int(numbers[row]),
            subset_digest=subset_digests[row],
            train_bits=train_bits[row].tobytes(),
            test_bits=test_bits[row].tobytes(),
            in_accuracy=in_accuracies[row],
            out_accuracy=None if prefix == FULL else out_accuracies[row],
            test_accuracy=test_accuracies[row],
            device=harmless(device[row])[:63],
            code_version=harmless(code_version[row])[:63],
            seconds=seconds[row],
            train_probability=train_probability[row],
            test_probability=test_probability[row],
            network=harmless(network[row])[: signatures.LONGEST] or None,
            train_sketch=sketches[row][0],
            test_sketch=sketches[row][1],
            **outputs[row],
        )
        if not trial.full and trial.number // BLOCK != block:
            block = trial.number // BLOCK
            subsets = block_membership(meta.design, meta.train_samples, block)
        subset = everything if trial.full else subsets[trial.number % BLOCK]
        fault = trial_fault(trial, digests[row], subset, meta.test_samples)
        if fault is not None:
            full = "full " if trial.full else ""
            raise InvalidInput(f"This {KIND} file is damaged: {full}trial {trial.number} {fault}.")
        found.append(trial)
    return tuple(found)


class _Outputs(TypedDict):
    """The margins and mistakes of a trial."""

    train_margin: bytes | None
    test_margin: bytes | None
    train_mistakes: bytes | None
    test_mistakes: bytes | None


_NO_OUTPUTS = _Outputs(train_margin=None, test_margin=None, train_mistakes=None, test_mistakes=None)


def _outputs(
    file: NpzReader, prefix: str, meta: EvidenceMeta, train_bits: UInt8, test_bits: UInt8
) -> Iterator[_Outputs]:
    """The outputs of the trials that recorded them, whose bits are [r, ...]. Raises InvalidInput if lengths differ."""
    columns: list[list[bytes]] = []
    for part, samples, bits in (("train", meta.train_samples, train_bits), ("test", meta.test_samples, test_bits)):
        codes = file.read(f"{prefix}{part}_margin", "i", len(bits), samples)
        columns.append([one.tobytes() for one in codes])  # of a wider type: too many bytes, which is a fault
        ends = np.cumsum([_wrong(one.tobytes(), samples) for one in bits], dtype=np.int64)
        classes = file.read(f"{prefix}{part}_mistakes", "u", int(ends[-1]) if len(ends) else 0)
        columns.append([one.tobytes() for one in np.split(classes, ends[:-1])] if len(ends) else [])
    for train_margin, train_mistakes, test_margin, test_mistakes in zip(*columns, strict=True):
        yield _Outputs(
            train_margin=train_margin,
            test_margin=test_margin,
            train_mistakes=train_mistakes,
            test_mistakes=test_mistakes,
        )


def _wrong(packed: bytes, samples: int) -> int:
    """The number of misclassified among the samples, from packed bits."""
    return samples - int(np.unpackbits(np.frombuffer(packed, np.uint8), count=samples).sum())


def _bytes(samples: int) -> int:
    return (samples + 7) // 8
