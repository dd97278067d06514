"""Precision: errors that do not vanish where trials agree, and forecasts against simulated studies."""

import numpy as np
import pytest

from memscore.errors import InvalidInput
from memscore.statistics.estimates import SufficientStatistics, memorization
from memscore.statistics.margin_estimates import MarginModel, margin_memorization
from memscore.statistics.output_counts import MarginCounts
from memscore.statistics.precision import (
    expected_error,
    expected_precision,
    forecast_trials,
    precise_error,
    share_precise,
    share_settled,
)
from memscore.study.margins import encode


def statistics_of(n_in: list[int], correct_in: list[int], correct_out: list[int], trials: int) -> SufficientStatistics:
    inside, right, wrong_side = np.array(n_in), np.array(correct_in), np.array(correct_out)
    return SufficientStatistics(trials, inside, right, right + wrong_side, np.zeros(1, np.int64))


def test_the_error_does_not_vanish_where_all_trials_agree():
    """7 of 7 right in, 0 of 3 right out: the standard error is 0, but p_out may well be a half."""
    few = statistics_of([7], [7], [0], 10)
    assert memorization(few).standard_error[0] == 0
    assert 0.1 < precise_error(few)[0] < 0.3
    many = statistics_of([700], [700], [0], 1000)
    assert 0.001 < precise_error(many)[0] < 0.01


def test_the_error_is_the_standard_error_where_proportions_are_moderate():
    statistics = statistics_of([350], [200], [60], 500)
    assert precise_error(statistics)[0] == pytest.approx(memorization(statistics).standard_error[0], rel=0.02)


def test_an_undefined_sample_is_neither_precise_nor_settled():
    statistics = statistics_of([10, 7], [10, 7], [0, 0], 10)
    assert np.isnan(precise_error(statistics)[0])
    assert share_precise(statistics, 1.0) == 0.5
    assert share_settled(statistics, 0.15) == 0.5


def test_settled_samples_are_those_whose_interval_excludes_the_threshold():
    statistics = statistics_of([70] * 4, [70, 70, 60, 35], [0, 30, 25, 14], 100)
    mem = memorization(statistics)
    expected = [low > 0.15 or high < 0.15 for low, high in zip(mem.low, mem.high, strict=True)]
    assert expected == [True, True, False, False]
    assert share_settled(statistics, 0.15) == np.mean(expected)
    assert share_settled(statistics, float(np.float32(mem.low[0]))) == 0.75  # not the first: its limit is no exclusion


@pytest.mark.parametrize("trials", [50, 200, 2000])
def test_the_worst_expected_error_is_that_of_the_formula(trials: int):
    """docs/scores.md: sqrt(1 / (4 t 0.7 0.3)); a little less, as intervals draw extreme estimates in."""
    formula = np.sqrt(1 / (4 * trials * 0.21))
    error = expected_error(trials, 0.7)
    assert 0.9 * formula < error.worst < formula
    assert error.typical < error.worst
    assert error.typical == pytest.approx(np.sqrt(0.09 / (0.3 * trials)), rel=0.25)


class Simulated:
    """A study of 4,000 samples with known chances that grows by blocks."""

    def __init__(self, kind: str, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        n = 4000
        self.p_in = np.ones(n)
        self.p_out = {
            "uniform": lambda: self.random.uniform(0, 1, n),
            "easy": lambda: self.random.beta(5, 0.1, n),
            "label noise": lambda: np.where(
                self.random.random(n) < 0.1, self.random.beta(0.3, 8, n), self.random.beta(8, 0.3, n)
            ),
        }[kind]()
        self.statistics = SufficientStatistics.empty(n, 1)

    def grow(self, blocks: int) -> None:
        n_in, n_out = 7 * blocks, 3 * blocks
        inside, outside = self.random.binomial(n_in, self.p_in), self.random.binomial(n_out, self.p_out)
        more = np.full(len(inside), n_in)
        self.statistics += SufficientStatistics(10 * blocks, more, inside, inside + outside, np.zeros(1, np.int64))


@pytest.mark.parametrize("kind", ["uniform", "easy", "label noise"])
@pytest.mark.parametrize(
    ("error", "threshold", "share"),
    [(0.05, None, 0.95), (0.05, None, 0.8), (None, 0.15, 0.85)],
)
def test_studies_brought_to_the_forecast_have_the_share(
    kind: str, error: float | None, threshold: float | None, share: float
):
    """From 50 trials on the share at the forecast is within 0.04 of the wanted one, or the forecast 30 % of exact."""

    def reached(statistics: SufficientStatistics) -> float:
        return share_settled(statistics, 0.15) if error is None else share_precise(statistics, error)

    for seed in range(2):
        study = Simulated(kind, seed)
        study.grow(5)
        forecast = forecast_trials(study.statistics, share=share, ratio=0.7, standard_error=error, threshold=threshold)
        assert forecast is not None
        assert forecast % 10 == 0
        shares: dict[int, float] = {}
        while not shares or max(shares) < forecast or max(shares.values()) < share:
            study.grow(1)
            shares[study.statistics.trials] = reached(study.statistics)
        needed = next(trials for trials, there in shares.items() if there >= share)
        print(
            f"{kind}, error {error}, threshold {threshold}, share {share}: forecast {forecast}, needed {needed}, "
            f"share there {shares[forecast]:.3f}"
        )
        assert abs(shares[forecast] - share) < 0.04 or abs(forecast - needed) <= 0.3 * needed


class SimulatedMargins:
    """A study of 2,000 samples with normal margins that grows by blocks."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.mean = self.random.normal(1.5, 2, 2000)
        self.deviation = np.sqrt(20 / self.random.chisquare(20, 2000))
        self.counts = MarginCounts.empty(2000, 1)

    def grow(self, blocks: int) -> None:
        membership = np.argsort(self.random.random((10 * blocks, 2000)), axis=0) < 7 * blocks
        noise = self.random.normal(size=membership.shape)
        margins = np.where(membership, 8 + noise, self.mean + self.deviation * noise).astype(np.float32)
        codes = encode(margins, margins > 0)
        self.counts += MarginCounts.of(membership, codes, np.zeros((len(codes), 1), np.int8))

    @property
    def model(self) -> MarginModel:
        return MarginModel.of(self.counts)


@pytest.mark.parametrize(("error", "threshold", "share"), [(0.05, None, 0.8), (None, 0.15, 0.75), (None, 0.15, 0.85)])
def test_forecasts_by_margins_come_true(error: float | None, threshold: float | None, share: float):
    def reached(model: MarginModel) -> float:
        return share_settled(model, 0.15) if error is None else share_precise(model, error)

    for seed in range(2):
        study = SimulatedMargins(seed)
        study.grow(3)
        forecast = forecast_trials(study.model, share=share, ratio=0.7, standard_error=error, threshold=threshold)
        assert forecast is not None
        while study.counts.trials < forecast:
            study.grow(1)
        there = reached(study.model)
        print(f"error {error}, threshold {threshold}, share {share}: forecast {forecast}, share there {there:.3f}")
        assert there == pytest.approx(share, abs=0.04) or forecast == 30


def test_precision_by_margins_is_that_of_their_intervals():
    study = SimulatedMargins(0)
    study.grow(5)
    mem = margin_memorization(study.model)
    assert share_settled(study.model, 0.15) == np.mean((mem.low > 0.15) | (mem.high < 0.15))
    error = precise_error(study.model)
    assert (error <= (mem.high - mem.low) / (2 * 1.9599) + 1e-12).all()
    moderate = np.abs(study.model.outside.z) < 0.5
    assert error[moderate].mean() == pytest.approx(mem.standard_error[moderate].mean(), rel=0.05)


def test_samples_without_two_trials_on_a_side_are_not_precise_by_margins():
    study = SimulatedMargins(0)
    assert share_settled(study.model, 0.15) == 0
    assert share_precise(study.model, 0.5) == 0
    assert forecast_trials(study.model, share=0.5, ratio=0.7, threshold=0.15) is None


def test_a_forecast_made_again_on_the_way_ends_where_the_share_is_reached():
    study = Simulated("uniform", 3)
    asked: list[int] = []
    while share_precise(study.statistics, 0.05) < 0.9:
        forecast = forecast_trials(study.statistics, share=0.9, ratio=0.7, standard_error=0.05)
        assert forecast is not None
        asked.append(forecast)
        study.grow(max(1, (forecast - study.statistics.trials) // 20))
    assert len(asked) < 60
    assert forecast_trials(study.statistics, share=0.9, ratio=0.7, standard_error=0.05) == study.statistics.trials
    assert abs(asked[-1] - study.statistics.trials) <= 20


def test_a_study_without_trials_is_forecast_for_the_worst_case():
    empty = SufficientStatistics.empty(100, 1)
    forecast = forecast_trials(empty, share=0.95, ratio=0.7, standard_error=0.05)
    assert forecast is not None
    assert expected_error(forecast, 0.7).worst <= 0.05 < expected_error(forecast - 10, 0.7).worst


def test_what_cannot_be_reached_has_no_forecast():
    study = Simulated("uniform", 0)
    study.grow(5)
    assert forecast_trials(study.statistics, share=0.95, ratio=0.7, standard_error=0.01, most=500) is None
    assert forecast_trials(study.statistics, share=0.95, ratio=0.7, standard_error=0.01, most=40) is None


def test_one_goal_is_needed():
    empty = SufficientStatistics.empty(10, 1)
    with pytest.raises(InvalidInput, match="either"):
        forecast_trials(empty, share=0.9, ratio=0.7)
    with pytest.raises(InvalidInput, match="either"):
        forecast_trials(empty, share=0.9, ratio=0.7, standard_error=0.1, threshold=0.1)


@pytest.mark.parametrize("margins", [False, True])
def test_the_expected_course_passes_through_what_studies_then_measure(margins: bool):
    study = SimulatedMargins(3) if margins else Simulated("uniform", 3)
    study.grow(6)
    now = study.model if isinstance(study, SimulatedMargins) else study.statistics
    course = {one.trials: one for one in expected_precision(now, 0.7, 0.15, [10, 30, 60, 120, 240])}
    assert course[60].error == float(np.nanquantile(precise_error(now), 0.95))
    assert course[60].settled == share_settled(now, 0.15)
    errors = [course[trials].error for trials in (10, 30, 60, 120, 240)]
    assert errors == sorted(errors, reverse=True)
    assert np.isnan([course[10].settled, course[30].settled]).all()
    study.grow(6)
    later = study.model if isinstance(study, SimulatedMargins) else study.statistics
    assert course[120].error == pytest.approx(float(np.nanquantile(precise_error(later), 0.95)), rel=0.05)
    assert course[120].settled == pytest.approx(share_settled(later, 0.15), abs=0.03)
    study = SimulatedMargins(3) if margins else Simulated("uniform", 3)
    study.grow(3)
    before = study.model if isinstance(study, SimulatedMargins) else study.statistics
    assert course[30].error == pytest.approx(float(np.nanquantile(precise_error(before), 0.95)), rel=0.1)
