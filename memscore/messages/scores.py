"""Scores of training and test samples."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StrictInt

from memscore.messages.message import Message

MOST_INDICES = 100_000  # of one look-up
SetName = Literal["typical", "atypical"]


class SampleScore(Message):
    """The scores of one training sample. A value that is undefined (a side without trials) is null."""

    index: int
    label: int
    mem: float | None
    se: float | None
    interval: Annotated[tuple[float | None, ...], Field(min_length=2, max_length=2)]
    p_in: float | None
    p_out: float | None
    n_in: int
    n_out: int
    set: SetName | None = Field(description="at the paper's thresholds; null in between")


class Score(SampleScore):
    """One training sample, and the table that its scores are from."""

    study: str
    trials: int
    digest: str


class Scores(Message):
    """A page of training samples in the order asked for; `next` is the cursor of the next page, null on the last."""

    study: str
    trials: int
    digest: str
    matching: int = Field(description="samples that the filters let through, on all pages")
    scores: list[SampleScore]
    next: str | None


class LookupRequest(Message):
    """Training samples to look up together, by their indices in the dataset, in any order."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    indices: list[StrictInt] = Field(max_length=MOST_INDICES, examples=[[17, 4, 123]])


class ScoreColumns(Message):
    """Training samples as columns, in the order of the indices asked for. An undefined value is null."""

    study: str
    trials: int
    digest: str
    index: list[int]
    label: list[int]
    mem: list[float | None]
    se: list[float | None]
    mem_low: list[float | None]
    mem_high: list[float | None]
    p_in: list[float | None]
    p_out: list[float | None]
    n_in: list[int]
    n_out: list[int]


class TestScore(Message):
    """One test sample. A value that is undefined is null."""

    study: str
    index: int
    label: int
    p: float | None = Field(description="share of trials that classify it correctly; null for imported scores")
    p_full: float | None = Field(description="the same of the full trials; null where there are none")
    infl_max: float | None = Field(description="the largest same-class influence on it")
    infl_index: int | None = Field(description="the training sample that has this influence")
    set: SetName | None = Field(description="at the paper's thresholds; null in between")
    trials: int
    digest: str


class Histogram(Message):
    """How the values of one column are distributed: `edges` has one value more than `counts`."""

    study: str
    trials: int
    digest: str
    column: str
    edges: list[float]
    counts: list[int]
    undefined: int = Field(description="samples whose value is undefined, which no bin counts")


class Suspects(Scores):
    """Training samples whose labels may be wrong, the likeliest first; `next` is always null: pages go by offset."""

    note: str = Field(description="what being listed means, and what not")


class SetsMessage(Message):
    """Typical and atypical sets: sizes and indices in dataset order."""

    study: str
    digest: str
    thresholds: dict[str, float]
    counts: dict[str, int]
    indices: dict[str, list[int]]
    warnings: list[str] = Field(default=[])
