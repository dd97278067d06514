"""Counts: brute force, and the same integers in any order and portions."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscore.errors import InvalidInput
from memscore.statistics.counts import Counts, class_groups
from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.output_counts import ProbabilityCounts
from tests.made_evidence import labels, made_evidence, split_evidence

N, Q, BLOCKS = 40, 12, 6
EVIDENCE = made_evidence(N, Q, BLOCKS, probabilities=True)
TRAIN, TEST = labels(N), labels(Q)


def assert_same(one: Counts, other: Counts) -> None:
    assert one.full_trials == other.full_trials
    for name in ("weighted_correct", "full_correct"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for mine, theirs in zip(one.joint, other.joint, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype == np.int32
    for name in ("even", "odd", "probability"):
        mine, theirs = getattr(one, name), getattr(other, name)
        for field in fields(mine):
            np.testing.assert_array_equal(getattr(mine, field.name), getattr(theirs, field.name))


def test_counts_equal_brute_force():
    counts = Counts.of(EVIDENCE, TRAIN, TEST)
    trials = range(EVIDENCE.trials)
    member, right, test = EVIDENCE.membership, EVIDENCE.train_correct, EVIDENCE.test_correct
    for half, parity in ((counts.even, 0), (counts.odd, 1)):
        chosen = [k for k in trials if k // 10 % 2 == parity]
        assert half.trials == len(chosen) == 30
        for i in range(N):
            assert half.n_in[i] == sum(int(member[k, i]) for k in chosen)
            assert half.correct_in[i] == sum(int(member[k, i] and right[k, i]) for k in chosen)
            assert half.correct_out[i] == sum(int(not member[k, i] and right[k, i]) for k in chosen)
        assert half.test_correct.tolist() == [sum(int(test[k, j]) for k in chosen) for j in range(Q)]
    for group, joint in zip(counts.groups, counts.joint, strict=True):
        for a, i in enumerate(group.train):
            for b, j in enumerate(group.test):
                assert TRAIN[i] == TEST[j] == group.label
                assert joint[a, b] == sum(int(member[k, i] and test[k, j]) for k in trials)
    assert sum(joint.size for joint in counts.joint) == sum(int((label == TRAIN).sum()) for label in TEST)
    everything = member.T.astype(int) @ test
    np.testing.assert_array_equal(counts.weighted_correct, everything.sum(axis=0))


def test_probabilities_equal_brute_force():
    assert EVIDENCE.train_probability is not None
    assert EVIDENCE.test_probability is not None
    counts = Counts.of(EVIDENCE, TRAIN, TEST).probability
    assert counts.trials == EVIDENCE.trials
    for i in range(N):
        inside = [int(p) for p in EVIDENCE.train_probability[EVIDENCE.membership[:, i], i]]
        outside = [int(p) for p in EVIDENCE.train_probability[~EVIDENCE.membership[:, i], i]]
        assert (counts.n_in[i], counts.n_out[i]) == (len(inside), len(outside))
        assert (counts.sum_in[i], counts.sum_out[i]) == (sum(inside), sum(outside))
        assert counts.squares_in[i] == sum(p * p for p in inside)
        assert counts.squares_out[i] == sum(p * p for p in outside)
    for j in range(Q):
        observed = [int(p) for p in EVIDENCE.test_probability[:, j]]
        assert counts.test_sum[j] == sum(observed)
        assert counts.test_squares[j] == sum(p * p for p in observed)


@given(order=st.permutations(range(BLOCKS)), cut=st.integers(0, BLOCKS), trial=st.integers(1, EVIDENCE.trials - 1))
@settings(deadline=None, max_examples=25)
def test_any_order_and_any_portions_give_the_same_counts(order: list[int], cut: int, trial: int):
    whole = Counts.of(EVIDENCE, TRAIN, TEST)
    full = np.arange(5 * Q).reshape(5, Q) % 3 == 0
    whole.add_full(full)

    one, other = Counts.empty(TRAIN, TEST), Counts.empty(TRAIN, TEST)
    parts = split_evidence(EVIDENCE, order)
    for part in parts[:cut]:
        one.add(part)
    for part in parts[cut:]:
        other.add(part)
    one.add_full(full[:2])
    other.add_full(full[2:])
    assert_same(one + other, whole)
    assert_same(other + one, whole)

    in_two = Counts.empty(TRAIN, TEST)
    in_two.add(EVIDENCE.select(slice(trial, None)))
    in_two.add(EVIDENCE.select(slice(trial)))
    in_two.add_full(full)
    assert_same(in_two, whole)


def test_large_portions_are_counted_in_steps(monkeypatch: pytest.MonkeyPatch):
    whole = Counts.of(EVIDENCE, TRAIN, TEST)
    monkeypatch.setattr("memscore.statistics.counts.BUFFER", 200)
    assert_same(Counts.of(EVIDENCE, TRAIN, TEST), whole)


def test_trials_without_probabilities_count_for_the_rest_alone():
    plain = replace(EVIDENCE, train_probability=None, test_probability=None).select(slice(30))
    counts = Counts.of(plain, TRAIN, TEST)
    assert counts.probability.trials == 0
    counts.add(EVIDENCE.select(slice(30, None)))
    assert counts.trials == 60
    assert counts.probability.trials == 30
    np.testing.assert_array_equal(counts.probability.n_in, EVIDENCE.membership[30:].sum(axis=0))
    np.testing.assert_array_equal(counts.statistics.n_in, EVIDENCE.membership.sum(axis=0))


def test_the_statistics_are_those_of_all_trials():
    counts, statistics = Counts.of(EVIDENCE, TRAIN, TEST), SufficientStatistics.of(EVIDENCE)
    for field in fields(statistics):
        np.testing.assert_array_equal(getattr(counts.statistics, field.name), getattr(statistics, field.name))


def test_no_evidence_changes_nothing():
    counts = Counts.of(EVIDENCE, TRAIN, TEST)
    counts.add(EVIDENCE.select(slice(0)))
    counts.add_full(np.empty((0, Q), np.bool_))
    assert_same(counts, Counts.of(EVIDENCE, TRAIN, TEST))
    assert Counts.empty(TRAIN, TEST).trials == 0


def test_classes_without_test_samples_have_no_pairs():
    groups = class_groups(np.array([2, 0, 1, 2], np.int32), np.array([2, 0, 2], np.int32))
    assert [(group.label, group.train.tolist(), group.test.tolist()) for group in groups] == [
        (0, [1], [1]),
        (2, [0, 3], [0, 2]),
    ]


def test_counts_of_other_labels_are_refused():
    with pytest.raises(InvalidInput, match="different labels"):
        _ = Counts.empty(TRAIN, TEST) + Counts.empty(TRAIN[::-1].copy(), TEST)


def test_sums_do_not_overflow():
    """All probabilities 1 in 300 trials: the sum of squares, 300 * 255**2, is far above what a byte or two hold."""
    t = 300
    ones = np.full((t, 2), 255, np.uint8)
    counts = ProbabilityCounts.of(np.ones((t, 2), np.bool_), ones, ones)
    assert counts.squares_in.tolist() == [t * 255**2] * 2
    assert counts.test_squares.tolist() == [t * 255**2] * 2
