"""Evidence files: written and read without loss, and refused where anything does not follow from the rest."""

import dataclasses
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memscore.errors import InvalidInput
from memscore.exchange.evidence_file import StudyEvidence, gather, read_evidence, write_evidence
from memscore.study.bits import digest, pack
from memscore.study.evidence import Trial, pack_trial, unpack_trials
from memscore.study.spec import Design
from tests.conftest import QUICK, make_dataset, make_trials
from tests.made_evidence import with_outputs

DESIGN = Design()
DATASET = make_dataset()
PARTS: dict[str, Any] = {
    "fingerprint": DATASET.fingerprint,
    "recipe": QUICK,
    "design": DESIGN,
    "train_samples": 60,
    "test_samples": 20,
}


def full_trials(count: int) -> list[Trial]:
    random = np.random.default_rng(1)
    return [
        pack_trial(
            number,
            np.ones(60, np.bool_),
            random.random(60) < 0.99,
            random.random(20) < 0.8,
            device="cpu",
            code_version="test",
            seconds=0.5,
        )
        for number in range(count)
    ]


def with_probabilities(trial: Trial) -> Trial:
    return dataclasses.replace(trial, train_probability=bytes(range(60)), test_probability=bytes(range(20)))


def with_margins(trial: Trial) -> Trial:
    return with_outputs(trial, DATASET.y_train, DATASET.y_test)


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    made = make_trials(DATASET, DESIGN, blocks=12)
    made[3], made[7] = with_probabilities(made[3]), with_probabilities(made[7])
    made[7:20] = map(with_margins, made[7:20])
    return [*made, *map(with_margins, full_trials(2)), full_trials(3)[2]]


@pytest.fixture(scope="module")
def evidence(trials: list[Trial]) -> StudyEvidence:
    return gather(trials[::-1], **PARTS)


def arrays_of(payload: bytes) -> dict[str, Any]:
    with np.load(io.BytesIO(payload), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def encoded(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_what_is_written_is_read(evidence: StudyEvidence, trials: list[Trial]):
    again = read_evidence(evidence.encode())
    assert again == evidence
    assert list(again.trials + again.full) == trials
    assert again.encode() == evidence.encode()


def test_unpacked_parts_are_the_whole(evidence: StudyEvidence, trials: list[Trial]):
    whole = unpack_trials(trials[:120], DESIGN, 60, 20)
    parts = list(evidence.unpacked())
    assert [part.trials for part in parts] == [100, 20]
    np.testing.assert_array_equal(np.concatenate([part.membership for part in parts]), whole.membership)
    np.testing.assert_array_equal(np.concatenate([part.test_correct for part in parts]), whole.test_correct)


def test_trials_of_both_kinds_keep_what_they_recorded(evidence: StudyEvidence):
    again = read_evidence(evidence.encode())
    assert [trial.number for trial in again.trials if trial.train_margin is not None] == list(range(7, 20))
    assert [trial.train_mistakes is not None for trial in again.full] == [True, True, False]
    for one, other in zip(again.trials + again.full, evidence.trials + evidence.full, strict=True):
        assert one == other
        assert one.digest == other.digest


def test_only_full_trials_have_arrays_of_sketches(evidence: StudyEvidence):
    arrays = arrays_of(evidence.encode())
    named = {"full_with_sketches", "full_train_sketch", "full_test_sketch"}
    assert {name for name in arrays if "sketch" in name} == named
    assert arrays["full_with_sketches"].tolist() == [True, True, False]


def test_files_without_margins_are_as_before(trials: list[Trial]):
    plain = [trial for trial in trials[:120] if trial.train_margin is None]
    arrays = arrays_of(gather(plain, **PARTS).encode())
    assert not [name for name in arrays if "margin" in name or "mistake" in name or "sketch" in name]
    assert read_evidence(encoded(arrays)).trials == tuple(plain)


def test_classes_above_255_take_two_bytes():
    labels, test_labels = np.arange(60, dtype=np.int32) * 11, np.arange(20, dtype=np.int32)
    wide = [with_outputs(trial, labels, test_labels) for trial in make_trials(DATASET, DESIGN, blocks=1)]
    arrays = arrays_of(gather(wide, **PARTS).encode())
    assert arrays["train_mistakes"].dtype == np.dtype("<u2")
    assert arrays["train_mistakes"].max() > 255
    assert read_evidence(encoded(arrays)).trials == tuple(wide)


def test_trials_without_a_mistake_are_written_too():
    right = dataclasses.replace(
        full_trials(1)[0],
        train_bits=pack(np.ones(60, np.bool_)),
        test_bits=pack(np.ones(20, np.bool_)),
        in_accuracy=1.0,
        test_accuracy=1.0,
    )
    whole = gather([with_margins(right)], **PARTS)
    assert whole.full[0].train_mistakes == b""
    assert read_evidence(whole.encode()) == whole


def test_only_files_with_margins_have_the_format_that_earlier_versions_refuse(trials: list[Trial]):
    assert gather(trials[:3], **PARTS).meta.format == "memscore evidence 1"
    assert gather(trials[:8], **PARTS).meta.format == "memscore evidence 2"


def test_a_study_without_trials_is_a_file_too():
    assert read_evidence(gather([], **PARTS).encode()).trials == ()


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, trials: list[Trial]):
    path = tmp_path / "mine.npz"
    write_evidence(path, trials, **PARTS)
    assert read_evidence(path).trials == tuple(trials[:120])
    with pytest.raises(ValueError):
        write_evidence(path, trials, **{**PARTS, "train_samples": 80})
    assert len(read_evidence(path).trials) == 120
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InvalidInput, match="There is no file"):
        read_evidence(tmp_path / "other.npz")


def changed_meta(arrays: dict[str, Any], **change: object) -> dict[str, Any]:
    return {"meta": np.array(json.dumps(json.loads(str(arrays["meta"])) | change))}


def flipped(array: np.ndarray, row: int) -> np.ndarray:
    changed = array.copy()
    changed[row, 0] ^= 64
    return changed


def signed(arrays: dict[str, Any], row: int, **change: Any) -> dict[str, Any]:
    """A change of a trial with a digest that matches it."""
    file = read_evidence(encoded(arrays))
    trial = dataclasses.replace(file.trials[row], **change)
    digests, subsets = arrays["digests"].copy(), arrays["subset_digests"].copy()
    digests[row], subsets[row] = trial.digest, trial.subset_digest
    bits = arrays["train_bits"].copy()
    bits[row] = np.frombuffer(trial.train_bits, np.uint8)
    margins = arrays["train_margin"].copy()
    if trial.train_margin is not None:
        margins[np.flatnonzero(arrays["with_margins"]).tolist().index(row)] = np.frombuffer(trial.train_margin, np.int8)
    return {"digests": digests, "subset_digests": subsets, "train_bits": bits, "train_margin": margins}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a: {"train_bits": flipped(a["train_bits"], 4)}, "trial 4 does not match its digest"),
        (lambda a: {"test_bits": flipped(a["test_bits"], 119)}, "trial 119 does not match its digest"),
        (lambda a: {"train_probability": flipped(a["train_probability"], 1)}, "trial 7 does not match its digest"),
        (lambda a: {"full_test_bits": flipped(a["full_test_bits"], 2)}, "trial 2 does not match its digest"),
        (lambda a: signed(a, 5, subset_digest="0" * 64), "trial 5 has a subset that does not follow from its design"),
        (lambda a: signed(a, 6, train_bits=bytes(8)), "trial 6 states accuracies that do not follow from its bits"),
        (lambda a: {"numbers": a["numbers"] + 10}, "trial 10 does not match its digest"),
        (lambda a: {"numbers": a["numbers"][::-1]}, "numbers must ascend"),
        (lambda a: {"numbers": a["numbers"] - 1}, "numbers must ascend and not be negative"),
        (lambda a: {"seconds": a["seconds"] * np.nan}, "trial 0 states an impossible time"),
        (lambda a: {"in_accuracies": a["in_accuracies"] * 0.5}, "trial 0 states"),
        (lambda a: {"full_test_accuracies": a["full_test_accuracies"] + 1}, "trial 0 states"),
        (lambda a: {"train_bits": a["train_bits"][:, :-1]}, "train_bits has the shape [120, 7], not [120, 8]"),
        (lambda a: {"device": a["device"][:-1]}, "device has the shape [119], not [120]"),
        (lambda a: {"device": a["device"].astype(object)}, "device holds Python objects, not text"),
        (lambda a: {"digests": None, "numbers": a["numbers"]}, "digests is missing"),
        (lambda a: {"train_margin": flipped(a["train_margin"], 3)}, "trial 10 "),
        (lambda a: {"train_margin": a["train_margin"][:, 1:]}, "train_margin has the shape [13, 59], not [13, 60]"),
        (lambda a: {"test_margin": a["test_margin"][1:]}, "test_margin has the shape [12, 20], not [13, 20]"),
        (lambda a: {"train_margin": a["train_margin"].astype(float)}, "train_margin holds floating-point numbers"),
        (lambda a: {"train_margin": a["train_margin"].astype(np.int16)}, "trial 7 does not match its digest"),
        (lambda a: {"train_margin": a["train_margin"].view(np.uint8)}, "train_margin holds"),
        (lambda _: {"test_margin": None}, "test_margin is missing"),
        (lambda _: {"train_mistakes": None}, "train_mistakes is missing"),
        (lambda a: {"train_mistakes": a["train_mistakes"][1:]}, "train_mistakes has the shape"),
        (lambda a: {"test_mistakes": np.append(a["test_mistakes"], a["test_mistakes"][:1])}, "test_mistakes has the"),
        (lambda a: {"test_mistakes": a["test_mistakes"] + 1}, "trial 7 does not match its digest"),
        (lambda a: {"test_mistakes": a["test_mistakes"] * 1.0}, "test_mistakes holds floating-point numbers"),
        (lambda a: {"test_mistakes": a["test_mistakes"].astype(np.uint32)}, "trial 7 does not match its digest"),
        (lambda a: {"with_margins": ~a["with_margins"]}, "train_margin has the shape [13, 60], not [107, 60]"),
        (lambda a: {"with_margins": np.roll(a["with_margins"], 1)}, "mistakes has the shape"),
        (lambda a: {"with_margins": a["with_margins"].astype(int)}, "with_margins holds whole numbers"),
        (lambda _: {"with_margins": None}, "trial 7 does not match its digest"),
        (lambda a: {"full_test_margin": flipped(a["full_test_margin"], 1)}, "full trial 1 "),
        (lambda a: {"full_test_sketch": flipped(a["full_test_sketch"], 1)}, "full trial 1 does not match its digest"),
        (lambda a: {"full_train_sketch": a["full_train_sketch"][:, 32:]}, "has the shape [2, 1888], not [2, 1920]"),
        (lambda _: {"full_with_sketches": None}, "full trial 0 does not match its digest"),
        (lambda a: signed(a, 8, train_margin=b"\x07" * 60), "trial 8 has margins that contradict its bits"),
        (lambda a: signed(a, 8, train_margin=b"\x80" * 60), "trial 8 has margins that contradict its bits"),
        (lambda a: changed_meta(a, study="0" * 16), "does not match its dataset, recipe and design"),
        (lambda a: changed_meta(a, fingerprint="0" * 64), "does not match its dataset, recipe and design"),
        (lambda a: changed_meta(a, design={"seed": 1}), "does not match its dataset, recipe and design"),
        (lambda a: changed_meta(a, format="memscore evidence 3"), "meta: format"),
        (lambda a: changed_meta(a, train_samples=0), "meta: train_samples"),
        (lambda _: {"meta": np.array("{")}, "meta: Invalid JSON"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(evidence: StudyEvidence, change, sentence: str):
    arrays = arrays_of(evidence.encode())
    changed = {name: array for name, array in (arrays | change(arrays)).items() if array is not None}
    with pytest.raises(InvalidInput) as error:
        read_evidence(encoded(changed))
    assert sentence in str(error.value)


def test_full_trials_must_have_trained_on_everything(evidence: StudyEvidence):
    arrays = arrays_of(evidence.encode())
    member = np.ones(60, np.bool_)
    member[0] = False
    trial = dataclasses.replace(evidence.full[0], subset_digest=digest(pack(member)))
    for name, value in (("full_subset_digests", trial.subset_digest), ("full_digests", trial.digest)):
        arrays[name] = arrays[name].copy()
        arrays[name][0] = value
    with pytest.raises(InvalidInput, match="full trial 0 has a subset that does not follow from its design"):
        read_evidence(encoded(arrays))


def test_other_files_are_refused(evidence: StudyEvidence):
    payload = evidence.encode()
    for wrong in (b"", b"PK", b"x" * 1000, payload[: len(payload) // 2], encoded({"meta": np.array("{}")})):
        with pytest.raises(InvalidInput, match="not a usable memscore evidence file"):
            read_evidence(wrong)


def test_writing_needs_neither_database_nor_service():
    script = (
        "import sys, memscore.exchange.evidence_file; "
        "print(sorted({'sqlalchemy', 'fastapi', 'httpx', 'torch', 'ray', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"
