"""What people say of training samples and their labels."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from memscore.messages.message import Message
from memscore.validation import NAME_PATTERN

Verdict = Literal["error", "fine", "unsure"]
"""error: the label is wrong; fine: it is right; unsure: this reviewer cannot tell."""

Decision = Literal["relabel", "leave_out", "fine", "unsure", "disputed"]
"""What all reviewers of a sample decide; see ReviewCounts."""

ReviewFilter = Literal["any", "none", "relabel", "leave_out", "fine", "unsure", "disputed"]
"""any: samples that somebody has reviewed; none: the others."""

DIGEST_PATTERN = "^[0-9a-f]{64}$"


class ReviewRequest(BaseModel):
    """One reviewer's verdict on a training sample, in place of an earlier one."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    verdict: Verdict | None = Field(description="null takes the reviewer's verdict back")
    label: int | None = Field(
        default=None, ge=0, lt=2**31, description="with error: the right class; null: none of them"
    )
    reviewer: str | None = Field(
        default=None, pattern=NAME_PATTERN, description="who says so; with an API key its name, and only that"
    )
    digest: str | None = Field(
        default=None, pattern=DIGEST_PATTERN, description="of the score table that the reviewer saw"
    )


class Review(Message):
    """One reviewer's verdict on a training sample."""

    index: int
    given: int = Field(description="the label that the sample has")
    verdict: Verdict | None = Field(description="null once it was taken back")
    label: int | None = Field(description="the right class, if the label is wrong and a class is right")
    reviewer: str
    digest: str | None = Field(description="of the score table that the reviewer saw")
    at: datetime | None


class ReviewCounts(Message):
    """What all reviewers together decide, each sample once."""

    reviewed: int = Field(description="samples with a verdict")
    relabel: int = Field(description="wrong by all who say anything, with one right class")
    leave_out: int = Field(description="wrong by all who say anything, and no class is right")
    fine: int
    unsure: int
    disputed: int = Field(description="reviewers contradict one another; the sample stays as it is")


class Reviews(Message):
    """The verdicts on a study's training samples, by sample and reviewer."""

    study: str
    counts: ReviewCounts
    reviews: list[Review]
    next: str | None = Field(default=None, description="the cursor of the next page; null on the last one")


class Decisions(Message):
    """What the reviewers decide on each sample that has a verdict, as columns by ascending index."""

    study: str
    index: list[int]
    decision: list[Decision]
    label: list[int | None] = Field(description="the right class, of samples to relabel")
