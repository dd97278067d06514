"""Figure 4: clean and adversarial accuracy of every method along its training."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import Item
from trainer.experiments.material import Panel
from trainer.experiments.run import CONTENDERS, Run, compared
from trainer.experiments.setting import Setting


class Training:
    """All contenders on all samples."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """A run for each contender and seed."""
        return [compared(setting, contender, seed) for contender in CONTENDERS for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of clean and of adversarial accuracy on all test samples."""
        raise NotImplementedError
