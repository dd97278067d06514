"""Summaries of a study's scores: by class, and quality checks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memscore.messages.message import Message


class ClassScores(Message):
    """The scores of one class. A mean is null if no sample of the class has a value."""

    label: int
    name: str
    samples: int
    mem_mean: float | None
    atypical: int
    typical: int
    undefined: int = Field(description="samples without a score")
    in_accuracy: float | None = Field(description="mean p_in")
    held_out_accuracy: float | None = Field(description="mean p_out")
    test_samples: int
    test_accuracy: float | None = Field(description="mean share of trials that classify a test sample correctly")


class Classes(Message):
    """The scores of each class, by label."""

    study: str
    trials: int
    digest: str
    classes: list[ClassScores]


class QualityCheck(Message):
    """One check of how far the scores can be trusted."""

    key: str
    name: str
    verdict: Literal["pass", "look at it", "cannot be told"]
    value: str
    meaning: str
    advice: str


class Calibration(Message):
    """Root mean squares of the differences in mem between two halves of the trials: predicted and observed."""

    predicted: list[float]
    observed: list[float]
    low: list[float] = Field(description="lower limits of 95 % intervals of `observed`, for independent samples")
    high: list[float]
    counts: list[int]


class Quality(Message):
    """The checks of a study's scores, in reading order."""

    study: str
    trials: int
    digest: str
    checks: list[QualityCheck]
    calibration: Calibration
