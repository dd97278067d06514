"""Settings by name, and what is given in their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from memscore.errors import Conflict
from trainer.config import TrainConfig
from trainer.folder import RunFolder
from trainer.methods import METHODS
from trainer.presets import PRESETS, configured
from trainer.schedule import learning_rate


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("epsilon", [4 / 255, 0.1, 0])
def test_the_step_size_follows_epsilon_unless_it_is_given(preset: str, method: str, epsilon: float):
    as_is, other = configured(method, preset), configured(method, preset, epsilon=epsilon)
    ratio = as_is.training_attack.step_size / as_is.epsilon
    assert other.training_attack.step_size == pytest.approx(ratio * epsilon, rel=1e-12)
    assert other.evaluation_attack.step_size == other.training_attack.step_size
    assert configured(method, preset, epsilon=epsilon, step_size=0.01).training_attack.step_size == 0.01
    assert configured(method, preset, epsilon=as_is.epsilon) == as_is


def test_the_papers_steps_are_2_of_255_and_the_authors_0_007():
    for method in METHODS:
        assert configured(method, "paper").training_attack.step_size == 2 / 255
        assert configured(method, "paper", epsilon=4 / 255).training_attack.step_size == 1 / 255
    for method in ("trades", "mart", "gairat"):
        assert configured(method, "original").training_attack.step_size == 0.007


def test_methods_differ_in_nothing_else_if_settings_are_unified():
    own = {"method", "options"}
    configs = [configured(method, "unified").model_dump(exclude=own) for method in METHODS]
    assert all(config == configs[0] for config in configs)
    assert (configs[0]["learning_rate"], configs[0]["weight_decay"], configs[0]["epochs"]) == (0.1, 5e-4, 160)
    assert configured("trades", "unified").options["beta"] == configured("trades", "paper").options["beta"]
    assert configured("pgd", "unified") == configured("pgd", "paper")


def test_a_run_begun_with_its_step_size_written_out_is_the_same_run(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.begin(TrainConfig(method="pgd", epsilon=8 / 255, step_size=2 / 255))
    folder.begin(TrainConfig(method="pgd", epsilon=8 / 255))
    with pytest.raises(Conflict, match="differs in step_size;"):
        folder.begin(TrainConfig(method="pgd", epsilon=8 / 255, step_size=1 / 255))
    with pytest.raises(Conflict, match="differs in epsilon, step_size;"):
        folder.begin(TrainConfig(method="pgd", epsilon=4 / 255))


def test_original_gairat_falls_and_weighs_where_its_authors_do():
    """Their epochs, counted from 1: the rate falls at 30 and 60, and weights are used from 60 on."""
    config = configured("gairat", "original")
    rates = {epoch: learning_rate(config, epoch - 1, 0) for epoch in range(1, 101)}
    assert [epoch for epoch in range(2, 101) if rates[epoch] != rates[epoch - 1]] == [30, 60]
    weighted = [epoch for epoch in range(1, 101) if (epoch - 1) / config.epochs >= config.options["burn_in"]]
    assert weighted[0] == 60


def test_fast_single_steps_are_crafted_and_scheduled_as_their_authors_do():
    for method in METHODS:
        config = configured(method, "fast")
        single = not METHODS[method].many_steps
        assert (config.inner, config.attack_mode) == (("n-fgsm", "train") if single else ("pgd", "eval"))
        assert learning_rate(config, 15, 0) == pytest.approx(0.2)
        assert learning_rate(config, 12, 0) == pytest.approx(0.2 * 12 / 15)
        assert learning_rate(config, 29, 1) == pytest.approx(0)


@pytest.mark.parametrize("peak", [0.0, 1.0])
def test_a_rate_that_never_rises_or_never_falls_is_refused(peak: float):
    with pytest.raises(ValueError, match="peak"):
        TrainConfig(method="pgd", schedule="cyclic", peak=peak)
