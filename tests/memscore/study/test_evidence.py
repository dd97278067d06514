"""Trials in their packed form: nothing is lost, every fault is named, and digests cover all that was observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscore.errors import Damaged
from memscore.study.bits import digest, pack
from memscore.study.evidence import MISMATCH, Evidence, Outputs, Trial, pack_trial, trial_fault, unpack_trials
from memscore.study.sketches import WIDTH
from memscore.study.spec import Design
from memscore.study.subsets import block_membership
from tests.made_evidence import with_outputs

N, Q = 23, 9
MEMBERSHIP = block_membership(Design(), N, 0)
LABELS, TEST_LABELS = np.arange(N, dtype=np.int32) % 4, np.arange(Q, dtype=np.int32) % 4


def made(number: int, *, margins: bool = True) -> Trial:
    random = np.random.default_rng(number)
    trial = pack_trial(
        number,
        MEMBERSHIP[number],
        random.random(N) < 0.7,
        random.random(Q) < 0.6,
        device="cpu",
        code_version="test",
        seconds=0.5,
    )
    return with_outputs(trial, LABELS, TEST_LABELS) if margins else trial


def faults(trial: Trial) -> str | None:
    """The fault of a trial whose digest is right."""
    return trial_fault(trial, trial.digest, MEMBERSHIP[trial.number], Q)


@pytest.mark.slower
@given(data=st.data(), wide=st.booleans())
def test_what_is_packed_is_unpacked(data: st.DataObject, wide: bool):
    correct = np.array(data.draw(st.lists(st.booleans(), min_size=N, max_size=N)))
    test_correct = np.array(data.draw(st.lists(st.booleans(), min_size=Q, max_size=Q)))
    classes = 60_000 if wide else 256

    def outputs(right: np.ndarray) -> Outputs:
        size = np.array(data.draw(st.lists(st.integers(0, 127), min_size=len(right), max_size=len(right))))
        given_classes = st.lists(st.integers(0, classes - 1), min_size=len(right), max_size=len(right))
        return Outputs(np.where(right, size, -size).astype(np.int8), np.array(data.draw(given_classes)), wide)

    train, test = outputs(correct), outputs(test_correct)
    trial = pack_trial(
        3,
        MEMBERSHIP[3],
        correct,
        test_correct,
        device="cpu",
        code_version="test",
        seconds=1,
        train_outputs=train,
        test_outputs=test,
    )
    assert faults(trial) is None
    found = unpack_trials([trial], Design(), N, Q).margins
    assert found is not None
    for codes, mistakes, given_outputs, right in (
        (found.train, found.train_mistakes, train, correct),
        (found.test, found.test_mistakes, test, test_correct),
    ):
        np.testing.assert_array_equal(codes, given_outputs.margin[None])
        np.testing.assert_array_equal(mistakes.sample, np.flatnonzero(~right))
        np.testing.assert_array_equal(mistakes.predicted, given_outputs.predicted[~right])
        assert not mistakes.trial.any()


def test_digests_cover_margins_and_mistakes_and_are_as_before_without():
    trial, plain = made(0), made(0, margins=False)
    parts = [b"0", plain.subset_digest.encode(), plain.train_bits, plain.test_bits]
    assert plain.digest == digest(*parts)
    changes = [
        {"train_margin": bytes([trial.train_margin[0] ^ 1]) + trial.train_margin[1:]},  # pyright: ignore
        {"test_margin": trial.test_margin[:-1]},  # pyright: ignore[reportOptionalSubscript]
        {"train_mistakes": b""},
        {"test_mistakes": trial.train_mistakes},
        {"train_margin": trial.test_margin, "test_margin": trial.train_margin},
    ]
    digests = {trial.digest, plain.digest, *(replace(trial, **change).digest for change in changes)}
    assert len(digests) == 2 + len(changes)


def test_digests_cover_the_sketches_of_full_trials():
    plain = replace(made(0), out_accuracy=None)
    whole = replace(plain, train_sketch=bytes(WIDTH * N), test_sketch=bytes(WIDTH * Q))
    other = replace(whole, test_sketch=b"\x01" + bytes(WIDTH * Q - 1))
    swapped = replace(whole, train_sketch=whole.test_sketch, test_sketch=whole.train_sketch)
    assert len({plain.digest, whole.digest, other.digest, swapped.digest}) == 4
    assert plain.sketch is None
    assert other.sketch is not None
    assert other.sketch.train.shape == (N, WIDTH)
    assert other.sketch.test.sum() == 1
    with pytest.raises(Damaged, match="32 bytes per sample"):
        _ = replace(whole, train_sketch=b"123").sketch


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, None),
        ({"train_sketch": bytes(WIDTH * N), "test_sketch": bytes(WIDTH * Q)}, None),
        ({"train_sketch": bytes(WIDTH * N)}, f"does not have sketches of {N} training and {Q} test samples"),
        (
            {"train_sketch": bytes(WIDTH * N), "test_sketch": bytes(Q)},
            f"does not have sketches of {N} training and {Q} test samples",
        ),
        ({"train_margin": None}, "does not have a margin for each of its samples"),
        ({"test_margin": bytes(Q + 1)}, "does not have a margin for each of its samples"),
        ({"train_margin": bytes(N)}, None),  # ties are of either sign
        ({"train_margin": b"\x01" * N}, "has margins that contradict its bits"),
        ({"test_margin": b"\xff" * Q}, "has margins that contradict its bits"),
        ({"train_margin": b"\x80" * N}, "has margins that contradict its bits"),
        ({"train_mistakes": None}, "does not have a predicted class for each misclassified sample"),
        ({"test_mistakes": b"\x01" * (3 * Q)}, "does not have a predicted class for each misclassified sample"),
        ({"subset_digest": "0" * 64}, "has a subset that does not follow from its design"),
        ({"train_bits": b"\x00"}, f"does not have the bits of {N} training and {Q} test samples"),
        ({"train_probability": b"1"}, f"does not have the probabilities of {N} training and {Q} test samples"),
        ({"in_accuracy": 0.25}, "states accuracies that do not follow from its bits"),
        ({"seconds": -1.0}, "states an impossible time"),
    ],
)
def test_every_fault_is_named(change: dict[str, object], fault: str | None):
    assert faults(replace(made(2), **change)) == fault  # pyright: ignore[reportArgumentType]


def test_what_does_not_match_its_digest_is_no_further_examined():
    assert trial_fault(replace(made(1), train_margin=b""), made(1).digest, MEMBERSHIP[1], Q) == MISMATCH


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_margin": None}, "one byte for each of the 9 samples"),
        ({"train_margin": b"12"}, "one byte for each of the 23 samples"),
        ({"train_mistakes": None}, "one class for each of the"),
        ({"test_mistakes": b"1" * 40}, "one class for each of the"),
    ],
)
def test_damaged_outputs_are_not_unpacked(change: dict[str, object], message: str):
    with pytest.raises(Damaged, match=message):
        unpack_trials([replace(made(2), **change)], Design(), N, Q)  # pyright: ignore[reportArgumentType]


def test_margins_are_unpacked_if_every_trial_has_them():
    some = [made(0), made(1, margins=False), made(2)]
    assert unpack_trials(some, Design(), N, Q).margins is None
    assert unpack_trials([], Design(), N, Q).margins is None
    whole = unpack_trials([made(number) for number in (7, 2, 5)], Design(), N, Q)
    assert whole.numbers.tolist() == [2, 5, 7]
    for row, number in enumerate((2, 5, 7)):
        _assert_same(whole.select(np.array([row])), unpack_trials([made(number)], Design(), N, Q))
    _assert_same(whole.select(slice(1, None)), unpack_trials([made(5), made(7)], Design(), N, Q))
    _assert_same(whole.select(np.array([2, 0])).select(np.array([1, 0])), whole.select(np.array([0, 2])))


def _assert_same(one: Evidence, other: Evidence) -> None:
    assert one.margins is not None
    assert other.margins is not None
    np.testing.assert_array_equal(one.numbers, other.numbers)
    for part in ("train", "test"):
        np.testing.assert_array_equal(getattr(one.margins, part), getattr(other.margins, part))
        mine, theirs = (getattr(each.margins, f"{part}_mistakes") for each in (one, other))
        listed = [sorted(zip(each.trial, each.sample, each.predicted, strict=True)) for each in (mine, theirs)]
        assert listed[0] == listed[1]


def test_a_subset_of_another_design_is_noticed():
    with pytest.raises(Damaged):
        unpack_trials([replace(made(0), subset_digest=digest(pack(~MEMBERSHIP[0])))], Design(), N, Q)
