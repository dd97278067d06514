"""Figure 3: atypical training samples that are taken for another class under attack, with that class."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import Item
from trainer.experiments.material import Panel
from trainer.experiments.run import CONTENDERS, Run, compared
from trainer.experiments.setting import Setting


class Poisoning:
    """Of one run of PGD training on all samples."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """That of the first seed."""
        return [compared(setting, CONTENDERS[0], seeds[0])]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """The samples with the highest poisoning scores, beside typical ones of the class they are taken for."""
        raise NotImplementedError
