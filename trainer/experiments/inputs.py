"""The inputs of figures and tables: a study with its images, and finished runs, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from memscore.arrays import Bools
from memscore.counted import counted
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.messages.studies import StudyMessage
from memscore.runs.layout import ATTACKED, EVALUATIONS
from memscore.runs.sample_records import CORRECT
from memscore.scores.sets import Sets
from memscore.scores.tables import PairsTable, ScoreTable
from trainer import checkpoints
from trainer.evaluation import SampleRecords, read_samples
from trainer.evaluation.control import matched
from trainer.evaluation.result import SAMPLES
from trainer.experiments.run import ExperimentRun
from trainer.experiments.setting import Setting
from trainer.folder import RunFolder

LEAST_TRIALS = 210
"""Trials T for which 0.15 is 1.96 times the largest standard error: 1.96 sqrt(.25 / .3 T + .25 / .7 T) = .15."""


@dataclass(frozen=True)
class StudyMaterial:
    """A study from the service, with its images."""

    message: StudyMessage
    dataset: Dataset
    scores: ScoreTable
    pairs: PairsTable
    sets: Sets

    @property
    def described(self) -> str:
        """Its dataset and the basis of its scores, for captions."""
        recipe = self.message.recipe
        source = f"{counted(self.message.trials, 'trial')} of {recipe.network}" if recipe else "imported scores"
        return f"{self.message.dataset}, {source}"

    @cached_property
    def control(self) -> Bools:
        """Mask of the atypical test samples' control group: others that held-out models find as hard; may be empty."""
        return matched(self.scores["test_p"], self.sets.test_atypical).control

    def notes_on_sets(self) -> list[str]:
        """How atypical test samples were chosen, and what their number is worth, for items that depend on them."""
        return [f"{self.described}: {' '.join(self.sets.worth())}", *self.sets.notes]

    def require_trials(self, item: str) -> None:
        """Raise InvalidInput, with the number of missing trials, unless mem of 0.15 is distinguishable from chance."""
        if not self.message.imported:
            require_trials(item, self.message.trials, f"of {self.message.name}")


def require_trials(item: str, trials: int, whose: str) -> None:
    """Raise InvalidInput, with the number of missing trials, unless a study has enough trials for an item."""
    if trials < LEAST_TRIALS:
        raise InvalidInput(
            f"{item} needs a study of at least {LEAST_TRIALS} trials, so that values of 0.15 are distinguishable from "
            f"chance: {LEAST_TRIALS - trials} more than the {trials} {whose}."
        )


@dataclass(frozen=True)
class Finished:
    """A finished run in its folder."""

    run: ExperimentRun
    folder: Path

    def samples(self, split: str, checkpoint: str = "last") -> SampleRecords:
        """Every sample of a split under the attacks of each run's own evaluation (clean, fgsm, pgd)."""
        return _of_split(self.folder / EVALUATIONS / checkpoint, split)

    def attacked(self, checkpoint: str) -> SampleRecords:
        """Every test sample, under the slow attacks too."""
        return _of_split(self.folder / ATTACKED / checkpoint, "test")

    @cached_property
    def moments(self) -> list[tuple[int, Path]]:
        """The epochs kept along the way, and the last, each with the folder of its evaluation."""
        points = {
            checkpoints.describe(folder)["epoch"]: folder / EVALUATIONS for folder in RunFolder(self.folder).epochs()
        }
        points.setdefault(self.run.config().epochs, self.folder / EVALUATIONS / "last")
        return list(points.items())

    def curve(self, split: str) -> list[tuple[int, SampleRecords]]:
        """Every sample of a split at each kept epoch and at the last."""
        return [(epoch, _of_split(folder, split)) for epoch, folder in self.moments]


@dataclass(frozen=True)
class Panel:
    """One setting of an item, with all of its results."""

    setting: Setting
    study: StudyMaterial
    runs: Path
    seeds: Sequence[int]

    def finished(self, run: ExperimentRun) -> Finished:
        """A run's results."""
        return Finished(run, run.folder(self.runs))


def curves(runs: Sequence[Finished], split: str) -> list[tuple[int, list[SampleRecords]]]:
    """The epochs kept by runs with several seeds, each with every sample of a split for each run."""
    moments = zip(*(run.curve(split) for run in runs), strict=True)
    return [(moment[0][0], [samples for _, samples in moment]) for moment in moments]


def correct(samples: Sequence[SampleRecords], attack: str, mask: Bools) -> Any:
    """Correctness bool [seeds, samples of the mask] under an attack ("clean": none), from the samples of each seed.

    Samples that some seed was not evaluated on (outside AutoAttack's subset) are left out.
    """
    columns = [one[f"{CORRECT}{attack}"] for one in samples]
    tried = mask & ~np.logical_or.reduce([np.ma.getmaskarray(column) for column in columns])
    return np.stack([column.data[tried] for column in columns])


def _of_split(folder: Path, split: str) -> SampleRecords:
    return next(one for one in read_samples(folder / SAMPLES)[0] if one.split == split)
