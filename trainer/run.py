"""One training run from beginning to end: train, evaluate, keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

import memscore
from memscore.datasets.dataset import Dataset
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.evaluation import GroupAccuracy, by_group
from trainer.loop import OnEpoch, to_tensors
from trainer.loop import train as train_network
from trainer.scores import Scores


@dataclass(frozen=True)
class Run:
    """A finished run: its configuration and its accuracies by group of samples."""

    config: TrainConfig
    accuracy: list[GroupAccuracy]


def train(
    dataset: Dataset,
    name: str,
    config: TrainConfig,
    scores: Scores | None,
    folder: Path | None,
    on_epoch: OnEpoch | None = None,
) -> Run:
    """Train on a dataset, evaluate, and keep the network in `folder` if one is given.

    Raises FingerprintMismatch, before any work, if the scores belong to another dataset.
    """
    if scores is not None:
        scores.require(dataset, name)
    if folder is not None:
        checkpoints.prepare(folder)
    network = train_network(dataset, config, None if scores is None else scores.table["mem"], on_epoch)
    device = next(network.parameters()).device
    accuracy = by_group(
        network,
        to_tensors(dataset.x_train, dataset.y_train, device),
        to_tensors(dataset.x_test, dataset.y_test, device),
        config.evaluation_attack,
        None if scores is None else scores.sets,
    )
    if folder is not None:
        extra = {
            "dataset": name,
            "fingerprint": dataset.fingerprint,
            "scores": None if scores is None else scores.table.digest,
            "accuracy": [row.as_row() for row in accuracy],
            "versions": {"memscore": memscore.__version__, "torch": torch.__version__},
        }
        checkpoints.save(folder, network, config, extra)
    return Run(config, accuracy)


def kept_run(folder: Path, config: TrainConfig, scores: Scores) -> Run | None:
    """The run kept in `folder`, if it is of this configuration, these scores and these versions."""
    if not (folder / checkpoints.DESCRIPTION).is_file():
        return None
    kept = checkpoints.describe(folder)
    same = (
        kept.get("config") == config.model_dump(mode="json")
        and kept.get("scores") == scores.table.digest
        and kept.get("versions") == {"memscore": memscore.__version__, "torch": torch.__version__}
    )
    return Run(config, [GroupAccuracy(**row) for row in kept["accuracy"]]) if same else None
