"""Counts of margins, votes, targets and placebo pairs: brute force, and the same in any order and portions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscore.statistics import output_counts, placebo
from memscore.statistics.counts import Counts
from memscore.statistics.output_counts import TARGETS, MarginCounts, Votes
from memscore.statistics.placebo import PlaceboCounts
from memscore.study.evidence import Evidence, Margins, Mistakes
from memscore.study.margins import HIGHEST, decode, soft_correctness
from memscore.study.spec import BLOCK, Design
from memscore.study.subsets import block_membership
from tests.made_evidence import labels, made_evidence, split_evidence

N, Q, BLOCKS = 40, 12, 6
DESIGN = Design(seed=5)
EVIDENCE = made_evidence(N, Q, BLOCKS, design=DESIGN, margins=True, probabilities=True)
TRAIN, TEST = labels(N), labels(Q)
NEW = ("margin_even", "margin_odd", "soft", "votes", "test_votes", "targets", "placebo")


def margins_of(evidence: Evidence) -> Margins:
    assert evidence.margins is not None
    return evidence.margins


def plain(value: Any) -> Any:
    """Counts as nested lists, whatever waits in them."""
    if isinstance(value, Votes):
        return [part.tolist() for part in value.found()]
    if isinstance(value, output_counts.TargetMargins):
        return [(number, *(part.tolist() for part in kept)) for number, kept in value.ordered().items()]
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return [plain(one) for one in value] if isinstance(value, list) else value


def assert_same(one: Counts, other: Counts) -> None:
    for field in fields(Counts):
        assert plain(getattr(one, field.name)) == plain(getattr(other, field.name)), field.name


def test_margins_equal_brute_force():
    counts, margins = Counts.of(EVIDENCE, TRAIN, TEST), margins_of(EVIDENCE)
    train, test = decode(margins.train).astype(object), decode(margins.test).astype(object)
    for half, parity in ((counts.margin_even, 0), (counts.margin_odd, 1)):
        chosen = [k for k in range(EVIDENCE.trials) if k // BLOCK % 2 == parity]
        assert half.trials == len(chosen)
        for i in range(N):
            inside = [train[k, i] for k in chosen if EVIDENCE.membership[k, i]]
            outside = [train[k, i] for k in chosen if not EVIDENCE.membership[k, i]]
            assert (half.n_in[i], half.n_out[i]) == (len(inside), len(outside))
            assert (half.sum_in[i], half.squares_in[i]) == (sum(inside), sum(m * m for m in inside))
            assert (half.sum_out[i], half.squares_out[i]) == (sum(outside), sum(m * m for m in outside))
        for j in range(Q):
            assert half.test_sum[j] == sum(test[k, j] for k in chosen)
            assert half.test_squares[j] == sum(test[k, j] ** 2 for k in chosen)
    assert counts.margins.trials == EVIDENCE.trials


def test_soft_correctness_of_pairs_equals_brute_force():
    counts, soft = Counts.of(EVIDENCE, TRAIN, TEST), soft_correctness(margins_of(EVIDENCE).test).astype(object)
    np.testing.assert_array_equal(counts.soft.n_in, EVIDENCE.membership.sum(axis=0))
    assert counts.soft.test_sum.tolist() == soft.sum(axis=0).tolist()
    assert counts.soft.test_squares.tolist() == (soft**2).sum(axis=0).tolist()
    for group, joint in zip(counts.groups, counts.soft.joint, strict=True):
        for a, i in enumerate(group.train):
            for b, j in enumerate(group.test):
                assert joint[a, b] == sum(soft[k, j] for k in range(EVIDENCE.trials) if EVIDENCE.membership[k, i])


def test_votes_and_targets_equal_brute_force():
    counts, margins = Counts.of(EVIDENCE, TRAIN, TEST), margins_of(EVIDENCE)
    held_out: Counter[tuple[int, int]] = Counter()
    for k, i, predicted in zip(*vars(margins.train_mistakes).values(), strict=True):
        held_out[int(i), int(predicted)] += not EVIDENCE.membership[k, i]
    of_tests = Counter(
        zip(margins.test_mistakes.sample.tolist(), margins.test_mistakes.predicted.tolist(), strict=True)
    )
    for votes, expected in ((counts.votes, +held_out), (counts.test_votes, of_tests)):
        found = list(zip(*(part.tolist() for part in votes.found()), strict=True))
        assert found == sorted(found)
        assert {(sample, predicted): times for sample, predicted, times in found} == expected
    targets = counts.targets.ordered()
    assert list(targets) == list(range(TARGETS))
    for number, (membership, codes) in targets.items():
        np.testing.assert_array_equal(membership, EVIDENCE.membership[number])
        np.testing.assert_array_equal(codes, margins.train[number])


@pytest.mark.parametrize("order", [range(2, BLOCKS), reversed(range(2, BLOCKS))])
def test_targets_are_the_first_trials_with_margins_even_if_earlier_trials_had_none(order: Iterable[int]):
    counts = Counts.of(replace(EVIDENCE.select(slice(0, 2 * BLOCK)), margins=None), TRAIN, TEST)
    assert not counts.targets.ordered()
    for part in split_evidence(EVIDENCE, list(order)):
        counts.add(part)
    assert list(counts.targets.ordered()) == list(range(2 * BLOCK, 2 * BLOCK + TARGETS))


@pytest.mark.slower
@given(
    order=st.permutations(range(BLOCKS)),
    cut=st.integers(0, BLOCKS),
    trial=st.integers(1, EVIDENCE.trials - 1),
    with_margins=st.sets(st.integers(0, BLOCKS - 1)),
)
@settings(deadline=None, max_examples=25)
def test_any_order_and_portions_of_mixed_kinds_give_the_same(
    order: list[int], cut: int, trial: int, with_margins: set[int]
):
    def kind(block: int, part: Evidence) -> Evidence:
        return part if block in with_margins else replace(part, margins=None)

    mixed = [kind(block, part) for block, part in enumerate(split_evidence(EVIDENCE, list(range(BLOCKS))))]
    whole = Counts.empty(TRAIN, TEST, DESIGN)
    for part in mixed:
        whole.add(part)
    one, other = Counts.empty(TRAIN, TEST, DESIGN), Counts.empty(TRAIN, TEST, DESIGN)
    for block in order[:cut]:
        one.add(mixed[block])
    for block in order[cut:]:
        other.add(mixed[block])
    assert_same(one + other, whole)
    assert_same(other + one, whole)

    at_once = Counts.of(EVIDENCE, TRAIN, TEST, DESIGN)
    in_two = Counts.empty(TRAIN, TEST, DESIGN)
    in_two.add(EVIDENCE.select(slice(trial, None)))
    in_two.add(EVIDENCE.select(slice(trial)))
    assert_same(in_two, at_once)
    if with_margins == set(range(BLOCKS)):
        assert_same(whole, at_once)


def test_trials_that_recorded_bits_alone_count_for_the_rest():
    bits, margins = replace(EVIDENCE, margins=None).select(slice(30)), EVIDENCE.select(slice(30, None))
    counts = Counts.empty(TRAIN, TEST, DESIGN)
    counts.add(bits)
    assert (counts.trials, counts.margins.trials, counts.soft.trials) == (30, 0, 0)
    assert all(len(part) == 0 for votes in (counts.votes, counts.test_votes) for part in votes.found())
    counts.add(margins)
    assert (counts.trials, counts.margins.trials, counts.soft.trials) == (60, 30, 30)
    np.testing.assert_array_equal(counts.soft.n_in, margins.membership.sum(axis=0))
    assert counts.placebo is not None
    assert int(counts.placebo.n_in.sum()) == 2 * int(counts.placebo.soft_n_in.sum())
    of_all = Counts.of(EVIDENCE, TRAIN, TEST, DESIGN)
    np.testing.assert_array_equal(counts.placebo.n_in, of_all.placebo.n_in)  # pyright: ignore[reportOptionalMemberAccess]


def test_large_portions_are_counted_in_steps(monkeypatch: pytest.MonkeyPatch):
    whole = Counts.of(EVIDENCE, TRAIN, TEST, DESIGN)
    monkeypatch.setattr("memscore.statistics.counts.BUFFER", 200)
    assert_same(Counts.of(EVIDENCE, TRAIN, TEST, DESIGN), whole)


def test_the_widest_margins_do_not_overflow():
    """The square of 40 in 256ths is 1.05e8: 100 of them exceed 32 bits."""
    t = 300
    codes = np.full((t, 2), -HIGHEST, np.int8)
    counts = MarginCounts.of(np.zeros((t, 2), np.bool_), codes, codes)
    assert counts.squares_out.tolist() == counts.test_squares.tolist() == [t * (40 * 256) ** 2] * 2
    assert counts.sum_out.tolist() == [-t * 40 * 256] * 2


@pytest.mark.slower
@given(portions=st.lists(st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 2**16 - 1)), max_size=9), max_size=9))
def test_votes_of_any_samples_and_classes_settle_as_they_are(portions: list[list[tuple[int, int]]]):
    votes, merged = Votes(), Votes()
    for portion in portions:
        some = np.array(portion, np.int64).reshape(-1, 2)
        mistakes = Mistakes(np.zeros(len(some), np.int64), some[:, 0], some[:, 1])
        votes.add(mistakes)
        alone = Votes()
        alone.add(mistakes)
        merged = alone + merged
    expected = Counter(vote for portion in portions for vote in portion)
    for one in (votes, merged):
        assert {(i, k): times for i, k, times in zip(*map(np.ndarray.tolist, one.found()), strict=True)} == expected


def test_votes_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch):
    votes, every = Votes(), np.arange(1 << 16)
    for _ in range(5):
        votes.add(Mistakes(every * 0, every, every))
        assert sum(map(len, votes.waiting)) <= 1 << 16
    assert votes.found()[2].tolist() == [5] * len(every)


@pytest.mark.parametrize("design", [Design(), Design(subset_ratio=0.5, seed=3), Design(kind="uniform")])
def test_phantoms_are_drawn_as_the_study_s_samples_are(design: Design):
    made = PlaceboCounts.empty(design, [(30, 5), (20, 5)])
    assert made is not None
    numbers = np.arange(300)
    drawn = made.membership(numbers)
    assert drawn.shape == (300, 50)
    if design.kind == "balanced":  # in exactly as many trials of each block
        assert (drawn.reshape(30, BLOCK, 50).sum(axis=1) == round(BLOCK * design.subset_ratio)).all()
    assert drawn.mean() == pytest.approx(design.subset_ratio, abs=0.02)
    real = np.concatenate([block_membership(design, 50, block) for block in range(30)])
    table = [np.corrcoef(drawn[:, i], real[:, i])[0, 1] for i in range(50)]
    assert abs(np.mean(table)) < 0.03  # its own draw, not the study's: error 1 / sqrt(300 * 50) = .008
    shuffled = np.random.default_rng(0).permutation(numbers)
    np.testing.assert_array_equal(made.membership(shuffled), drawn[shuffled])


def test_placebo_pairs_equal_brute_force():
    counts = Counts.of(EVIDENCE, TRAIN, TEST, DESIGN)
    made, soft = counts.placebo, soft_correctness(margins_of(EVIDENCE).test)
    assert made is not None
    phantoms = made.membership(EVIDENCE.numbers).astype(int)
    assert made.sizes == [len(group.train) for group in counts.groups]
    np.testing.assert_array_equal(made.n_in, phantoms.sum(axis=0))
    np.testing.assert_array_equal(made.soft_n_in, phantoms.sum(axis=0))
    first = 0
    for place, group in enumerate(counts.groups):
        mine = phantoms[:, first : first + len(group.train)]
        first += len(group.train)
        np.testing.assert_array_equal(made.joint[place], mine.T @ EVIDENCE.test_correct[:, group.test].astype(int))
        np.testing.assert_array_equal(made.soft_joint[place], mine.T @ soft[:, group.test].astype(int))


def test_placebo_pairs_are_of_the_first_classes_that_suffice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(placebo, "LEAST_PAIRS", 100)
    made = PlaceboCounts.empty(DESIGN, [(20, 3), (30, 2), (40, 1)])
    assert made is not None
    assert (made.sizes, len(made.n_in)) == ([20, 30], 50)
    whole, parts = Counts.of(EVIDENCE, TRAIN, TEST, DESIGN), split_evidence(EVIDENCE, [1, 0, 3, 2, 5, 4])
    assert whole.placebo is not None
    assert len(whole.placebo.joint) < len(whole.groups)
    counts = Counts.empty(TRAIN, TEST, DESIGN)
    for part in parts:
        counts.add(part)
    assert_same(counts, whole)


def test_there_are_no_placebo_pairs_without_a_design_or_with_fewer_samples_than_a_block():
    assert Counts.of(EVIDENCE, TRAIN, TEST).placebo is None
    assert PlaceboCounts.empty(DESIGN, [(9, 5)]) is None
    assert PlaceboCounts.empty(DESIGN, []) is None
    with_design, without = Counts.empty(TRAIN, TEST, DESIGN), Counts.empty(TRAIN, TEST)
    assert (with_design + without).placebo is None


def test_phantoms_influence_nothing_and_real_samples_do():
    """Training sample 0 decides test sample 0: its joint count shows it, that of no phantom does."""
    evidence = made_evidence(60, Q, 40, design=DESIGN)
    test = evidence.test_correct.copy()
    test[:, 0] = evidence.membership[:, 0]
    counts = Counts.of(replace(evidence, test_correct=test), labels(60), TEST, DESIGN)
    assert counts.placebo is not None
    (place,) = [k for k, group in enumerate(counts.groups) if 0 in group.test]
    first = sum(counts.placebo.sizes[:place])
    n_in = counts.placebo.n_in[first : first + counts.placebo.sizes[place]]
    right = counts.placebo.joint[place][:, 0]
    effect = right / n_in - (test[:, 0].sum() - right) / (counts.trials - n_in)
    assert np.abs(effect).max() < 4 * np.sqrt(0.25 / counts.trials / 0.7 / 0.3)
    assert counts.joint[place][0, 0] == counts.statistics.n_in[0] == test[:, 0].sum()
