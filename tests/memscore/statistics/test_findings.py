"""What holds among pairs: sums of soft correctness by brute force, planted pairs found, placebo pairs not."""

import numpy as np
import pytest

from memscore.statistics.counts import Counts
from memscore.statistics.findings import LIKELY, Findings, Source, halves_check, placebo_check
from memscore.statistics.shifts import SOFT_PARTS, Outcomes, both
from memscore.statistics.similarity import Similarity
from memscore.study.margins import soft_correctness
from tests.made_evidence import Planted, false_findings, labels, made_evidence, planted_evidence


def counted(planted: Planted) -> tuple[Counts, Similarity]:
    counts = Counts.of(planted.evidence, planted.y_train, planted.y_test, planted.design)
    return counts, Similarity.of_images(counts.groups, planted.x_train, planted.x_test)


def test_soft_sums_of_all_blocks_and_of_the_even_ones_equal_brute_force():
    evidence = made_evidence(margins=True)
    counts = Counts.of(evidence, labels(40), labels(12))
    assert evidence.margins is not None
    soft = soft_correctness(evidence.margins.test).astype(np.int64)
    even = evidence.numbers // 10 % 2 == 0
    odd = counts.soft - counts.soft_even
    for sums, chosen in ((counts.soft, np.ones_like(even)), (counts.soft_even, even), (odd, ~even)):
        values, member, right = soft[chosen], evidence.membership[chosen].astype(int), evidence.test_correct[chosen]
        assert sums.trials == len(values)
        assert sums.n_in.tolist() == member.sum(axis=0).tolist()
        assert sums.test_sum.tolist() == values.sum(axis=0).tolist()
        assert sums.test_squares.tolist() == (values**2).sum(axis=0).tolist()
        assert sums.test_cubes.tolist() == (values**3).sum(axis=0).tolist()
        assert sums.test_correct.tolist() == (values * right).sum(axis=0).tolist()
        assert sums.correct_squares.tolist() == (values**2 * right).sum(axis=0).tolist()
        assert sums.correct.tolist() == right.sum(axis=0).tolist()
        for group, joint in zip(counts.groups, sums.joint, strict=True):
            np.testing.assert_array_equal(joint, member[:, group.train].T @ values[:, group.test])
    for group, joint in zip(counts.groups, counts.joint_even, strict=True):
        expected = evidence.membership[even][:, group.train].T.astype(int) @ evidence.test_correct[even][:, group.test]
        np.testing.assert_array_equal(joint, expected)


def test_the_outcome_of_both_has_the_sums_of_its_combination():
    evidence = made_evidence(margins=True)
    assert evidence.margins is not None
    counts = Counts.of(evidence, labels(40), labels(12))
    soft = soft_correctness(evidence.margins.test).astype(np.int64)
    combined = SOFT_PARTS * soft + 255 * evidence.test_correct
    found = Outcomes.of_both(counts.soft)
    for power, sums in ((1, found.total), (2, found.squares), (3, found.cubes)):
        assert sums.tolist() == (combined**power).sum(axis=0).tolist()
    group = counts.groups[0]
    expected = evidence.membership[:, group.train].T.astype(int) @ combined[:, group.test]
    np.testing.assert_array_equal(both(counts.soft.joint[0], counts.joint[0]), expected)


def test_counts_of_parts_add_up_to_those_of_all():
    evidence = made_evidence(margins=True)
    whole = Counts.of(evidence, labels(40), labels(12))
    parts = [Counts.of(evidence.select(one), labels(40), labels(12)) for one in (slice(0, 25), slice(25, None))]
    total = parts[0] + parts[1]
    for mine, theirs in ((whole.soft, total.soft), (whole.soft_even, total.soft_even)):
        for one, other in zip(vars(mine).values(), vars(theirs).values(), strict=True):
            np.testing.assert_equal(one, other)
    np.testing.assert_equal(whole.joint_even, total.joint_even)


@pytest.mark.slower
@pytest.mark.parametrize("margins", [True, False])
def test_planted_pairs_are_found_and_their_probabilities_come_true(margins: bool):
    found = true = strong = came_true = 0
    expected = 0.0
    for seed in range(3):
        planted = planted_evidence(seed, margins=margins)
        counts, similarity = counted(planted)
        source = Source.of(counts)
        assert source is not None
        assert source.margins == margins
        findings = Findings(source, similarity.bins)
        cells = [findings.add(at, np.arange(250), group.train, group.test) for at, group in enumerate(counts.groups)]
        q, posterior = findings.test.q_values(), findings.posterior(0.15)
        for group, one in zip(counts.groups, cells, strict=True):
            infl = planted.infl[np.ix_(group.train, group.test)]
            significant = q[one.tested] <= 0.05
            found += int((significant & (infl > 0)).sum())
            assert (significant & (infl == 0)).sum() <= 3
            probability = posterior.strong[one.sized]
            expected += float(probability.sum())
            true += int((infl > 0.15).sum())
            strong += int((probability > 0.9).sum())
            came_true += int((infl[probability > 0.9] > 0.15).sum())
    assert true >= 70
    assert found >= 55
    assert 0.75 <= expected / true <= 1.4  # margins say more than bits, but not quite on the scale of infl
    assert came_true / strong >= 0.85


def test_undefined_training_samples_have_no_cell_and_count_nothing():
    planted = planted_evidence()
    counts, similarity = counted(planted)
    source = Source.of(counts)
    assert source is not None
    source.tested.n_in[counts.groups[0].train[3]] = 0
    findings = Findings(source, similarity.bins)
    group = counts.groups[0]
    found = findings.add(0, np.arange(250), group.train, group.test)
    assert (found.tested[3] == -1).all()
    assert (found.sized[3] == -1).all()
    assert np.isnan(found.infl[3]).all()
    assert (np.delete(found.tested, 3, axis=0) >= 0).all()
    assert findings.test.count.sum() == findings.effects.sum() == 249 * 100


@pytest.mark.slower
@pytest.mark.parametrize("margins", [True, False])
def test_few_placebo_pairs_are_found(margins: bool):
    real = placebo = 0
    for seed in range(4):
        check = placebo_check(*counted(planted_evidence(seed, margins=margins)))
        assert check is not None
        assert check.pairs == 2 * 250 * 100
        real += check.weighted.real
        placebo += check.weighted.placebo
        assert check.exact.share <= 0.2
    assert real >= 55
    assert 2 * placebo / (real + placebo) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize("margins", [True, False])
def test_over_a_hundred_studies_one_finding_in_twenty_is_false_at_most(margins: bool):
    """The share of false findings in each study, 0 where there is none, and the standard error of its mean."""
    found = np.array([false_findings(planted_evidence(1000 + seed, margins=margins)) for seed in range(100)])
    share = found[:, 1] / np.maximum(1, found[:, 0])
    assert found[:, 0].mean() > 15
    assert share.mean() + 2 * share.std(ddof=1) / 10 <= 0.05


def test_the_placebo_check_notices_a_test_that_is_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.statistics.findings.weights", lambda _: np.full(256, 300.0))
    check = placebo_check(*counted(planted_evidence()))
    assert check is not None
    assert check.weighted.share > 0.2


def test_halves_agree_on_what_they_find_likely():
    planted = planted_evidence(blocks=20)
    check = halves_check(*counted(planted), 0.15)
    assert check is not None
    assert check.pairs >= 25
    assert abs(check.predicted - check.found) <= 4 * check.error + 0.05
    assert LIKELY == 0.5


def test_there_are_no_findings_from_few_trials_and_no_check_without_a_design():
    evidence = made_evidence(blocks=1)
    assert Source.of(Counts.of(evidence, labels(40), labels(12))) is None
    planted = planted_evidence()
    counts = Counts.of(planted.evidence, planted.y_train, planted.y_test)
    assert placebo_check(counts, Similarity([])) is None


def test_margins_of_few_trials_are_not_used():
    with_margins, without = made_evidence(blocks=2, margins=True), made_evidence(blocks=4)
    counts = Counts.of(with_margins, labels(40), labels(12))
    source = Source.of(counts)
    assert source is not None
    assert source.margins
    counts.add(without.select(slice(20, None)))
    source = Source.of(counts)
    assert source is not None
    assert not source.margins
