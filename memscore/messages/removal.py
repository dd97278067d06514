"""What was removed, or would be, and new names."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from memscore.messages.message import Message
from memscore.validation import NAME_PATTERN


class NewName(BaseModel):
    """A new name of a dataset or a study."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="the name from now on")


class DatasetRemoved(Message):
    """A dataset that was removed, or with `dry_run` would be."""

    removed: bool
    name: str
    samples: int = Field(description="training and test samples")
    bytes: int = Field(description="of its files; 0 if another name of the same data keeps them")


class SamplesForgotten(Message):
    """Samples of a dataset that were forgotten, or with `dry_run` would be: only their labels and scores stay."""

    forgotten: bool
    name: str
    train: list[int] = Field(description="training samples")
    test: list[int] = Field(description="test samples")
    before: int = Field(description="how many of them were forgotten already")
    names: list[str] = Field(description="other names of the same data, for which they are forgotten too")
    copies: list[str] = Field(
        description="equal samples, such as `train 3 of pets`, which stay; not looked for in datasets over 8 GB"
    )


class StudyRemoved(Message):
    """A study that was removed, or with `dry_run` would be."""

    removed: bool
    id: str
    name: str
    trials: int = Field(description="they go only with `evidence=true`")
    full_trials: int
    tables: int = Field(description="versions of score tables and pairs tables")
    published: int = Field(description="plain rows for SQL")
    reviews: int = Field(default=0, description="verdicts of reviewers")
    jobs: int = Field(description="with their events and logs")
    bytes: int = Field(description="of trials, tables and logs")


class JobsPruned(Message):
    """The finished jobs that were removed, or with `dry_run` would be, with their events and logs."""

    removed: bool
    jobs: int
    bytes: int = Field(description="of their logs in the database")
