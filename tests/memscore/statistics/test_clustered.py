"""Means over samples that share trials: errors and intervals that hold where samples are right together."""

import numpy as np
import pytest

from memscore.statistics.clustered import joint_memorization, mean_memorization
from memscore.statistics.estimates import SufficientStatistics, difference, memorization
from memscore.study.evidence import Evidence
from memscore.study.spec import Design
from memscore.study.subsets import block_membership

TRIALS, MEMBERS = 100, 20


def draw(random: np.random.Generator, shared: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Membership and correctness [t, g], and the mean mem; `shared`: how much a trial's quality moves all samples."""
    seed = int(random.integers(2**40))
    membership = np.concatenate([block_membership(Design(seed=seed), MEMBERS, block) for block in range(TRIALS // 10)])
    chance = np.linspace(0.3, 0.8, MEMBERS)
    quality = random.choice([-shared, shared], (TRIALS, 1))
    correct = membership | (random.random((TRIALS, MEMBERS)) < chance + quality)
    return membership, correct, float(1 - chance.mean())


@pytest.mark.slower
@pytest.mark.parametrize("shared", [0.0, 0.2])
def test_errors_and_intervals_of_the_mean_hold_whether_or_not_samples_depend(shared: float):
    random = np.random.default_rng(3)
    found = []
    for _ in range(300):
        membership, correct, truth = draw(random, shared)
        found.append((mean_memorization(membership, correct), truth))
    estimates = np.array([one.estimate for one, _ in found])
    errors = np.array([one.standard_error for one, _ in found])
    assert np.mean(estimates) == pytest.approx(found[0][1], abs=0.01)
    assert np.mean(errors) == pytest.approx(estimates.std(), rel=0.15)
    assert np.mean([one.low <= truth <= one.high for one, truth in found]) >= 0.92


def test_errors_of_independent_samples_would_be_too_small():
    membership, correct, _ = draw(np.random.default_rng(0), 0.2)
    alone = memorization(
        SufficientStatistics.of(Evidence(np.arange(TRIALS), membership, correct, np.ones((TRIALS, 1), np.bool_)))
    )
    naive = np.sqrt((alone.standard_error**2).sum()) / MEMBERS
    found = mean_memorization(membership, correct)
    assert found.estimate == pytest.approx(alone.estimate.mean())
    assert found.standard_error > 1.3 * naive


def test_the_mean_of_one_sample_is_its_mem():
    membership, correct, _ = draw(np.random.default_rng(1), 0.1)
    one = mean_memorization(membership[:, :1], correct[:, :1])
    alone = memorization(
        SufficientStatistics.of(Evidence(np.arange(TRIALS), membership, correct, np.ones((TRIALS, 1), np.bool_)))
    )
    assert one.estimate == pytest.approx(alone.estimate[0])
    assert one.standard_error == pytest.approx(alone.standard_error[0], rel=0.02)
    assert (one.low, one.high) == pytest.approx((alone.low[0], alone.high[0]), abs=0.01)


def test_samples_right_together_count_as_one_and_others_as_many():
    right_all, right_none = np.full(40, 10), np.array([10] * 10 + [0] * 10)
    one = joint_memorization(right_all, right_none, 10)
    alone = difference(np.array([40]), np.array([40]), np.array([10]), np.array([20]))
    assert (one.estimate, one.standard_error) == pytest.approx((0.5, alone.standard_error[0]))
    assert (one.low, one.high) == pytest.approx((alone.low[0], alone.high[0]), abs=0.02)
    spread = joint_memorization(right_all, np.array([5, 6, 4, 5] * 5), 10)
    assert spread.estimate == pytest.approx(0.5)
    assert spread.high - spread.low < 0.5 * (one.high - one.low)


def test_means_are_undefined_where_a_side_has_no_trial():
    none = np.empty(0, np.int64)
    assert np.isnan(joint_memorization(np.array([1]), none, 2).estimate)
    assert np.isnan(mean_memorization(np.ones((10, 3), np.bool_), np.ones((10, 3), np.bool_)).low)
    assert np.isnan(mean_memorization(np.ones((0, 3), np.bool_), np.ones((0, 3), np.bool_)).estimate)
    single = joint_memorization(np.array([2]), np.array([0]), 2)
    assert (single.estimate, np.isnan(single.standard_error)) == (1, True)
    assert single.low < 0.5 < single.high <= 1
