"""The messages about a threat model before training starts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from memscore.validation import sentence
from trainer.attacks import Attack
from trainer.config import TrainConfig
from trainer.evaluation import EvaluationConfig
from trainer.methods import METHODS
from trainer.presets import PRESETS, configured
from trainer.threat import warnings_of


def of(method: str, **fields: Any) -> list[str]:
    return warnings_of(TrainConfig.model_validate({"method": method, **fields}))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", METHODS)
def test_no_preset_is_warned_of(preset: str, method: str):
    assert warnings_of(configured(method, preset)) == []
    assert warnings_of(configured(method, preset, epsilon=4 / 255)) == []


def test_attacks_that_do_not_reach_the_edge_are_told_with_their_numbers():
    training, selection = of("pgd", epsilon=8 / 255, step_size=0.0005)
    assert training == (
        "The training attack takes 10 steps of 0.0005, which cover only 0.16 of epsilon (0.0313725): "
        "raise attack_steps or step_size."
    )
    assert selection.startswith(
        "The attack that selects checkpoints takes 20 steps of 0.0005, which cover only 0.32 of"
    )
    assert "raise evaluation_steps" in selection


def test_an_attack_that_just_reaches_the_edge_is_not():
    for epsilon in (0.1, 8 / 255, 0.3, 1 / 3):
        assert of("pgd", epsilon=epsilon, attack_steps=4, evaluation_steps=4) == []
        assert len(of("pgd", epsilon=epsilon, attack_steps=3, evaluation_steps=4)) == 1
        assert of("pgd", epsilon=epsilon, attack_steps=7, step_size=epsilon / 7) == []


@pytest.mark.parametrize(
    "fields", [{"method": "erm"}, {"method": "trades", "options": {"beta": 0}}, {"method": "pgd", "inner": "n-fgsm"}]
)
def test_what_does_not_train_on_steps_has_no_training_attack_to_fall_short(fields: dict[str, Any]):
    assert warnings_of(TrainConfig.model_validate({**fields, "attack_steps": 1})) == []
    (selection,) = warnings_of(TrainConfig.model_validate({**fields, "evaluation_steps": 1}))
    assert "selects checkpoints takes 1 step of" in selection


@pytest.mark.parametrize(
    ("epsilon", "nearest"), [(0.031, "8/255"), (0.03, "8/255"), (0.0157, "4/255"), (0.063, "16/255")]
)
def test_a_radius_that_is_nearly_a_common_one_is_told(epsilon: float, nearest: str):
    (found,) = of("pgd", epsilon=epsilon)
    assert found.endswith(f"use --epsilon {nearest}.")
    assert f"epsilon {epsilon:g} is" in found


def test_the_authors_radius_is_no_slip_with_their_step_size_alone():
    assert warnings_of(configured("trades", "original")) == []
    assert len(warnings_of(configured("trades", "original", step_size=0.0078))) == 1
    assert len(warnings_of(configured("trades", "paper", epsilon=0.031))) == 1
    assert len(warnings_of(configured("pgd", "original", epsilon=0.031))) == 1


def test_steps_across_the_ball_are_told():
    (found,) = of("bat", epsilon=0.1, step_size=0.3)
    assert found.startswith("step_size 0.3 is more than twice epsilon (0.1)")
    assert of("bat", epsilon=0.1, step_size=0.2) == []


def test_nothing_allowed_is_no_short_attack():
    assert of("pgd", epsilon=0) == []


@pytest.mark.parametrize("value", [8, 8.0, 2, 255])
def test_a_radius_in_units_of_pixel_values_is_refused_with_the_fraction_to_write(value: float):
    for build in (
        lambda: TrainConfig.model_validate({"method": "pgd", "epsilon": value}),
        lambda: TrainConfig.model_validate({"method": "pgd", "step_size": value}),
        lambda: configured("mart", "original", epsilon=value),
        lambda: Attack.model_validate({"epsilon": value, "step_size": 0.1, "steps": 1}),
        lambda: EvaluationConfig.model_validate({"epsilon": value}),
    ):
        with pytest.raises(ValidationError) as raised:
            build()
        assert sentence(raised.value) in {
            f"{name}: {value:g} is out of range: pixels lie in [0, 1]; write {value:g}/255"
            for name in ("epsilon", "step_size")
        }


@pytest.mark.parametrize("value", [-0.1, 256, float("inf"), float("nan"), True, "8/255"])
def test_other_radii_outside_the_pixels_are_refused_too(value: Any):
    with pytest.raises(ValidationError):
        TrainConfig.model_validate({"method": "pgd", "epsilon": value})
