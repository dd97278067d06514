"""Figure 5: accuracies of BAT over its alpha and beta."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import Item
from trainer.experiments.material import Panel
from trainer.experiments.run import CONTENDERS, Contender, Run, compared
from trainer.experiments.setting import Setting

ALPHAS, BETAS = (0, 1, 2, 3), (0, 0.1, 0.2, 0.3)


class Grid:
    """BAT at every point of the grid; alpha = beta = 0 is PGD training, bit for bit."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[Run]:
        """A run for each point and seed; those that other items need too are the same."""
        return [_run(setting, alpha, beta, seed) for alpha in ALPHAS for beta in BETAS for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Surfaces and heat maps of clean and adversarial accuracy."""
        raise NotImplementedError


def _run(setting: Setting, alpha: float, beta: float, seed: int) -> Run:
    if not alpha and not beta:
        return compared(setting, CONTENDERS[0], seed)
    contender = Contender("bat", {"alpha": alpha, "beta": beta})
    shared = any(one.method == "bat" and one.point == contender.point for one in CONTENDERS)
    return compared(setting, contender, seed, along=shared)
