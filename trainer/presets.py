"""Settings by name: `small` for digits and CPUs, the paper's, one for all methods, each method's own, and a fast one.

The numbers are those of the papers and of the authors' published settings for ResNet-18 and WRN on CIFAR.
"""

from __future__ import annotations

from typing import Any

from memscore.errors import InvalidInput
from trainer.config import TrainConfig
from trainer.methods import METHODS

EIGHT = 8 / 255
CIFAR: dict[str, Any] = {
    "network": "resnet18",
    "batch_size": 128,
    "crop": 4,
    "flip": True,
    "epsilon": EIGHT,
    "attack_steps": 10,
    "precision": "bfloat16",
    "validation": 0.02,
}
"""Shared by all of them: random shifts and mirroring, 10 steps of a quarter of epsilon, which is 8/255."""

PAPER: dict[str, Any] = {
    **CIFAR,
    "epochs": 160,
    "milestones": (0.5, 0.75),
    "factors": (0.1, 0.01),
    "select_on": "both",
    "test_every": 10,
}
"""The comparison in section 5 of the paper: 160 epochs, the rate divided by 10 after 80 and 120, for every method.

An attack on the test set's 10,000 images takes up to a third as long as an epoch.
"""

PAPER_METHODS: dict[str, dict[str, Any]] = {
    "erm": {},
    "pgd": {},
    "trades": {"weight_decay": 2e-4, "options": {"beta": 5.0}},
    "mart": {"learning_rate": 0.01, "weight_decay": 3.5e-3, "options": {"strength": 5.0}},
    "gairat": {"weight_decay": 2e-4, "options": {"burn_in": 0.5}},
    "bat": {"options": {"alpha": 1.0, "beta": 0.2}},
    "dpls": {},
}

ORIGINAL: dict[str, dict[str, Any]] = {
    "erm": {**CIFAR, "epochs": 200, "milestones": (0.5, 0.75), "factors": (0.1, 0.01)},
    # Rice, Wong and Kolter 2020, whose code is the usual PGD baseline; it crafts in train mode.
    "pgd": {**CIFAR, "epochs": 200, "milestones": (0.5, 0.75), "factors": (0.1, 0.01), "attack_mode": "train"},
    "trades": {
        **CIFAR,
        "epsilon": 0.031,
        "step_size": 0.007,
        "epochs": 76,
        "milestones": (74 / 76,),
        "factors": (0.1,),
        "weight_decay": 2e-4,
        "options": {"beta": 6.0, "forwards": 3},
    },
    "mart": {
        **CIFAR,
        "epsilon": 0.031,
        "step_size": 0.007,
        "epochs": 120,
        "learning_rate": 0.01,
        "weight_decay": 3.5e-3,
        "milestones": (74 / 120, 89 / 120, 99 / 120),
        "factors": (0.1, 0.01, 0.001),
        "options": {"strength": 5.0},
    },
    "gairat": {
        **CIFAR,
        "epsilon": 0.031,
        "step_size": 0.007,
        "epochs": 100,
        "weight_decay": 2e-4,
        # As in their code: the rate falls at their epochs 30 and 60, counted from 1, and weights are used from 60 on.
        # The paper's text starts the weights at 30.
        "milestones": (0.29, 0.59),
        "factors": (0.1, 0.01),
        "options": {"shift": -1.0, "burn_in": 0.59},
    },
    # The paper's preliminary study has 200 epochs; for its milestones of 150 and 200 we use the usual 100 and 150.
    "bat": {**CIFAR, "epochs": 200, "milestones": (0.5, 0.75), "factors": (0.1, 0.01), "options": {"alpha": 1.0}},
    # The usual PGD baseline's: the method changes nothing but its labels.
    "dpls": {**CIFAR, "epochs": 200, "milestones": (0.5, 0.75), "factors": (0.1, 0.01), "attack_mode": "train"},
}

FAST: dict[str, Any] = {
    **CIFAR,
    "epochs": 30,
    "learning_rate": 0.2,
    "schedule": "cyclic",
    "peak": 0.5,
    "inner": "n-fgsm",
    "attack_mode": "train",
    "averaging": 0.995,
}
"""30 epochs of single-step attacks with a cyclic learning rate (Wong et al. 2020, de Jorge et al. 2022).

The authors craft in train mode; on CIFAR their rate turns halfway, on SVHN at 0.4.
"""

UNIFIED: dict[str, Any] = {**PAPER, "learning_rate": 0.1, "weight_decay": 5e-4}
"""The comparison with one rate, weight decay and schedule for all methods, so that nothing but the method differs.

Section 5.1 and appendix D of the paper give these for all, and also say that settings follow the original papers.
"""

PRESETS = ("small", "paper", "unified", "original", "fast")


def preset(name: str, method: str) -> dict[str, Any]:
    """The fields that the preset sets for a method. Raises InvalidInput for an unknown preset."""
    if name not in PRESETS:
        raise InvalidInput(f"There is no preset {name!r}; the presets are: {', '.join(PRESETS)}.")
    if name == "small":
        return {}
    if name == "paper":
        return {**PAPER, **PAPER_METHODS.get(method, {})}
    if name == "original":
        return ORIGINAL.get(method, {})
    if name == "unified":
        return {**UNIFIED, "options": PAPER_METHODS.get(method, {}).get("options", {})}
    fast = {**FAST, "options": PAPER_METHODS.get(method, {}).get("options", {})}
    if method in METHODS and METHODS[method].many_steps:
        fast |= {"inner": "pgd", "attack_mode": "eval"}
    return fast


def configured(method: str, name: str = "small", **given: Any) -> TrainConfig:
    """A preset's configuration, overridden by the fields in `given`; options are merged.

    If `given` has another epsilon but no step size, the preset's step size keeps its ratio to epsilon.
    Raises InvalidInput for an unknown preset and pydantic's ValidationError for invalid values.
    """
    fields = {**preset(name, method), "method": method}
    if "step_size" in fields and isinstance(given.get("epsilon"), int | float):
        fields["step_size"] *= given["epsilon"] / fields["epsilon"]
    options = {**fields.get("options", {}), **given.pop("options", {})}
    return TrainConfig.model_validate({**fields, **given, "options": options})
