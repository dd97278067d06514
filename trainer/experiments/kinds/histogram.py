"""Figure 7: how memorization values are distributed."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.experiments.artifact import Artifact
from trainer.experiments.item import FromStudy, Item
from trainer.experiments.material import Panel


class Histogram(FromStudy):
    """Of a study alone."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """The histogram of mem, with the shares of typical and atypical samples."""
        raise NotImplementedError
