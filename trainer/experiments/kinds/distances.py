"""Table 1 and figures 21 to 23: how far apart the representations of typical samples of different classes lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import Item
from trainer.experiments.material import Panel
from trainer.experiments.run import Run, preliminary
from trainer.experiments.setting import Setting

SHARES = (0.0, 0.2, 1.0)


@dataclass(frozen=True)
class Distances:
    """PGD training on the typical samples and a share of the atypical ones; with curves, or the end alone."""

    curves: bool

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """A run for each share and seed: those of figure 2."""
        return [preliminary(setting, "pgd", seed, keep_atypical=share) for share in SHARES for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Cosine distances of different classes, for each share."""
        raise NotImplementedError
