"""The configuration of an evaluation."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from memscore.scores.tables import ATYPICAL, TYPICAL
from memscore.study.spec import Frozen
from trainer.attacks.attack import Norm, Radius
from trainer.attacks.registry import check_names

Split = Literal["train", "test"]


class EvaluationConfig(Frozen):
    """The threat model, a ball of radius epsilon in [0, 1] pixel space, and how to evaluate a network in it.

    atypical and typical: the bounds on mem that classify training samples if there are no sets.
    alpha and sigma: the parameters of BAT's weights (paper, equation 5).
    """

    norm: Norm = "linf"
    epsilon: Radius
    attacks: tuple[str, ...] = Field(default=("fgsm", "pgd", "cw", "autoattack"), strict=False)
    splits: tuple[Split, ...] = Field(default=("train", "test"), min_length=1, strict=False)
    autoattack_samples: int = Field(default=1000, ge=1, description="at most this many samples of each split")
    alarm_samples: int = Field(default=200, ge=0, description="samples for the masking alarms; 0: no alarms")
    poisoning: bool = Field(
        default=True,
        description="attack lost samples to the end of PGD too, and keep margins, poisoning scores and weights there",
    )
    atypical: float = Field(default=ATYPICAL, allow_inf_nan=False)
    typical: float = Field(default=TYPICAL, allow_inf_nan=False)
    alpha: float = Field(default=1.0, ge=0)
    sigma: float = Field(default=ATYPICAL, allow_inf_nan=False)
    batch_size: int = Field(default=500, ge=1)
    seed: int = Field(default=0, ge=0)

    @field_validator("attacks")
    @classmethod
    def _known(cls, attacks: tuple[str, ...]) -> tuple[str, ...]:
        check_names(attacks)
        return attacks


def bat_weights(trained: dict[str, Any]) -> dict[str, float]:
    """alpha and sigma of a training configuration's weights; empty for methods other than BAT."""
    options = trained.get("options", {}) if trained.get("method") == "bat" else {}
    return {name: float(options[name]) for name in ("alpha", "sigma") if name in options}
