"""Find the networks at a path: a checkpoint folder, a run folder with several, or a file with only weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from memscore.arrays import Bools, Float32
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.networks import adopt, build_network
from memscore.learning.networks.adoption import require_image_gradients
from memscore.runs.layout import CHECKPOINTS, EVALUATIONS, REQUEST
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.evaluation.result import SAMPLES
from trainer.folder import RunFolder
from trainer.samples import trained_mask
from trainer.state_file import WEIGHT_FILES, loaded


@dataclass(frozen=True)
class Candidate:
    """A network to evaluate: `description` is its run.json, empty for bare weights; `folder` is for its evaluation."""

    name: str
    weights: Path
    folder: Path
    description: dict[str, Any]


def find(path: Path) -> list[Candidate]:
    """The candidates at a path. Raises InvalidInput if there are none, Damaged if a description cannot be read."""
    if path.is_file() and path.suffix in WEIGHT_FILES:
        return [Candidate(path.stem, path, path.parent / f"{path.stem}-evaluation", {})]
    run = RunFolder(path)
    names = run.checkpoint_names()
    if names:
        return [_of_folder(run.checkpoint(name)) for name in names]
    if (path / checkpoints.DESCRIPTION).is_file():
        return [_of_folder(path)]
    raise InvalidInput(
        f"{path} holds no checkpoint: pass a folder with {checkpoints.WEIGHTS} and {checkpoints.DESCRIPTION}, a run "
        "folder, or a file of weights (.safetensors, .pt, .pth) together with --network and --dataset."
    )


def run_of(path: Path) -> Path | None:
    """The run folder that evaluations of this path are written to; None if they go elsewhere."""
    if (path / CHECKPOINTS).is_dir():
        return path
    inside = path.is_dir() and path.parent.name == CHECKPOINTS
    return path.parent.parent if inside and (path.parent.parent / REQUEST).is_file() else None


def along(path: Path) -> list[Candidate]:
    """The networks that a run kept along the way, none of them selected. Raises Damaged as `find` does."""
    return [_of_folder(folder) for folder in RunFolder(path).epochs()]


def load(candidate: Candidate, dataset: Dataset, network: str | None, normalize: str | None = None) -> nn.Module:
    """The network of a candidate, in eval mode; `network` names the architecture of bare weights.

    A name is a built-in one or `package.module:function`; `normalize` is for weights of other codes, as
    `state_file.loaded` takes it. Raises InvalidInput if weights and network do not match.
    """
    if network is None:
        return checkpoints.load(candidate.weights.parent, dataset)[0]
    _, height, width, channels = dataset.x_train.shape
    shape = (channels, height, width)
    built = build_network(network, shape, dataset.classes, {})
    built = loaded(built, candidate.weights, network, normalize)
    adopt(built, shape, dataset.classes, torch.device("cpu"))
    require_image_gradients(built, shape)
    return built.eval()


def trained_of(candidate: Candidate, dataset: Dataset, mem: Float32 | None) -> Bools | None:
    """Which training samples a candidate was trained on, bool [n]; None if its description and mem leave it open."""
    if not candidate.description:
        return None
    return trained_mask(dataset.y_train, mem, TrainConfig.model_validate(candidate.description["config"]))


def evaluated(path: Path) -> Path:
    """The samples file of an evaluation: the path itself, or the file in an evaluation, checkpoint or run folder.

    For a run it is the last checkpoint's. Raises InvalidInput if there is none.
    """
    places = [path, path / SAMPLES, RunFolder(path).evaluation("last") / SAMPLES]
    if (path / checkpoints.DESCRIPTION).is_file():
        places.append(_of_folder(path).folder / SAMPLES)
    for place in places:
        if place.is_file():
            return place
    raise InvalidInput(f"{path} holds no evaluation; make one with: memscore evaluate {path}")


def _of_folder(folder: Path) -> Candidate:
    in_run = folder.parent.name == CHECKPOINTS
    evaluation = RunFolder(folder.parent.parent).evaluation(folder.name) if in_run else folder / EVALUATIONS
    return Candidate(folder.name, folder / checkpoints.WEIGHTS, evaluation, checkpoints.describe(folder))
