"""A figure or a table of the paper: what it shows, and what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trainer.experiments.artifact import Artifact
from trainer.experiments.inputs import Panel
from trainer.experiments.run import ExperimentRun
from trainer.experiments.setting import Setting


class Kind(Protocol):
    """What items of one kind have in common."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """The runs that a panel is made from."""
        ...

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """The item from finished runs; its studies are large enough."""
        ...


@dataclass(frozen=True)
class Item:
    """name: as the command takes it, such as fig1. subjects: the paper's datasets and models, one for each panel.

    mini, seeds: how many of them there are at mini scale, and of how many seeds, unless told otherwise.
    """

    name: str
    title: str
    kind: Kind
    subjects: tuple[tuple[str, str], ...]
    mini: int = 1
    seeds: int = 3

    def make(self, panels: Sequence[Panel]) -> Artifact:
        """The item from finished runs. Raises InvalidInput if a study is too small."""
        for panel in panels:
            panel.study.require_trials(self.name)
        return self.kind.make(self, panels)


class FromStudy:
    """A kind that needs no runs."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """None."""
        del setting, seeds
        return []


def for_each_dataset(panels: Sequence[Panel]) -> list[Panel]:
    """One panel for each dataset, for what does not depend on a network that is trained."""
    return list({panel.setting.dataset: panel for panel in reversed(panels)}.values())[::-1]
