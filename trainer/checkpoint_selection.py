"""Which checkpoints are kept: the last, and the best by clean and by adversarial accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from memscore.learning.memory import Batches
from memscore.statistics.estimates import wilson
from trainer.attacks import Attack
from trainer.config import TrainConfig
from trainer.evaluation import correct
from trainer.evaluation.accuracy import Withstand

Data = tuple[Tensor, Tensor]
Accuracies = dict[str, dict[str, float]]
"""By split, "validation" or "test": clean and adversarial accuracy, as shares."""

CRITERIA = {"best-adversarial": "adversarial", "best-clean": "clean"}


@dataclass(frozen=True)
class Kept:
    """A checkpoint's name and how it was selected: by which criterion, on how many samples of which split.

    The interval of the value is Wilson's, of one network: the best of many epochs is better than it says by chance.
    """

    name: str
    by: str
    on: str
    value: float
    samples: int

    @property
    def description(self) -> dict[str, Any]:
        """What a checkpoint's run.json says of it."""
        low, high = wilson(np.array([round(self.value * self.samples)]), np.array([self.samples]))
        ends = {"low": float(low[0]), "high": float(high[0])}
        return {"by": self.by, "on": self.on, "value": self.value, "samples": self.samples, **ends}


def measure(
    network: nn.Module,
    splits: dict[str, Data],
    attack: Attack,
    memory: Batches | None = None,
    withstand: Withstand | None = None,
) -> Accuracies:
    """Clean and adversarial accuracy on each split of (images, labels), in float32.

    `memory` and `withstand` as in `correct`.
    """
    found: Accuracies = {}
    for split, data in splits.items():
        clean = correct(network, *data, memory=memory)
        adversarial = correct(network, *data, attack, memory, withstand)
        found[split] = {"clean": float(clean.mean()), "adversarial": float(adversarial.mean())}
    return found


def split_names(config: TrainConfig) -> tuple[str, ...]:
    """The splits that checkpoints are selected on."""
    return ("validation", "test") if config.select_on == "both" else (config.select_on,)


def candidates(prefix: str, accuracies: Accuracies, samples: Mapping[str, int]) -> list[Kept]:
    """The checkpoints that this epoch's network could become; with two splits, those of test have a suffix.

    `samples`: the number of samples of each split.
    """
    found: list[Kept] = []
    for split, values in accuracies.items():
        suffix = "-on-test" if split == "test" and len(accuracies) > 1 else ""
        for name, criterion in CRITERIA.items():
            by = f"{criterion} accuracy"
            found.append(Kept(f"{prefix}{name}{suffix}", by, split, values[criterion], samples[split]))
    return found
