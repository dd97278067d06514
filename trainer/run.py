"""One training run from start to finish: train, keep checkpoints and evaluate them, or resume an earlier attempt."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memscore.arrays import Float32
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.networks import Network
from memscore.learning.seeding import kept_generators
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.distributed import ALONE, World
from trainer.evaluation import Evaluation, EvaluationConfig, EvaluationFinding, Row
from trainer.evaluation.checkpoint_groups import evaluate_together
from trainer.evaluation.checkpoint_paths import along, find
from trainer.evaluation.config import bat_weights
from trainer.evaluation.result import write_together
from trainer.folder import RunFolder
from trainer.initial import InitialWeights
from trainer.learner import Learner
from trainer.ledger import CostEstimate, estimate
from trainer.loop import Loop, OnRecord, OnStep
from trainer.network import initial_network, signature, training_device
from trainer.scores import Scores
from trainer.stopping import Stop, Stopped

ATTACKS = ("fgsm", "pgd")
"""The attacks that a run's checkpoints are evaluated with at its end; `memscore evaluate` adds the others."""


@dataclass(frozen=True)
class Checkpoint:
    """A kept network: its name, its epoch, how it was selected, and the results of its evaluation."""

    name: str
    epoch: int
    selected: dict[str, Any]
    rows: list[Row]
    findings: list[EvaluationFinding]


@dataclass(frozen=True)
class Run:
    """The result of a run: its checkpoints, none before it is finished.

    events: what a reader of the results should know, such as a lowered learning rate.
    """

    config: TrainConfig
    finished: bool
    checkpoints: list[Checkpoint]
    events: tuple[str, ...] = ()

    @property
    def last(self) -> Checkpoint:
        """The network of the last epoch. Raises InvalidInput if the run is not finished."""
        if not self.finished:
            raise InvalidInput("The run is not finished; run the training again to resume it.")
        return next(one for one in self.checkpoints if one.name == "last")


@dataclass(frozen=True)
class Watch:
    """Callbacks that follow a run: its estimated cost before it starts, each step, and each record of its metrics."""

    on_estimate: Callable[[CostEstimate], None] | None = None
    on_step: OnStep | None = None
    on_record: OnRecord | None = None

    def evaluating(self, name: str, stop: Stop) -> OnStep:
        """A callback for the passes of an evaluation; raises Stopped when `stop` is due."""

        def show(done: int, total: int, _: str) -> None:
            if self.on_step is not None:
                self.on_step(done, total, f"evaluating {name}")
            if stop.due() and done < total:
                raise Stopped

        return show


def train(
    dataset: Dataset,
    name: str,
    config: TrainConfig,
    scores: Scores | None,
    folder: Path | None,
    watch: Watch = Watch(),
    stop: Stop | None = None,
    world: World = ALONE,
    *,
    initial: InitialWeights | None = None,
    allow_changed_network: bool = False,
) -> Run:
    """Train on a dataset and evaluate the kept checkpoints; `folder` keeps everything and allows resuming.

    If the folder already holds this run, training resumes; if the run is finished, its result is returned at once.
    Ends early, with a resume point in the folder, when `stop` is due. With several processes, only the first one
    evaluates and returns the result. `initial` replaces the network's random weights; a run is identified by it too.

    Raises FingerprintMismatch, before any work, if the scores belong to another dataset; Conflict if samples of the
    dataset were forgotten, if the folder holds another run, or this run with other code of its network (unless
    allowed), or if another command is using it; Diverged if the loss does not stay finite; InvalidInput for anything
    that cannot be trained or written.
    """
    dataset.require_whole(name)
    if scores is not None:
        scores.require(dataset, name)
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="memscore-run-") as scratch:
            return train(dataset, name, config, scores, Path(scratch), watch, stop, world, initial=initial)
    kept = folder_of(folder, dataset, name, config, scores, initial)
    if kept.finished:
        kept.require_same(config, allow_changed_network=allow_changed_network)
        return finished_run(kept, config)
    data, learner = learner_of(dataset, config, scores, world, initial=initial)
    with kept.alone() if world.first else nullcontext():
        if world.first:
            kept.begin(config, allow_changed_network=allow_changed_network, left_out=data.left_out)
        if not kept.finished:  # another command may have finished it before we got the folder
            if not _fit(learner, data, kept, watch, stop or Stop()) or not world.first:
                return Run(config, False, [])
            try:
                names = _evaluate(dataset, data, kept, scores, watch, stop or Stop())
                kept.finish({"checkpoints": names, "events": kept.events()})
            except Stopped:
                return Run(config, False, [])
    return finished_run(kept, config)


def folder_of(
    folder: Path,
    dataset: Dataset,
    name: str,
    config: TrainConfig,
    scores: Scores | None,
    initial: InitialWeights | None = None,
) -> RunFolder:
    """The folder of a run, with what identifies it."""
    identity = {
        "dataset": name,
        "fingerprint": dataset.fingerprint,
        "scores": None if scores is None else scores.digest,
        **({} if initial is None else {"initial": initial.digest}),
    }
    return RunFolder(folder, identity, signature(dataset, config))


def learner_of(
    dataset: Dataset,
    config: TrainConfig,
    scores: Scores | None,
    world: World = ALONE,
    *,
    initial: InitialWeights | None = None,
) -> tuple[TrainingData, Learner]:
    """The data of a run on its device, and a learner before its first step."""
    mem = None if scores is None else scores.mem
    data = TrainingData(dataset, mem, config, training_device(world), world)
    network = initial_network(dataset, config, data.mem.device, world)
    if initial is not None:
        initial.load_into(network, config.network)
    return data, Learner(network, config, world)


def train_network(dataset: Dataset, config: TrainConfig, mem: Float32 | None = None) -> Network:
    """Train one network and return it in eval mode; nothing is kept. Raises the errors of `train`."""
    data = TrainingData(dataset, mem, config, training_device())
    learner = Learner(initial_network(dataset, config, data.mem.device), config)
    with tempfile.TemporaryDirectory(prefix="memscore-run-") as scratch:
        Loop(learner, data, RunFolder(Path(scratch))).run(Stop())
    return learner.network.eval()


def finished_run(folder: RunFolder, config: TrainConfig) -> Run:
    """The finished run in `folder`. Raises Damaged if its files cannot be read."""
    found: list[Checkpoint] = []
    for name in folder.result()["checkpoints"]:
        description = checkpoints.describe(folder.checkpoint(name))
        rows, findings = (
            Evaluation.read_rows(folder.evaluation(name)),
            Evaluation.read_findings(folder.evaluation(name)),
        )
        found.append(Checkpoint(name, description["epoch"], description["selected"], rows, findings))
    return Run(config, True, found, tuple(folder.events()))


def _fit(learner: Learner, data: TrainingData, folder: RunFolder, watch: Watch, stop: Stop) -> bool:
    world = learner.world
    if watch.on_estimate is not None and world.first:
        with suppress(Stopped), kept_generators():
            watch.on_estimate(estimate(learner, data, stop))
    if stop.asked and world.size == 1:  # several processes agree on it in the loop
        return False
    try:
        return Loop(learner, data, folder, world).run(stop, watch.on_step if world.first else None, watch.on_record)
    finally:
        learner.close()


def _evaluate(
    dataset: Dataset, data: TrainingData, folder: RunFolder, scores: Scores | None, watch: Watch, stop: Stop
) -> list[str]:
    """Evaluate every kept network, write the results to its folder, and return the checkpoints' names.

    Raises Stopped when `stop` is due.
    """
    kept, found = find(folder.path), list[Evaluation]()
    config = _evaluation_config(data.config)
    for candidates, how in (
        (kept, config),
        (along(folder.path), config.model_copy(update={"poisoning": False})),
    ):
        for one in evaluate_together(
            candidates,
            (folder.identity["dataset"], dataset),
            data.device_data,
            how,
            scores,
            lambda name: nullcontext(watch.evaluating(name, stop)),
        ):
            if candidates is kept:
                found.append(one.evaluation)
    if len(found) > 1:
        write_together(kept[0].folder.parent, found)
    return [one.name for one in kept]


def _evaluation_config(config: TrainConfig) -> EvaluationConfig:
    """The threat model of training, with its thresholds and BAT's weights."""
    found = EvaluationConfig(
        epsilon=config.epsilon,
        attacks=ATTACKS,
        alarm_samples=0,
        atypical=config.atypical,
        typical=config.typical,
        batch_size=config.evaluation_batch,
    )
    return found.model_copy(update=bat_weights(config.model_dump()))
