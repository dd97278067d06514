"""What an item of the paper is measured on: a dataset with its study, a network, and how it is trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from memscore.study.spec import Recipe

Fields = dict[str, Any]
"""Fields of TrainConfig and options of a method, by name."""


@dataclass(frozen=True)
class StudySpec:
    """The study that scores come from: `trials` models of `recipe`, and some on all samples; or one there is already.

    existing: name or id of that study, in the place of everything else.
    """

    recipe: Recipe
    trials: int
    full_trials: int = 20
    existing: str | None = None


@dataclass(frozen=True)
class Setting:
    """A dataset and a network in the place of two of the paper's, and how networks are trained there.

    dataset: its registered name. model: a short name of the network, for folders. described: both, for captions.
    stands_for: the paper's dataset and model. fields: of every run; `preliminary`: of the runs of the paper's section 3
    beside them; `methods`: of a method's runs in the comparison of section 5. along: every so many epochs a network is
    kept where curves are drawn. extra: what the user sets for every run. autoattack_samples: test samples that
    AutoAttack tries.
    """

    dataset: str
    model: str
    described: str
    stands_for: tuple[str, str]
    study: StudySpec
    fields: Fields
    preliminary: Fields = field(default_factory=Fields)
    methods: dict[str, Fields] = field(default_factory=dict[str, Fields])
    along: int = 5
    autoattack_samples: int = 1000
    extra: Fields = field(default_factory=Fields)
