"""p-values against Fisher's test, q-values against sorting, and both against chance."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import hypergeom, norm

from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.significance import PairTest, benjamini_hochberg, mid_p_tails, normal_score
from memscore.study.spec import Design
from memscore.study.subsets import block_membership
from tests.made_evidence import joint_counts, made_evidence


def all_pairs(test: PairTest) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(test.n_in)), np.arange(len(test.test_correct))


def test_p_values_are_fishers_with_the_mid_p_correction():
    """In rational numbers, for every table of 30 trials with these margins."""
    trials, n_in = 30, np.array([21, 9, 1, 29])
    correct = np.array([0, 1, 13, 30])
    test = PairTest(n_in, correct, trials)
    for row, inside in enumerate(n_in.tolist()):
        total = comb(trials, inside)
        for column, y in enumerate(correct.tolist()):
            highest = min(inside, y)
            for s in range(max(0, inside + y - trials), highest + 1):
                exact = [Fraction(comb(y, k) * comb(trials - y, inside - k), total) for k in range(s, highest + 1)]
                cell = test.cells_of(np.array([s]), np.array([row]), np.array([column]))
                assert test.p[cell][0] == pytest.approx(float(sum(exact) - exact[0] / 2), rel=1e-9)


def test_p_values_of_thousands_of_trials_keep_their_precision():
    """Also far in the tail: relative error below 1e-8 down to 1e-100."""
    trials, inside, y = 2000, 1400, np.array([3, 700, 1500])
    tails = mid_p_tails(trials, inside, y, 601)
    for row, correct in enumerate(y.tolist()):
        lowest, highest = max(0, inside + correct - trials), min(inside, correct)
        mass = hypergeom.pmf(np.arange(lowest, highest + 1), trials, correct, inside)
        exact = np.cumsum(mass[::-1])[::-1] - mass / 2
        seen = exact > 1e-100
        np.testing.assert_allclose(tails[row, : len(exact)][seen], exact[seen], rtol=1e-8)
        assert (tails[row, len(exact) :] == 0).all()


@pytest.mark.parametrize(("trials", "ratio"), [(500, 0.5), (500, 0.7), (2000, 0.7), (2000, 0.9)])
def test_normal_scores_have_the_stated_error(trials: int, ratio: float):
    """p off by a factor of 0.98 to 1.10 down to 1e-50, by at most 0.002 anywhere, in the order of exact p-values."""
    inside = int(trials * ratio)
    factors: list[np.ndarray] = []
    for y in np.linspace(100, trials - 100, 15).astype(int).tolist():
        s = np.arange(max(0, inside + y - trials), min(inside, y) + 1)
        exact = mid_p_tails(trials, inside, np.array([y]), len(s))[0]
        score = normal_score(s, np.full(len(s), inside), np.full(len(s), y), trials)
        assert (np.diff(score) > 0).all()
        approximate = norm.sf(np.floor(score * 1024) / 1024)
        assert np.abs(approximate - exact).max() < 0.002
        seen = (exact > 1e-50) & (exact < 0.5)
        factors.append(approximate[seen] / exact[seen])
    found = np.concatenate(factors)
    print(f"{trials} trials, ratio {ratio}: factors {found.min():.3f} to {found.max():.3f}")
    assert found.min() > 0.98
    assert found.max() < 1.10


def test_the_approximation_takes_over_where_exact_tables_would_be_large(monkeypatch: pytest.MonkeyPatch):
    """Columns with a small margin stay exact; q-values are those of exact tables but for the stated error."""
    evidence = made_evidence(30, 40, 60, seed=2, design=Design(kind="uniform"))
    statistics = SufficientStatistics.of(evidence)
    joint = joint_counts(evidence.membership, evidence.test_correct)
    margins = statistics.n_in, statistics.test_correct, 600
    exact = PairTest(*margins)
    assert not exact.approximate.any()
    monkeypatch.setattr("memscore.statistics.significance.CELLS", 1000)
    mixed = PairTest(*margins)
    small = np.minimum(statistics.test_correct, 600 - statistics.test_correct) < 100
    np.testing.assert_array_equal(mixed.approximate, ~small)
    assert 0 < small.sum() < 40
    q: list[np.ndarray] = []
    for test in (exact, mixed):
        cells = test.cells(joint, *all_pairs(test))
        test.add(cells)
        q.append(test.q_values()[cells])
    p, p_mixed = (test.p[test.cells(joint, *all_pairs(test))] for test in (exact, mixed))
    np.testing.assert_array_equal(p_mixed[:, small], p[:, small])
    np.testing.assert_allclose(p_mixed, p, rtol=0.03)
    np.testing.assert_allclose(q[1], q[0], rtol=0.05)


def test_no_column_is_exact_if_none_has_a_small_margin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.statistics.significance.CELLS", 10)
    n_in, correct, joint = np.array([400, 410]), np.array([300, 301]), np.array([[210, 190], [205, 230]])
    test = PairTest(n_in, correct, 600)
    assert test.approximate.all()
    p = test.p[test.cells(joint, *all_pairs(test))]
    for i in range(2):
        for j in range(2):
            s = joint[i, j]
            exact = hypergeom.sf(s, 600, correct[j], n_in[i]) + hypergeom.pmf(s, 600, correct[j], n_in[i]) / 2
            assert p[i, j] == pytest.approx(exact, rel=0.02)


def test_below_500_trials_everything_is_exact(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("memscore.statistics.significance.CELLS", 10)
    assert not PairTest(np.array([300, 310]), np.array([200, 250]), 499).approximate.any()


def test_pairs_of_samples_without_a_side_are_left_out():
    test = PairTest(np.array([0, 7, 10]), np.array([5, 6]), 10)
    assert test.defined.tolist() == [False, True, False]
    assert len(PairTest(np.array([0, 10]), np.array([5]), 10).p) == 0


def permuted(seed: int) -> tuple[PairTest, np.ndarray]:
    """Trials whose predictions are shuffled among the trials: nothing influences anything."""
    evidence = made_evidence(100, 60, 20, seed=seed)
    test_correct = evidence.test_correct[np.random.default_rng(seed).permutation(evidence.trials)]
    joint = joint_counts(evidence.membership, test_correct)
    test = PairTest(evidence.membership.sum(axis=0), test_correct.sum(axis=0), evidence.trials)
    cells = test.cells(joint, *all_pairs(test))
    test.add(cells)
    return test, cells


def level(test: PairTest, alpha: float) -> float:
    """The exact chance of a p-value below alpha, mean over the test samples; not alpha, as counts are discrete."""
    chances: list[float] = []
    for y in test.test_correct.tolist():
        inside = int(test.n_in[0])
        s = np.arange(max(0, inside + y - test.trials), min(inside, y) + 1)
        mass = hypergeom.pmf(s, test.trials, y, inside)
        chances.append(float(mass[mid_p_tails(test.trials, inside, np.array([y]), len(s))[0] < alpha].sum()))
    return float(np.mean(chances))


@pytest.mark.slower
def test_p_values_and_q_values_are_calibrated_where_nothing_influences():
    """60 shuffled studies of 6,000 pairs.

    As many p-values are below 0.05 as there must be (+- 0.002: four standard errors), and that is 4 to 5 %. At
    q = 0.1 a study reports any pair at all with a chance of at most 0.1: more than 13 of 60 would come about in
    1 of 1,000 runs.
    """
    below, levels, reporting, reported = [], [], 0, 0
    for seed in range(60):
        test, cells = permuted(seed)
        below.append(float((test.p[cells] < 0.05).mean()))
        levels.append(level(test, 0.05))
        q = test.q_values()[cells]
        reporting += bool((q <= 0.1).any())
        reported += int((q <= 0.1).sum())
    print(
        f"p < 0.05: {np.mean(below):.4f}, exactly {np.mean(levels):.4f}; studies that report: {reporting} of 60; "
        f"pairs reported: {reported} of 360,000"
    )
    assert 0.04 <= np.mean(levels) <= 0.05
    assert np.mean(below) == pytest.approx(np.mean(levels), abs=0.002)
    assert reporting <= 13
    assert reported <= 40


def test_5_percent_are_below_5_percent_where_counts_are_large():
    """2,000 shuffled trials of test samples with chances from 0.2 to 0.8: 0.05 +- 0.003 (four standard errors)."""
    random = np.random.default_rng(0)
    membership = np.concatenate([block_membership(Design(seed=5), 200, block) for block in range(200)])
    test_correct = random.random((2000, 100)) < random.uniform(0.2, 0.8, 100)
    test = PairTest(membership.sum(axis=0), test_correct.sum(axis=0), 2000)
    p = test.p[test.cells(joint_counts(membership, test_correct), *all_pairs(test))]
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=0.003)
    assert (p > 0.95).mean() == pytest.approx(0.05, abs=0.003)


def test_q_values_by_hand():
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.04, 0.01, 0.03, 0.5])), [0.16 / 3, 0.04, 0.16 / 3, 0.5])


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
def test_q_values_are_monotone_and_no_smaller_than_p(p: np.ndarray):
    q = benjamini_hochberg(p)
    assert (q >= p - 1e-15).all()
    assert (q <= 1).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= 0).all()


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.data())
@settings(deadline=None)
def test_counting_equal_p_values_gives_the_bits_of_sorting_them_all(p: np.ndarray, data: st.DataObject):
    """Also where several cells have one p-value."""
    p[::3] = p[0]
    count = np.array(data.draw(st.lists(st.integers(1, 50), min_size=len(p), max_size=len(p))))
    np.testing.assert_array_equal(
        np.repeat(benjamini_hochberg(p, count), count), benjamini_hochberg(np.repeat(p, count))
    )
