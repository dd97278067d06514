"""Evaluating trained networks under attack, with scores from a study, a service or a file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from memscore.datasets.dataset import Dataset
from memscore.datasets.storage import open_dataset
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.learning.data import DeviceData
from memscore.scores.sets import Thresholds
from memscore.settings import Settings
from memscore.workflows.datasets import ensure_registered
from memscore.workflows.embedded import opened_database
from memscore.workflows.scores import training_scores
from memscore.workflows.training import one_thread
from memscore.workflows.watching import OnNote, ignore
from trainer.attacks.registry import TRANSFER
from trainer.evaluation import EvaluationConfig
from trainer.evaluation.checkpoint_groups import Evaluated, Progress, evaluate_together
from trainer.evaluation.checkpoint_paths import Candidate, find, load, run_of
from trainer.evaluation.config import bat_weights
from trainer.evaluation.corruptions import Corruptions
from trainer.evaluation.passes import OnProgress
from trainer.evaluation.result import write_together
from trainer.folder import RunFolder
from trainer.network import training_device


@dataclass(frozen=True)
class EvaluationRequest:
    """Which networks to evaluate, and how to attack them.

    checkpoint: a checkpoint folder, a run folder, or a file of weights, which also needs `network` and `dataset`.
    normalize: how a built-in network with weights of another code normalizes images: none, or MEAN/STD.
    epsilon: None for the epsilon used in training. transfer_from: a checkpoint folder, whose network the attack
    `transfer` is crafted on; it joins the attacks. scores: a source of scores; see `training_scores`.
    corruptions: a folder of corrupted test images in the layout of CIFAR-10-C.
    output: the folder for the tables; None to write them beside the checkpoint.
    The other fields are those of EvaluationConfig.
    """

    checkpoint: Path
    attacks: tuple[str, ...] = ("fgsm", "pgd", "cw", "autoattack")
    scores: str | None = None
    norm: str = "linf"
    epsilon: float | None = None
    transfer_from: Path | None = None
    network: str | None = None
    normalize: str | None = None
    dataset: str | None = None
    corruptions: Path | None = None
    splits: tuple[str, ...] = ("train", "test")
    autoattack_samples: int = 1000
    alarm_samples: int = 200
    thresholds: Thresholds = field(default_factory=Thresholds)
    batch_size: int = 500
    seed: int = 0
    output: Path | None = None


def nothing_shown(name: str) -> AbstractContextManager[OnProgress]:
    """Show no progress."""
    return nullcontext(ignore)


def evaluate(
    request: EvaluationRequest, settings: Settings, *, progress: Progress = nothing_shown, on_note: OnNote = ignore
) -> Generator[Evaluated]:
    """Attack each network, write its tables, and yield its evaluation.

    Raises InvalidInput if a network cannot be evaluated, FingerprintMismatch if the dataset differs from that of the
    training or of the scores, Conflict if samples of the dataset were forgotten, or while another command
    uses the run's folder.
    """
    candidates = find(request.checkpoint)
    description = candidates[0].description
    if request.network is None and not description:
        raise InvalidInput("A file of weights does not name its network; name it with --network.")
    if request.normalize is not None and request.network is None:
        raise InvalidInput("--normalize is for a file of weights; name its network with --network, or leave it out.")
    config = _config(request, description)
    name, fingerprint = _dataset(settings, description, request.dataset)
    images = open_dataset(settings.home, fingerprint)
    images.require_whole(name)
    pulled = None if request.scores is None else training_scores(request.scores, settings, request.thresholds)
    if pulled is not None:
        pulled.require(images, name)
        for text in pulled.notes:
            on_note(f"scores: {text}")
    corruptions = None
    if request.corruptions is not None:
        corruptions = Corruptions.of(request.corruptions, images.x_test, images.y_test)
    data = DeviceData.of(images, training_device())
    source = None if request.transfer_from is None else _source(request.transfer_from, images).to(data.device)
    candidates = _placed(candidates, request.output)
    run = run_of(request.checkpoint) if request.output is None else None
    found: list[Evaluated] = []
    with one_thread(), nullcontext() if run is None else RunFolder(run, {}).alone():
        for one in evaluate_together(
            candidates,
            (name, images),
            data,
            config,
            pulled,
            progress,
            request.network,
            on_note,
            source,
            request.normalize,
            corruptions,
        ):
            found.append(one)
            yield one
        if len(found) > 1:
            folder = request.output or candidates[0].folder.parent
            write_together(folder, [one.evaluation for one in found])


def _config(request: EvaluationRequest, description: dict[str, Any]) -> EvaluationConfig:
    """The configuration. Epsilon, unless the request sets it, and the weights of BAT come from the training."""
    trained = description.get("config", {})
    epsilon = request.epsilon
    if epsilon is None and request.norm == "linf":  # the ball of every training
        epsilon = trained.get("epsilon")
    if epsilon is None:
        example = "--epsilon 8/255" if request.norm == "linf" else "--epsilon 0.5"
        raise InvalidInput(f"Name the radius of the attacks with --epsilon, such as {example}.")
    joins = request.transfer_from is not None and TRANSFER not in request.attacks
    config = EvaluationConfig.model_validate(
        {
            "epsilon": float(epsilon),
            "attacks": request.attacks + (TRANSFER,) * joins,
            "norm": request.norm,
            "splits": request.splits,
            "autoattack_samples": request.autoattack_samples,
            "alarm_samples": request.alarm_samples,
            "atypical": request.thresholds.atypical,
            "typical": request.thresholds.typical,
            "batch_size": request.batch_size,
            "seed": request.seed,
        }
    )
    return config.model_copy(update=bat_weights(trained))


def _source(path: Path, dataset: Dataset) -> nn.Module:
    """The network that attacks are crafted on. Raises InvalidInput unless the path holds exactly one."""
    found = find(path)
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise InvalidInput(f"{path} holds several checkpoints ({names}): name the folder of one with --transfer-from.")
    if not found[0].description:
        raise InvalidInput(f"{path} does not name its network: --transfer-from takes a checkpoint folder.")
    return load(found[0], dataset, None)


def _dataset(settings: Settings, description: dict[str, Any], given: str | None) -> tuple[str, str]:
    """Name and fingerprint of the dataset: the given one, or else the one used in training.

    Raises InvalidInput if neither is known, FingerprintMismatch if the given one was not used in training.
    """
    name = given or description.get("dataset")
    if name is None:
        raise InvalidInput("A file of weights does not name its dataset; name it with --dataset.")
    with opened_database(settings) as database:
        fingerprint = ensure_registered(database, settings, name).fingerprint
    trained = description.get("fingerprint", fingerprint)
    if trained != fingerprint:
        raise FingerprintMismatch(
            f"The network was trained on another dataset ({trained[:12]}) than {name!r} ({fingerprint[:12]}); "
            "name its training dataset with --dataset."
        )
    return name, fingerprint


def _placed(candidates: list[Candidate], output: Path | None) -> list[Candidate]:
    """The candidates, with their evaluations in `output` if it is given: in a subfolder each if there are several."""
    if output is None:
        return candidates
    return [replace(one, folder=output / one.name if len(candidates) > 1 else output) for one in candidates]
