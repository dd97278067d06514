"""Intervals over seeds and samples: they cover what they should, and verdicts follow from them alone."""

import numpy as np
import pytest

from trainer.experiments.interval import Estimate, apart, best_of, difference, estimate, over_seeds, weakest
from trainer.experiments.verdict import above, no_loss, untestable

REPETITIONS = 400


def _drawn(
    generator: np.random.Generator, seeds: int, samples: int, of_seed: float, of_sample: float, mean: float
) -> np.ndarray:
    """Values with effects of seeds, of samples, and noise that belongs to both."""
    noise = generator.normal(0, 0.3, (seeds, samples))
    return mean + generator.normal(0, of_seed, (seeds, 1)) + generator.normal(0, of_sample, samples) + noise


@pytest.mark.parametrize(("of_seed", "of_sample"), [(0.03, 0.3), (0.0, 0.3), (0.03, 0.0)])
def test_intervals_cover_the_mean_over_seeds_and_samples(of_seed: float, of_sample: float):
    generator = np.random.default_rng(1)
    found = [estimate(_drawn(generator, 3, 200, of_seed, of_sample, 0.1)) for _ in range(REPETITIONS)]
    assert np.mean([one.low <= 0.1 <= one.high for one in found]) >= 0.93


def test_an_interval_of_samples_alone_would_not_cover_what_seeds_add():
    generator = np.random.default_rng(2)
    found = [_drawn(generator, 3, 2000, 0.03, 0.3, 0.1) for _ in range(REPETITIONS)]
    alone = [estimate(values[:1]) for values in found]
    assert np.mean([one.low <= 0.1 <= one.high for one in alone]) < 0.7


def test_differences_are_paired_by_sample():
    generator = np.random.default_rng(3)
    hard = generator.random(500) < 0.5
    first = np.stack([hard] * 3)
    second = first.copy()
    second[:, np.flatnonzero(~hard)[:25]] = True
    found = difference(first, second)
    assert found.value == pytest.approx(0.05)
    assert 0.02 < found.low < 0.05 < found.high < 0.08
    one, two = estimate(first), estimate(second)
    assert one.high > two.low  # which would not tell them apart


def test_groups_of_other_samples_are_compared_too():
    generator = np.random.default_rng(4)
    first, second = generator.random((3, 400)) < 0.2, generator.random((3, 900)) < 0.6
    found = apart(first, second)
    assert found.low < 0.4 < found.high
    assert found.high - found.low < 0.3


def test_numbers_of_seeds_have_students_interval():
    found = over_seeds(np.array([1.0, 2.0, 3.0]))
    assert (found.value, found.deviation, found.seeds) == (2.0, 1.0, 3)
    assert found.high - found.value == pytest.approx(4.302653 / 3**0.5, rel=1e-5)
    alone = over_seeds(np.array([1.0]))
    assert alone.low == -np.inf


def test_equal_values_have_no_width():
    assert estimate(np.ones((3, 5))) == Estimate(1.0, 1.0, 1.0, 0.0, 3)


def test_a_finding_is_confirmed_by_a_whole_interval_alone():
    claim = "up"
    assert above(claim, "x", Estimate(0.02, 0.01, 0.03, 0.0, 3)).verdict == "confirmed"
    assert above(claim, "x", Estimate(0.02, -0.01, 0.05, 0.0, 3)).verdict == "not confirmed"
    opposite = above(claim, "x", Estimate(-0.02, -0.03, -0.01, 0.0, 3))
    assert opposite.verdict == "not confirmed"
    assert "the opposite is significant" in opposite.numbers
    assert above(claim, "x", over_seeds(np.array([1.0]))).verdict == "not testable here"
    assert "one seed" in above(claim, "x", Estimate(0.02, 0.01, 0.03, float("nan"), 1)).numbers


def test_no_loss_needs_a_loss_beyond_the_margin_to_be_excluded():
    assert no_loss("same", "x", Estimate(0.0, -0.005, 0.005, 0.0, 3), 0.01).verdict == "confirmed"
    assert no_loss("same", "x", Estimate(0.0, -0.02, 0.02, 0.0, 3), 0.01).verdict == "not confirmed"
    assert "the opposite is significant" in no_loss("same", "x", Estimate(-0.03, -0.04, -0.02, 0.0, 3), 0.01).numbers
    assert untestable("same", "too few").verdict == "not testable here"


def test_the_weakest_of_several_decides_over_all():
    sure = Estimate(0.02, 0.01, 0.03, 0.0, 3)
    unsure = Estimate(0.05, -0.01, 0.11, 0.0, 3)
    opposite = Estimate(-0.05, -0.06, -0.04, 0.0, 3)
    assert weakest({"sure": sure, "surer": Estimate(0.2, 0.1, 0.3, 0.0, 3)}) == "sure"
    assert weakest({"sure": sure, "unsure": unsure}) == "unsure", "its value is larger, and yet it could be below 0"
    assert weakest({"unsure": Estimate(0.0, -0.2, 0.2, 0.0, 3), "opposite": opposite}) == "opposite"
    assert weakest({"sure": sure, "unsure": unsure}, -0.02) == "sure"


def test_the_best_of_equal_candidates_does_not_look_better_for_having_been_chosen():
    generator = np.random.default_rng(5)
    trials = [[generator.random((1, 200)) < 0.5 for _ in range(10)] for _ in range(REPETITIONS)]
    gains = [best_of(candidates).mean() - 0.5 for candidates in trials]
    assert abs(np.mean(gains)) < 3 * 0.5 / np.sqrt(200 * REPETITIONS)
    better = generator.random((1, 200)) < 0.9
    assert (best_of([*trials[0], better]) == better).all()


def test_nothing_is_known_of_no_samples():
    nothing = estimate(np.ones((3, 0)))
    assert np.isnan(nothing.value)
    assert above("up", "x", nothing).verdict == "not testable here"
    assert no_loss("same", "x", apart(np.ones((3, 5)), np.ones((3, 0))), 0.01).verdict == "not testable here"
