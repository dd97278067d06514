"""The cost of training: an estimate before it starts, and the peak memory used."""

from __future__ import annotations

import copy
import resource
import sys
import time
from dataclasses import dataclass

import torch

from memscore.durations import readable
from memscore.learning.replay import WARM_UP
from trainer.checkpoint_selection import CRITERIA, measure, split_names
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.learner import Learner
from trainer.methods import Step
from trainer.step_draws import Draws
from trainer.stopping import Stop, Stopped

TIMED = 3  # steps, after those that warm up
TRIED = 256  # images


@dataclass(frozen=True)
class CostEstimate:
    """Seconds of the whole run, its steps, and the passes of one image through the network in a step."""

    seconds: float
    steps: int
    forwards: float
    backwards: float

    def sentence(self) -> str:
        """For people."""
        passes = f"{self.forwards:.0f} forward and {self.backwards:.0f} backward passes per image"
        return f"{self.steps} steps with {passes}, about {readable(self.seconds)}"


def estimate(learner: Learner, data: TrainingData, stop: Stop | None = None) -> CostEstimate:
    """Estimate the cost of a run from a few timed steps of a copy of the network and a part of one selection.

    Assumes that every checkpoint kept at the end comes from a different epoch. Raises Stopped if `stop` is asked for.
    """
    config, device = learner.config, data.mem.device
    trial = Learner(copy.deepcopy(learner.network), config)
    epoch = data.epoch(0)
    images, seconds = 0, 0.0
    warm_up = WARM_UP + 1 if trial.recorded else 1  # the recording itself takes long
    for number in range(min(TIMED + warm_up, len(epoch.slices))):
        _heed(stop)
        batch = data.batch(epoch, number)
        step = Step(config.training_attack, Draws(config.seed, 0, number), 1.0, single_step=config.inner == "n-fgsm")
        if number == min(warm_up, len(epoch.slices) - 1):  # an epoch may have no more steps
            images, seconds = 0, time.perf_counter()
            trial.model.passes.forwards = trial.model.passes.backwards = 0
        trial.learn(batch, step, config.learning_rate)
        _wait(device)
        images += len(batch.labels)
    seconds = (time.perf_counter() - seconds) / max(1, images)
    trial.close()  # what it recorded would stay beside the run's own
    _heed(stop)
    steps = config.epochs * len(epoch.slices)
    passes = trial.model.passes
    tried = _seconds_tried(trial, data)
    tests = sum(config.tests_after(epoch + 1) for epoch in range(config.epochs))
    selected = sum(  # images, over all epochs
        len(labels) * (tests if name == "test" else config.epochs)
        for name, (_, labels) in data.splits(split_names(config)).items()
    )
    along = sum(config.keeps_along(epoch + 1) for epoch in range(config.epochs))
    evaluated = (kept_at_the_end(config) + along) * (len(data.device_data.y_train) + len(data.device_data.y_test))
    networks = len(trial.networks())
    return CostEstimate(
        steps * config.batch_size / data.world.size * seconds + networks * tried * (selected + evaluated),
        steps,
        passes.forwards / images,
        passes.backwards / images,
    )


def kept_at_the_end(config: TrainConfig) -> int:
    """Checkpoints of a network: the last, and the best by clean and by adversarial accuracy on each split."""
    return 1 + len(CRITERIA) * len(split_names(config))


def _heed(stop: Stop | None) -> None:
    if stop is not None and stop.asked:
        raise Stopped


def _seconds_tried(trial: Learner, data: TrainingData) -> float:
    """Seconds to select with one image: clean, and under the attack that selects."""
    images, labels = next(iter(data.splits(split_names(trial.config)).values()))
    started = time.perf_counter()
    measure(trial.network, {"part": (images[:TRIED], labels[:TRIED])}, trial.config.evaluation_attack)
    return (time.perf_counter() - started) / max(1, min(TRIED, len(labels)))


def peak_memory(device: torch.device) -> int:
    """Peak memory so far, in bytes: of the device, or of this process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
