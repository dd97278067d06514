"""What a run will take, before it starts: time, pieces of some minutes each, and the bytes that machines hand over."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

from memscore.datasets.dataset import Dataset
from memscore.durations import readable
from memscore.errors import InvalidInput
from memscore.learning.seeding import kept_generators
from trainer.config import TrainConfig
from trainer.initial import InitialWeights
from trainer.ledger import CostEstimate, estimate
from trainer.run import folder_of, learner_of
from trainer.scores import Scores

MIB = 2**20


@dataclass(frozen=True)
class RunPlan:
    """The estimated cost of a whole run, the share of its training that is left, and what a piece begins and ends with.

    start_seconds: until the first step of a piece, measured here. resume_bytes: of one resume point; a folder keeps up
    to two. data_bytes: the dataset's arrays. finished: evaluation, which follows training, included.
    """

    cost: CostEstimate
    left: float
    start_seconds: float
    resume_bytes: int
    data_bytes: int
    finished: bool = False

    def pieces(self, minutes: float) -> int:
        """The number of such pieces that the rest of the run takes. Raises InvalidInput if they are too short."""
        useful = 60 * minutes - self.start_seconds
        if useful <= 0:
            raise InvalidInput(
                f"A piece takes about {readable(self.start_seconds)} to start; give it more than {_spelled(minutes)}."
            )
        return 0 if self.finished else max(1, math.ceil(self.left * self.cost.seconds / useful))

    def sentences(self, minutes: float | None) -> list[str]:
        """For people."""
        rest = self.left * self.cost.seconds
        found = [f"{self.cost.sentence()}."]
        if self.left < 1:
            found.append(f"Of its training, {100 * (1 - self.left):.0f} % is done; about {readable(rest)} are left.")
        if minutes is not None:
            found.append(
                f"In pieces of {_spelled(minutes)}: about {self.pieces(minutes)}, each of which starts in about "
                f"{readable(self.start_seconds)}."
            )
        point, data = (f"{max(size / MIB, 0.1):.1f} MB" for size in (self.resume_bytes, self.data_bytes))
        found.append(f"A resume point takes {point}, of which a run keeps up to two, and the dataset's arrays {data}.")
        return found


def _spelled(minutes: float) -> str:
    return "1 minute" if minutes == 1 else f"{minutes:g} minutes"


def plan(
    dataset: Dataset,
    name: str,
    config: TrainConfig,
    scores: Scores | None,
    folder: Path | None,
    initial: InitialWeights | None = None,
) -> RunPlan:
    """Plan a run, or the rest of the one in the folder; nothing is written. Raises the errors of `run.train`."""
    started = time.perf_counter()
    dataset.require_whole(name)
    if scores is not None:
        scores.require(dataset, name)
    data, learner = learner_of(dataset, config, scores, initial=initial)
    left, finished = 1.0, False
    if folder is not None:
        kept = folder_of(folder, dataset, name, config, scores, initial)
        if kept.started:
            kept.require_same(config)
            point = kept.last_step() or kept.last_epoch()
            done = 0.0 if point is None else point.standing.epoch + point.standing.step / data.steps
            finished = kept.finished
            left = 0.0 if finished else max(0.0, 1 - done / config.epochs)
    start = time.perf_counter() - started
    with kept_generators():
        cost = estimate(learner, data)
    kept_tensors = list(learner.tensors().values())
    if config.momentum:  # which there is from the first step on
        kept_tensors += [one.detach() for one in learner.network.parameters()]
    arrays = (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    return RunPlan(
        cost,
        left,
        start,
        sum(one.numel() * one.element_size() for one in kept_tensors),
        sum(array.nbytes for array in arrays),
        finished,
    )
