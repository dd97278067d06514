"""Figure 6: samples whose memorization values are near 0, a half and 1."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import FromStudy, Item
from trainer.experiments.material import Panel


class Examples(FromStudy):
    """Of a study alone."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Pictures of each, from several classes."""
        raise NotImplementedError
