"""What a check of an evaluation says, and what that means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class EvaluationFinding:
    """Green: nothing was found. Amber: look at it. Red: the accuracies are not to be trusted as they are."""

    check: str
    level: Level
    found: str
    meaning: str


def graded(check: str, value: float, amber: float, red: float, found: str, meaning: str) -> EvaluationFinding:
    """A finding whose level is told by a value and the two bounds that it must not exceed; NaN exceeds both."""
    level: Level = "green" if value <= amber else "amber" if value <= red else "red"
    return EvaluationFinding(check, level, found, meaning)
