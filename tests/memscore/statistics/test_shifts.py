"""Influence on any outcome: brute force, and p-values against permutations of memberships."""

from dataclasses import replace

import numpy as np
import pytest

from memscore.statistics.counts import Counts, SoftCounts
from memscore.statistics.estimates import gap
from memscore.statistics.shifts import Outcomes, Permutation, correlations, shifts
from tests.made_evidence import labels, made_evidence

TRIALS, N, Q = 60, 40, 5


def outcomes_of(member: np.ndarray, values: np.ndarray, scale: float = 255.0) -> Outcomes:
    whole = values.astype(np.int64)
    first, second, third = ((whole**power).sum(axis=0) for power in (1, 2, 3))
    return Outcomes(len(member), member.sum(axis=0, dtype=np.int64), first, second, third, scale)


def made(seed: int = 0, skewed: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    member = np.argsort(rng.random((TRIALS, N)), axis=0) < 0.7 * TRIALS
    return member, (255 * rng.random((TRIALS, Q)) ** (1 / skewed)).astype(np.uint8)


def test_shifts_equal_brute_force():
    member, values = made()
    outcomes = outcomes_of(member, values)
    joint = member.T.astype(np.int64) @ values.astype(np.int64)
    found = shifts(joint, outcomes, np.arange(N)[:, None], np.arange(Q)[None, :])
    r = correlations(joint, outcomes, np.arange(N)[:, None], np.arange(Q)[None, :])
    for i in range(N):
        for j in range(Q):
            inside, outside = (values[member[:, i] == side, j] / 255 for side in (True, False))
            assert found.infl[i, j] == pytest.approx(inside.mean() - outside.mean(), abs=1e-12)
            assert r[i, j] == pytest.approx(np.corrcoef(member[:, i], values[:, j])[0, 1], abs=1e-12)
            pooled = (inside.var() * len(inside) + outside.var() * len(outside)) / (TRIALS - 2)
            assert found.variance[i, j] == pytest.approx(pooled * (1 / len(inside) + 1 / len(outside)))
    third = [((column - column.mean()) ** 3).mean() / column.std() ** 3 for column in values.T.astype(float)]
    assert outcomes.skewness == pytest.approx(third)


def test_a_constant_outcome_has_no_influence():
    member, values = made()
    outcomes = outcomes_of(member, np.full_like(values, 255))
    joint = 255 * np.broadcast_to(outcomes.n_in[:, None], (N, Q))
    found = shifts(joint, outcomes, np.arange(N)[:, None], np.arange(Q)[None, :])
    assert not found.infl.any()
    assert not found.variance.any()
    r = correlations(joint, outcomes, np.arange(N)[:, None], np.arange(Q)[None, :])
    assert not r.any()
    p = Permutation(outcomes).p_values(r, np.arange(N)[:, None], np.arange(Q)[None, :])
    assert p == pytest.approx(0.5)


def test_on_bits_it_is_infl():
    counts = Counts.of(made_evidence(), labels(40), labels(12))
    statistics = counts.statistics
    group, joint = counts.groups[0], counts.joint[0]
    found = shifts(joint, Outcomes.of_bits(statistics), group.train[:, None], group.test[None, :])
    inside, correct = statistics.n_in[group.train][:, None], statistics.test_correct[group.test]
    expected = gap(joint.astype(np.int64), inside, correct - joint, statistics.trials - inside)
    np.testing.assert_allclose(found.infl, expected, rtol=0, atol=1e-12)


@pytest.mark.slower
@pytest.mark.parametrize(("skewed", "least"), [(0.15, 0.0), (1.0, 0.8), (6.0, 0.6)])  # rarely right: cannot be small
def test_p_values_are_those_of_permuted_memberships(skewed: float, least: float):
    _, values = made(3, skewed)
    outcomes = outcomes_of(*made(3, skewed))
    drawn, rng = 200_000, np.random.default_rng(4)
    member = np.argsort(rng.random((drawn, TRIALS)), axis=1) < 42
    joint = member @ values.astype(np.int64)
    many = replace(outcomes, n_in=np.full(drawn, 42))
    permutation = Permutation(many)
    r = correlations(joint, many, np.arange(drawn)[:, None], np.arange(Q)[None, :])
    p = permutation.p_values(r, np.arange(drawn)[:, None], np.arange(Q)[None, :])
    for level, low, high in ((0.1, 0.95, 1.1), (0.01, 0.5, 1.1), (0.001, least, 1.25)):
        assert low <= (p < level).mean() / level <= high, level


def test_the_scale_is_what_trials_show_of_correctness_and_soft_correctness():
    soft = replace(
        SoftCounts.empty(1, 1, []),
        trials=4,
        test_sum=np.array([400]),
        test_squares=np.array([2 * 200**2]),
        test_cubes=np.array([2 * 200**3]),
        test_correct=np.array([400]),
        correct=np.array([2]),
    )
    assert Outcomes.of_soft(soft).scale == pytest.approx(200)  # two right trials at 200, two wrong ones at 0
