"""Privacy risk on simulated margins with known risk, and the attack on whole models against brute force."""

import numpy as np
import pytest

from memscore.arrays import Float64
from memscore.statistics.margin_estimates import MarginModel, Side
from memscore.statistics.normal import cdf
from memscore.statistics.output_counts import MarginCounts, TargetMargins
from memscore.statistics.privacy import RATES, Z_999, area, attack, sample_risk
from memscore.study.margins import UNIT, decode, encode

TRIALS, N = 100, 8000


class Simulated:
    """Normal margins; the shift from out to in, and so the risk, differs by sample."""

    def __init__(self, seed: int = 0, *, shift: float | None = None, n: int = N, trials: int = TRIALS) -> None:
        self.random = np.random.default_rng(seed)
        self.mean_out = self.random.normal(1, 2, n)
        self.deviation_out = np.sqrt((1 + 0.1 * self.mean_out**2) * 20 / self.random.chisquare(20, n))
        self.deviation_in = np.sqrt(20 / self.random.chisquare(20, n))
        self.shift = self.random.uniform(0, 8, n) if shift is None else np.full(n, shift)
        self.membership = np.argsort(self.random.random((trials, n)), axis=0) < 0.7 * trials
        self.codes = self.drawn(self.membership)
        self.counts = MarginCounts.of(self.membership, self.codes, np.zeros((trials, 1), np.int8))
        self.model = MarginModel.of(self.counts)

    def drawn(self, membership: np.ndarray) -> np.ndarray:
        noise = self.random.normal(size=membership.shape)
        inside = self.mean_out + self.shift + self.deviation_in * noise
        margins = np.where(membership, inside, self.mean_out + self.deviation_out * noise)
        return encode(margins.astype(np.float32), margins > 0)

    @property
    def true_risk(self) -> Float64:
        return cdf((self.shift - Z_999 * self.deviation_out) / self.deviation_in)


def test_risk_is_calibrated_in_deciles_and_its_error_is_right():
    study = Simulated()
    risk = sample_risk(study.model)
    # Deciles by an independent study of the same samples, so that they do not select the errors of these estimates.
    order = np.argsort(study.true_risk)
    for part in np.array_split(order, 10):
        assert risk.estimate[part].mean() == pytest.approx(study.true_risk[part].mean(), abs=0.05)
    deviation = np.sqrt(np.mean((risk.estimate - study.true_risk) ** 2))
    assert np.sqrt(np.mean(risk.standard_error**2)) == pytest.approx(deviation, rel=0.15)


@pytest.mark.parametrize("trials", [20, 50])
def test_the_error_is_right_for_samples_that_few_trials_put_near_one(trials: int):
    study = Simulated(1, trials=trials)
    risk = sample_risk(study.model)
    sure = risk.estimate > 0.995
    assert sure.sum() > 300
    deviation = np.sqrt(np.mean((risk.estimate - study.true_risk)[sure] ** 2))
    assert deviation / 2 < np.sqrt(np.mean(risk.standard_error[sure] ** 2)) < 2 * deviation


def test_predicted_risk_comes_true_at_the_estimated_threshold():
    """Of fresh models: the share above the estimated 99.9 % point, out (false alarms) and in (by deciles of risk)."""
    study = Simulated()
    risk = sample_risk(study.model).estimate
    threshold = study.model.outside.mean + Z_999 * np.sqrt(study.model.outside.variance)
    n = len(threshold)
    out = decode(study.drawn(np.zeros((200, n), np.bool_))) / UNIT > threshold
    assert 0.0005 <= out.mean() <= 0.002
    found = (decode(study.drawn(np.ones((50, n), np.bool_))) / UNIT > threshold).mean(axis=0)
    for part in np.array_split(np.argsort(risk), 10):
        assert risk[part].mean() == pytest.approx(found[part].mean(), abs=0.05)


def targets_of(study: Simulated, count: int) -> TargetMargins:
    targets = TargetMargins()
    targets.add(np.arange(TRIALS), study.membership, study.codes)
    return TargetMargins({number: targets.trials[number] for number in range(count)})


def test_the_attack_leaves_each_target_out():
    """Against sums that never had the target, with the same trend."""
    study = Simulated(n=300)
    found = attack(study.counts, study.model, targets_of(study, 5))
    assert found is not None
    areas = []
    for target in range(5):
        others = np.arange(TRIALS) != target
        membership, x = study.membership[others], decode(study.codes[others]) / UNIT
        score = np.zeros(300)
        for sign, of, side in ((1, membership, study.model.inside), (-1, ~membership, study.model.outside)):
            for i in range(300):
                own = x[of[:, i], i]
                freedom = len(own) - 1
                variance = (side.prior * side.trend[i] + freedom * own.var(ddof=1)) / (side.prior + freedom)
                distance = decode(study.codes[target, i]) / UNIT - own.mean()
                score[i] -= sign * (np.log(variance) + distance**2 / variance)
        member = study.membership[target]
        wins = np.sign(score[member][:, None] - score[~member][None, :])
        areas.append((wins.mean() + 1) / 2)
    assert found.targets == 5
    assert found.auc.value == pytest.approx(np.mean(areas), abs=1e-9)
    half = 2.776 * np.std(areas, ddof=1) / np.sqrt(5)
    assert found.auc.high - found.auc.value == pytest.approx(half, rel=0.02)


def test_an_attack_on_models_that_remember_nothing_is_chance():
    study = Simulated(shift=0.0)
    study.deviation_in = study.deviation_out
    study.codes = study.drawn(study.membership)
    study.counts = MarginCounts.of(study.membership, study.codes, np.zeros((TRIALS, 1), np.int8))
    study.model = MarginModel.of(study.counts)
    found = attack(study.counts, study.model, targets_of(study, 20))
    assert found is not None
    assert found.auc.value == pytest.approx(0.5, abs=0.01)
    for rate in RATES:
        assert found.true_positives[rate].value == pytest.approx(rate, abs=0.003)
        assert found.true_positives[rate].low <= rate <= found.true_positives[rate].high


def test_true_positives_are_those_of_the_ideal_attack():
    """One shift for all samples, and equal variances: TPR = Phi(shift - z) up to what estimation costs."""
    study = Simulated(shift=3.0)
    study.deviation_in = study.deviation_out = np.ones(N)
    study.codes = study.drawn(study.membership)
    study.counts = MarginCounts.of(study.membership, study.codes, np.zeros((TRIALS, 1), np.int8))
    study.model = MarginModel.of(study.counts)
    found = attack(study.counts, study.model, targets_of(study, 20))
    assert found is not None
    ideal = cdf(np.array([3 - Z_999]))[0]
    assert found.true_positives[0.001].value == pytest.approx(ideal, abs=0.04)
    assert found.auc.value == pytest.approx(cdf(np.array([3 / np.sqrt(2)]))[0], abs=0.01)
    assert found.true_positives[0.001].high - found.true_positives[0.001].low < 0.1


def test_too_few_targets_or_trials_have_no_attack():
    study = Simulated(n=50)
    assert attack(study.counts, study.model, targets_of(study, 1)) is None
    assert attack(study.counts, study.model, TargetMargins()) is None
    few = MarginCounts.of(study.membership[:2], study.codes[:2], np.zeros((2, 1), np.int8))
    assert attack(few, MarginModel.of(few), targets_of(study, 2)) is None


def test_samples_with_one_trial_on_a_side_have_no_risk():
    side = Side.of(np.array([1, 5]), np.array([256, 1280]), np.array([65536, 400000]))
    risk = sample_risk(MarginModel(6, side, side))
    assert np.isnan(risk.estimate[0])
    assert np.isfinite(risk.estimate[1])


def test_the_area_counts_ties_one_half():
    assert area(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == (4 - 0.5) / 4
