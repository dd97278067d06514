"""Intervals over seeds and samples: they cover what they should, and verdicts follow from them alone."""

import numpy as np
import pytest
from scipy.stats import binom

from trainer.experiments.verdict import Precondition, Verdict, above, no_loss, untestable
from trainer.interval import Estimate, apart, best_of, difference, estimate, over_seeds, weakest

REPETITIONS = 400


def _drawn(
    generator: np.random.Generator, seeds: int, samples: int, of_seed: float, of_sample: float, mean: float
) -> np.ndarray:
    """Values with effects of seeds, of samples, and noise that belongs to both."""
    noise = generator.normal(0, 0.3, (seeds, samples))
    return mean + generator.normal(0, of_seed, (seeds, 1)) + generator.normal(0, of_sample, samples) + noise


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize(("of_seed", "of_sample"), [(0.03, 0.3), (0.015, 0.3), (0.0, 0.3), (0.03, 0.0)])
def test_intervals_cover_the_mean_over_seeds_and_samples(of_seed: float, of_sample: float, seeds: int):
    generator = np.random.default_rng(1)
    found = [estimate(_drawn(generator, seeds, 200, of_seed, of_sample, 0.1)) for _ in range(REPETITIONS)]
    missed = sum(not one.low <= 0.1 <= one.high for one in found)
    assert missed <= binom.ppf(0.999, REPETITIONS, 0.05)


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
    def word(value: float, low: float, high: float, seeds: int, bound: float = 0.0) -> str:
        return above("up", "here", "x", Estimate(value, low, high, 0.0, seeds), bound).verdict

    assert word(0.02, 0.01, 0.03, 3) == "confirmed"
    assert word(0.02, 0.01, 0.03, 0) == "confirmed", "what is about no runs has no seeds"
    assert word(0.02, -0.01, 0.05, 3) == "undecided"
    assert word(-0.02, -0.03, -0.01, 3) == "contradicted"
    assert word(0.06, 0.05, 0.07, 3, 0.1) == "contradicted"
    assert word(0.06, 0.05, 0.12, 3, 0.1) == "undecided"
    assert above("up", "here", "x", over_seeds(np.array([1.0]))).verdict == "not testable"


def test_one_seed_decides_nothing():
    words = [
        above("up", "here", "x", Estimate(value, value - 0.01, value + 0.01, float("nan"), 1))
        for value in (0.02, 0.0, -0.02)
    ]
    assert [one.verdict for one in words] == ["seen in one seed", "undecided", "opposite seen in one seed"]
    assert all("one seed: the interval covers only the samples" in one.numbers for one in words)


def test_what_a_finding_presupposes_is_asked_first():
    sure = Estimate(0.02, 0.01, 0.03, 0.0, 3)
    fitted = Precondition("they are fitted", "99 % are", True)
    missed = Precondition("they are fitted", "48 % are", False)
    assert above("up", "here", "x", sure, needs=fitted).verdict == "confirmed"
    verdict = above("up", "here", "x", sure, needs=missed)
    assert verdict.verdict == "not testable"
    assert verdict.numbers == "x; it presupposes that they are fitted, which these runs do not show: 48 % are"
    assert (verdict.value, verdict.low, verdict.high, verdict.seeds) == (0.02, 0.01, 0.03, 3)
    assert no_loss("same", "here", "x", sure, 0.01, needs=missed).verdict == "not testable"
    assert [one.holds for one in (fitted.and_also(missed), missed.and_also(fitted), fitted.and_also(fitted))] == [
        False,
        False,
        True,
    ]


def test_no_loss_needs_a_loss_beyond_the_margin_to_be_excluded():
    def found(value: float, half: float, seeds: int = 3) -> Verdict:
        return no_loss("same", "here", "x", Estimate(value, value - half, value + half, 0.0, seeds), 0.01)

    assert found(0.0, 0.005).verdict == "confirmed"
    assert found(-0.008, 0.008).verdict == "undecided"
    assert found(-0.03, 0.01).verdict == "contradicted"
    assert found(0.008, 0.008, 1).verdict == "seen in one seed"
    assert untestable("same", "here", "too few").verdict == "not testable"


def test_an_interval_wider_than_the_margin_cannot_show_that_nothing_is_lost():
    wide = no_loss("same", "here", "x", Estimate(0.0, -0.045, 0.045, 0.0, 3), 0.01)
    assert wide.verdict == "not testable"
    assert "known to ± 4.5 only: more seeds or test samples are needed" in wide.numbers
    gain = no_loss("same", "here", "x", Estimate(0.06, 0.015, 0.105, 0.0, 3), 0.01)
    assert gain.verdict == "confirmed", "a gain as large as that is no loss, however wide"
    loss = no_loss("same", "here", "x", Estimate(-0.06, -0.105, -0.015, 0.0, 3), 0.01)
    assert loss.verdict == "contradicted"


@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_methods_are_seldom_called_different(seeds: int):
    """Seeds of one method against others of the same, with the effects of seeds that were measured at mini scale."""
    generator = np.random.default_rng(6)
    words = [
        above("up", "here", "x", estimate(one - other)).verdict
        for one, other in (
            [_drawn(generator, seeds, 500, 0.01, 0.3, 0.1) for _ in range(2)] for _ in range(REPETITIONS)
        )
    ]
    assert words.count("confirmed") + words.count("contradicted") <= binom.ppf(0.999, REPETITIONS, 0.05)
    assert set(words) <= {"confirmed", "contradicted", "undecided"}


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
    assert above("up", "here", "x", nothing).verdict == "not testable"
    assert no_loss("same", "here", "x", apart(np.ones((3, 5)), np.ones((3, 0))), 0.01).verdict == "not testable"
