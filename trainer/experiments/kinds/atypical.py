"""Figures 1 and 9 to 14: atypical samples of both splits along the training on all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import Item
from trainer.experiments.material import Panel
from trainer.experiments.run import Run, preliminary
from trainer.experiments.setting import Setting


@dataclass(frozen=True)
class Atypical:
    """Training by `method`, erm or pgd, on all samples."""

    method: str

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """A run for each seed."""
        return [preliminary(setting, self.method, seed) for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of accuracy on the atypical training and test samples."""
        raise NotImplementedError
