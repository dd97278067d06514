"""Tables 2 to 7: all methods by groups of samples, or by attacks."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import Item
from trainer.experiments.material import Panel
from trainer.experiments.run import CONTENDERS, Contender, Run, compared
from trainer.experiments.setting import Setting


class ByGroup:
    """Clean and adversarial accuracy on all, typical and atypical test samples: tables 2 and 3."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """A run for each contender and seed."""
        return [compared(setting, contender, seed) for contender in CONTENDERS for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """A row for each contender, beside the paper's."""
        raise NotImplementedError


class ByAttack:
    """Accuracy on all test samples, clean and under every attack: tables 4 to 7."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """The same runs, with the checkpoints that are compared attacked by CW and AutoAttack too."""
        return [
            compared(setting, contender, seed, attacked=checkpoints_of(contender))
            for contender in CONTENDERS
            for seed in seeds
        ]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """A row for each contender, beside the paper's."""
        raise NotImplementedError


def checkpoints_of(contender: Contender) -> tuple[str, ...]:
    """PGD training is shown by its best networks, as in the paper; every other method by its last."""
    return ("best-adversarial", "best-clean") if contender.method == "pgd" else ("last",)
