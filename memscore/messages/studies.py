"""Studies, named recipes, and results of merging evidence."""

from __future__ import annotations

from pydantic import Field

from memscore.messages.message import Message
from memscore.study.spec import Design, Recipe


class TableSummary(Message):
    """The current version of a study's score table."""

    digest: str
    trials: int
    in_sample_accuracy: float | None = Field(default=None, description="null for imported scores")
    held_out_accuracy: float | None = None
    test_accuracy: float | None = None
    warnings: list[str]


class StudyMessage(Message):
    """A study; `table` is null until its first block has finished."""

    id: str
    name: str
    dataset: str
    fingerprint: str
    recipe: Recipe | None = Field(description="null for imported scores")
    recipe_name: str | None
    design: Design | None
    trials: int
    table: TableSummary | None
    imported: bool = Field(default=False, description="scores imported from a file: read-only, without evidence")


class Studies(Message):
    """A page of studies, oldest first; `next` is the cursor of the next page, null on the last."""

    studies: list[StudyMessage]
    next: str | None = None


class NamedRecipe(Message):
    """A recipe with its name."""

    name: str
    recipe: Recipe


class Recipes(Message):
    """The named recipes."""

    recipes: list[NamedRecipe]


class EvidenceMerged(Message):
    """The result of merging an evidence file: trials added, already present, and present with a different result.

    Present trials stay unchanged.
    """

    study: str
    study_name: str
    created: bool = Field(description="whether the study was created")
    added: int
    present: int
    differing: int
    trials: int = Field(description="trials in the study now")
    full_trials: int
    digest: str | None = Field(description="digest of the current score table")
