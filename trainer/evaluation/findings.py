"""The findings of an evaluation's checks, and their meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["green", "amber", "red"]


@dataclass(frozen=True)
class EvaluationFinding:
    """Green: no problem found. Amber: worth a look. Red: do not trust the accuracies."""

    check: str
    level: Level
    found: str
    meaning: str


def graded(check: str, value: float, amber: float, red: float, found: str, meaning: str) -> EvaluationFinding:
    """A finding graded by a value and the bounds above which it is amber or red; NaN is red."""
    level: Level = "green" if value <= amber else "amber" if value <= red else "red"
    return EvaluationFinding(check, level, found, meaning)
