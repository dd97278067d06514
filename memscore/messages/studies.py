"""Studies, the named recipes, and evidence that was merged into a study."""

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
    imported: bool = Field(default=False, description="published scores from elsewhere: read-only, without evidence")


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
    """What came of an evidence file: trials added, there already, and there with another result, which stays."""

    study: str
    study_name: str
    created: bool = Field(description="whether the study is new here")
    added: int
    present: int
    differing: int
    trials: int = Field(description="trials that the study has now")
    full_trials: int
    digest: str | None = Field(description="of the current score table")
