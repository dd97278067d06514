"""A figure or table of the paper: what it shows, and the runs it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trainer.experiments.artifact import Artifact
from trainer.experiments.inputs import Panel
from trainer.experiments.run import ExperimentRun
from trainer.experiments.setting import Setting


class Kind(Protocol):
    """The interface of a kind of items."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """The runs that a panel is made from."""
        ...

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Build the item from finished runs; its studies must be large enough."""
        ...


@dataclass(frozen=True)
class Item:
    """A figure or table. name: as in the command, such as fig1. subjects: the paper's dataset and model of each panel.

    mini, seeds: the default number of panels at mini scale, and of seeds.
    """

    name: str
    title: str
    kind: Kind
    subjects: tuple[tuple[str, str], ...]
    mini: int = 1
    seeds: int = 3

    def make(self, panels: Sequence[Panel]) -> Artifact:
        """Build the item from finished runs. Raises InvalidInput if a study is too small."""
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
    """One panel for each dataset, for items that do not depend on the trained network."""
    return list({panel.setting.dataset: panel for panel in reversed(panels)}.values())[::-1]
