"""The setting of an item: a dataset with its study, a network, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from memscore.study.spec import Recipe

Fields = dict[str, Any]
"""Fields of TrainConfig and options of a method, by name."""


@dataclass(frozen=True)
class StudySpec:
    """The study behind the scores: `trials` models of `recipe` and `full_trials` on all samples, or an existing one.

    existing: name or id of an existing study; overrides everything else.
    """

    recipe: Recipe
    trials: int
    full_trials: int = 20
    existing: str | None = None


@dataclass(frozen=True)
class Setting:
    """A dataset and a network that represent two of the paper's, and how networks are trained there.

    dataset: its registered name. model: a short name of the network, for folders. described: both, as findings name
    them. title: both in words, for figures.
    paper_setting: the paper's dataset and model. fields: of every run; `preliminary`: additional ones for section 3 of
    the paper; `methods`: additional ones by method for the comparison in section 5. along: epochs between networks kept
    for curves. extra: the user's fields for every run. autoattack_samples: number of test samples for AutoAttack.
    """

    dataset: str
    model: str
    described: str
    title: str
    paper_setting: tuple[str, str]
    study: StudySpec
    fields: Fields
    preliminary: Fields = field(default_factory=Fields)
    methods: dict[str, Fields] = field(default_factory=dict[str, Fields])
    along: int = 5
    autoattack_samples: int = 1000
    extra: Fields = field(default_factory=Fields)
