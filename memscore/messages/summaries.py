"""Summaries of a study's scores: what was found, by class, and quality checks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memscore.messages.message import Message
from memscore.messages.scores import Privacy


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


class PrecisionPoint(Message):
    """How precise scores are expected to be after a number of trials."""

    trials: int
    standard_error: float | None = Field(description="of mem; 95 % of the training samples have a smaller one")
    settled: float | None = Field(
        description="share of the samples whose 95 % interval lies beyond the threshold; null for fewer trials than now"
    )
    pairs_found: float | None = Field(
        description="expected share of the pairs of infl 0.2 at a false-discovery rate of 5 %; null if there is none"
    )


class PrecisionCourse(Message):
    """The expected precision of a study's scores over its number of trials, measured at `trials`."""

    study: str
    trials: int
    digest: str
    threshold: float = Field(description="of mem, for `settled`")
    by_margins: bool = Field(description="whether the trials' margins were used, which all of them have")
    points: list[PrecisionPoint] = Field(description="ascending")


class ClassShare(Message):
    """A class, with how much of it is memorized."""

    label: int
    name: str
    samples: int = Field(description="training samples with a score")
    atypical: int
    interval: tuple[float, float] = Field(
        description="of the share of atypical samples; 95 % intervals for all classes at once"
    )
    differs: bool = Field(description="whether the interval leaves out the share of all classes together")


class Planted(Message):
    """Labels flipped on purpose."""

    labels: int
    suspected: int = Field(description="how many of them are among the suspected label errors")
    auroc: float | None = Field(description="of the order of the suspects: 1 is perfect, 0.5 is chance")


class Findings(Message):
    """What a study found. A count is null where these scores cannot tell."""

    study: str
    trials: int
    digest: str
    sentence: str
    samples: int = Field(description="training samples")
    scored: int = Field(description="training samples with a score")
    atypical: int
    atypical_sure: int | None = Field(description="atypical samples whose 95 % interval is wholly above the threshold")
    typical: int
    undecided: int | None = Field(description="samples whose 95 % interval contains the threshold of atypical ones")
    suspected: int | None = Field(description="suspected label errors; null if no trial recorded predictions")
    suspected_precision: float | None = Field(
        description="mean probability that the label of a suspected sample is wrong; null without any"
    )
    pairs: int | None = Field(description="pairs beyond chance, at a false-discovery rate of 5 %")
    test_samples: int
    test_samples_in_pairs: int | None = Field(description="test samples that such a pair names")
    most_memorized: ClassShare | None = Field(description="class with the largest share; null if all are alike")
    least_memorized: ClassShare | None
    privacy: Privacy | None = Field(description="null if no trial recorded margins, or too few did")
    planted: Planted | None = Field(description="null without labels flipped on purpose")
