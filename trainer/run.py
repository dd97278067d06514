"""One training run from beginning to end: train, keep, evaluate; or go on where an earlier attempt stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.data import pixels
from memscore.learning.networks import Network
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.evaluation import GroupAccuracy, by_group
from trainer.folder import RunFolder
from trainer.learner import Learner
from trainer.ledger import Estimate, estimate
from trainer.loop import Loop, OnStep
from trainer.network import initial_network, training_device
from trainer.scores import Scores
from trainer.stopping import Stop
from trainer.world import World, joined_world

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Checkpoint:
    """A kept network's name, the epoch it is of, how it was selected, and its accuracies by group of samples."""

    name: str
    epoch: int
    selected: dict[str, Any]
    accuracy: list[GroupAccuracy]


@dataclass(frozen=True)
class Run:
    """What there is of a run: its checkpoints once it is finished, none before."""

    config: TrainConfig
    finished: bool
    checkpoints: list[Checkpoint]

    @property
    def last(self) -> Checkpoint:
        """The network of the last epoch. Raises InvalidInput if the run is not finished."""
        if not self.finished:
            raise InvalidInput("The run is not finished; train on first.")
        return next(one for one in self.checkpoints if one.name == "last")


@dataclass(frozen=True)
class Watch:
    """What is told of a run while it goes: its cost before it starts, and each step."""

    on_estimate: Callable[[Estimate], None] | None = None
    on_step: OnStep | None = None


def train(
    dataset: Dataset,
    name: str,
    config: TrainConfig,
    scores: Scores | None,
    folder: Path | None,
    watch: Watch = Watch(),
    stop: Stop | None = None,
) -> Run:
    """Train on a dataset and evaluate what is kept; in `folder`, if one is given, everything stays and can go on.

    A folder with the same run in it is gone on with; one whose run is finished gives its result at once. Ends early,
    with a resume point in the folder, when `stop` is due.

    Raises FingerprintMismatch, before any work, if the scores belong to another dataset, Conflict if the folder holds
    another run, Diverged if the loss does not stay finite, InvalidInput for what cannot be trained or written.
    """
    if scores is not None:
        scores.require(dataset, name)
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="memscore-run-") as scratch:
            return train(dataset, name, config, scores, Path(scratch), watch, stop)
    identity = {
        "dataset": name,
        "fingerprint": dataset.fingerprint,
        "scores": None if scores is None else scores.table.digest,
    }
    kept = RunFolder(folder, identity)
    with joined_world() as world:
        mem = None if scores is None else scores.table["mem"]
        data = TrainingData(dataset, mem, config, training_device(world), world)
        if kept.begin(config):
            if not _fit(dataset, config, data, kept, world, watch, stop or Stop()):
                return Run(config, False, [])
            if world.first:
                kept.finish({"accuracy": _evaluated(dataset, data, kept, scores)})
        return finished_run(kept, config)


def train_network(dataset: Dataset, config: TrainConfig, mem: Floats | None = None) -> Network:
    """Train one network and give it back, in eval mode; nothing is kept. Raises as `train`."""
    data = TrainingData(dataset, mem, config, training_device())
    learner = Learner(initial_network(dataset, config, data.mem.device), config)
    with tempfile.TemporaryDirectory(prefix="memscore-run-") as scratch:
        Loop(learner, data, RunFolder(Path(scratch), {})).run(Stop())
    return learner.network.eval()


def finished_run(folder: RunFolder, config: TrainConfig) -> Run:
    """The run that `folder` holds, from its notes. Raises Damaged if they cannot be read."""
    found: list[Checkpoint] = []
    for name, rows in folder.result()["accuracy"].items():
        description = checkpoints.describe(folder.path / "checkpoints" / name)
        accuracy = [GroupAccuracy(**row) for row in rows]
        found.append(Checkpoint(name, description["epoch"], description["selected"], accuracy))
    return Run(config, True, found)


def _fit(
    dataset: Dataset, config: TrainConfig, data: TrainingData, folder: RunFolder, world: World, watch: Watch, stop: Stop
) -> bool:
    learner = Learner(initial_network(dataset, config, data.mem.device, world), config, world)
    if watch.on_estimate is not None and world.first:
        watch.on_estimate(estimate(learner, data))
    return Loop(learner, data, folder, world).run(stop, watch.on_step if world.first else None)


def _evaluated(
    dataset: Dataset, data: TrainingData, folder: RunFolder, scores: Scores | None
) -> dict[str, list[dict[str, Any]]]:
    device = data.device_data
    train_split = pixels(device.x_train), device.y_train
    test_split = pixels(device.x_test), device.y_test
    found: dict[str, list[dict[str, Any]]] = {}
    for name in folder.checkpoint_names():
        network, config = checkpoints.load(folder.path / "checkpoints" / name, dataset)
        sets = None if scores is None else scores.sets
        rows = by_group(network.to(device.device), train_split, test_split, config.evaluation_attack, sets)
        found[name] = [row.as_row() for row in rows]
    return found
