"""What an uninterrupted run gives: trials of a recipe on the digits, trained without farm, service or database."""

from __future__ import annotations

from unittest import mock

import torch

from memscore.datasets import load_source
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.study.evidence import Trial, evidence_digest
from memscore.study.spec import BLOCK, Design, Recipe, study_id
from memscore.study.subsets import Unit
from tests.conftest import build
from tests.faults import networks

STACKED = Recipe(network="mlp", hidden=(96,), epochs=80, batch_size=32, learning_rate=0.1)
"""Trained and stored by blocks of ten trials: a second or two a block."""

PACED = Recipe(
    network="tests.faults.networks:paced", options={"seconds": 1.0}, epochs=2, batch_size=64, learning_rate=0.2
)
"""Trained and stored trial by trial; most of its second is spent asleep."""

FULL = 5  # full trials of a job that does not say how many


class Reference:
    """The trials of one recipe, trained when they are first asked for, and kept."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.design = Design()
        self.dataset = load_source("digits")
        self.study = study_id(self.dataset.fingerprint, recipe, self.design)
        self._trials: dict[tuple[bool, int], Trial] = {}

    def differing(self, stored: list[Trial]) -> list[int]:
        """The numbers of the trials that are not what they should be."""
        return [trial.number for trial in stored if self.trial(trial.number, trial.full).digest != trial.digest]

    def trial(self, number: int, full: bool = False) -> Trial:
        """One trial of the uninterrupted run."""
        if (full, number) not in self._trials:
            size = (FULL if full else BLOCK) if self.recipe.stacked else 1
            first = number - number % size
            self._train(Unit(tuple(range(first, first + size)), full))
        return self._trials[full, number]

    def digest(self, trials: int) -> str:
        """The evidence digest of the first trials."""
        return evidence_digest([self.trial(number) for number in range(trials)])

    def tables(self, trials: int) -> tuple[str, str]:
        """Digests of the score table and the pairs table after `trials` trials and all full trials."""
        evidence = [self.trial(number) for number in range(trials)]
        evidence += [self.trial(number, full=True) for number in range(FULL)]
        scores, pairs = build(self.dataset, evidence, self.design, self.study, images=True)
        return scores.digest, pairs.digest

    def _train(self, unit: Unit) -> None:
        torch.set_num_threads(1)
        data = DeviceData.of(self.dataset, torch.device("cpu"))
        with mock.patch.object(networks, "pause"):
            for trial in train_unit(data, self.recipe, self.design, unit):
                self._trials[trial.full, trial.number] = trial
