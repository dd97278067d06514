"""Figure 8: training and test samples with a high influence on one another."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import FromStudy, Item
from trainer.experiments.material import Panel


class Pairs(FromStudy):
    """Of a study alone."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Pairs side by side, and how alike they are."""
        raise NotImplementedError
