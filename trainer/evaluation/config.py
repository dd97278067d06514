"""What an evaluation does."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from memscore.scores.tables import ATYPICAL, TYPICAL
from memscore.study.spec import Frozen
from trainer.attacks.attack import Radius
from trainer.attacks.registry import check_names

Split = Literal["train", "test"]


class EvaluationConfig(Frozen):
    """The threat, an l_inf ball of radius epsilon in [0, 1] pixel space, and how a network is tried in it.

    atypical and typical: mem above and below which training samples are so called, where there are no sets.
    alpha and sigma: those of BAT's weights (paper, equation 5).
    """

    epsilon: Radius
    attacks: tuple[str, ...] = Field(default=("fgsm", "pgd", "cw", "autoattack"), strict=False)
    splits: tuple[Split, ...] = Field(default=("train", "test"), min_length=1, strict=False)
    autoattack_samples: int = Field(default=1000, ge=1, description="at most so many of each split")
    alarm_samples: int = Field(default=200, ge=0, description="samples of the masking alarms; 0 leaves them out")
    poisoning: bool = Field(
        default=True,
        description="also keep the end of PGD: margins, poisoning scores, weights; lost samples go on to it",
    )
    atypical: float = Field(default=ATYPICAL, ge=-1, le=1)
    typical: float = Field(default=TYPICAL, ge=-1, le=1)
    alpha: float = Field(default=1.0, ge=0)
    sigma: float = Field(default=ATYPICAL, ge=-1, le=1)
    batch_size: int = Field(default=500, ge=1)
    seed: int = Field(default=0, ge=0)

    @field_validator("attacks")
    @classmethod
    def _known(cls, attacks: tuple[str, ...]) -> tuple[str, ...]:
        check_names(attacks)
        return attacks


def bat_weights(trained: dict[str, Any]) -> dict[str, float]:
    """alpha and sigma of the weights as a training configuration had them; of other methods than BAT, none."""
    options = trained.get("options", {}) if trained.get("method") == "bat" else {}
    return {name: float(options[name]) for name in ("alpha", "sigma") if name in options}
