"""What the scores of a study say as a whole: class by class, and how far to trust them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memscore.messages.message import Message


class ClassScores(Message):
    """What the scores say about one class. A mean is null where no sample of the class has a value."""

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
    test_accuracy: float | None = Field(description="mean share of trials that are right on a test sample")


class Classes(Message):
    """The scores class by class, by label."""

    study: str
    trials: int
    digest: str
    classes: list[ClassScores]


class QualityCheck(Message):
    """One check of how far scores can be trusted."""

    key: str
    name: str
    verdict: Literal["pass", "look at it", "cannot be told"]
    value: str
    meaning: str
    advice: str


class Calibration(Message):
    """How far two halves of the trials differ on mem, and how far standard errors predict it: root mean squares."""

    predicted: list[float]
    observed: list[float]
    low: list[float] = Field(description="lower ends of 95 % intervals of `observed`, samples taken as independent")
    high: list[float]
    counts: list[int]


class Quality(Message):
    """The checks of a study's scores, in the order in which to read them."""

    study: str
    trials: int
    digest: str
    checks: list[QualityCheck]
    calibration: Calibration
