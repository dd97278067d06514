"""Privacy risk in score tables: the samples most at risk, and what an attack on whole models achieves."""

from __future__ import annotations

from typing import Any

import numpy as np

from memscore.arrays import Indices
from memscore.messages.scores import Estimate, Privacy
from memscore.scores.tables import ScoreTable

ATTACKER = (
    "The attacker knows the recipe and trains models on subsets of the same data, then looks at the margin that the "
    "attacked model gives a sample. risk is the chance to recognize a sample that the model was trained on, at 0.1 % "
    "false alarms. Attackers who know less do worse. Attackers with other signals, such as several views of an image, "
    "can do better."
)

NO_MARGINS = "No trial of this study recorded margins, which the risk is estimated from. Run more trials."

IMPORTED = "These scores were imported without the margins that the risk is estimated from."

NO_TARGETS = "Too few trials recorded margins to attack whole models. Run more trials."


def riskiest(scores: ScoreTable, count: int) -> Indices:
    """Indices of at most `count` training samples, the highest risk first; samples without one are left out."""
    risk = scores["risk"]
    defined = np.flatnonzero(np.isfinite(risk))
    return defined[np.argsort(-risk[defined], kind="stable")][:count]


def privacy_of(scores: ScoreTable) -> Privacy | None:
    """What an attack on whole models achieves; None without margins of enough trials."""
    found: dict[str, Any] | None = scores.meta.get("privacy")
    if found is None:
        return None

    def estimate(name: str) -> Estimate:
        value, low, high = found[name]
        return Estimate(value=value, low=low, high=high)

    return Privacy(
        targets=found["targets"],
        tpr_at_0_001=estimate("tpr_at_0.001"),
        tpr_at_0_01=estimate("tpr_at_0.01"),
        auc=estimate("auc"),
    )


def note_on_risk(scores: ScoreTable) -> str:
    """Which attacker is meant, or why there is no risk."""
    if not np.isfinite(scores["risk"]).any():
        return IMPORTED if scores.meta.get("recipe", {}) is None else NO_MARGINS
    return ATTACKER if scores.meta.get("privacy") is not None else f"{ATTACKER} {NO_TARGETS}"
