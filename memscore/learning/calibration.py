"""Estimates of a trial's duration and memory on this device, from a few training steps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import numpy as np
import torch

from memscore.learning.data import DeviceData
from memscore.learning.estimators import log_probabilities
from memscore.learning.single import single_logits, train_single
from memscore.learning.stack import Members, flattened, stack_logits, train_stack, train_stacks
from memscore.learning.unit import blocks_at_once
from memscore.study.randomness import random_order
from memscore.study.spec import BLOCK, ESTIMATOR, Design, Recipe

STEPS = 6  # of an epoch that is timed
EVALUATED = 500  # images
MEASURED_SECONDS = 0.7  # of steps, so that their time is large beside its own variation
REPEATS = 3
GROWTH = 10  # largest factor between two numbers of epochs that are tried


@dataclass(frozen=True)
class TrialTime:
    """How long a trial takes.

    seconds: on a worker that is already warm and has a core, or the GPU, to itself. busy: how many times as long the
    measurement took by the clock; well above 1 if other work is slowing this machine.
    """

    seconds: float
    busy: float = 1.0


def seconds_a_trial(data: DeviceData, recipe: Recipe, design: Design) -> float:
    """Estimate one trial's duration in seconds; `trial_time` says on what conditions."""
    return trial_time(data, recipe, design).seconds


def trial_time(data: DeviceData, recipe: Recipe, design: Design) -> TrialTime:
    """Estimate one trial's duration from its training steps and an evaluation batch.

    On a CPU, where training has one thread, its CPU time is what counts: other work makes it wait, but hardly changes
    it. Raises the same errors as training.
    """
    samples = len(data.y_train)
    subset = max(1, round(design.subset_ratio * samples))
    if recipe.network == ESTIMATOR:
        return TrialTime(_seconds_of_estimator(data, recipe, subset))
    steps = -(-subset // recipe.batch_size)
    few = min(STEPS, steps)
    probe = np.zeros((BLOCK if recipe.stacked else 1, samples), np.bool_)
    probe[:, : min(subset, few * recipe.batch_size)] = True
    blocks = blocks_at_once(data.device) if recipe.stacked else 1
    members = [Members(probe, ("calibration", number)) for number in range(blocks)]
    started, used = time.perf_counter(), time.process_time()

    def seconds_of(epochs: int) -> float:
        shortened = recipe.model_copy(update={"epochs": epochs, "plain_epochs": 0})

        def train() -> None:
            if recipe.stacked:
                train_stacks(data, shortened, members)
            else:
                train_single(data, shortened, probe[0], ("calibration",))

        return _seconds(train, data.device)

    seconds_of(1)
    once = seconds_of(1)
    more = _enough(lambda epochs: seconds_of(1 + epochs) - once)
    step = max(0.0, (median(seconds_of(1 + more) for _ in range(REPEATS)) - once) / (more * few))
    setup = max(0.0, once - few * step)
    evaluation = _evaluation_seconds(data, recipe) * (samples + len(data.y_test))
    cpu, clock = time.process_time() - used, time.perf_counter() - started
    busy = 1.0 if data.device.type == "cuda" else max(1.0, clock / max(cpu, 1e-3))
    models = blocks * len(probe)
    return TrialTime((recipe.epochs * steps * step + setup + blocks * evaluation) / models, busy)


def _enough(seconds_of: Callable[[int], float]) -> int:
    """How many epochs take MEASURED_SECONDS or more, by growing numbers of them.

    A single epoch may seem to take no time at all where other work disturbs its measurement, so the number grows by
    what was seen, but at most tenfold at a time.
    """
    epochs = 1
    while (seen := seconds_of(epochs)) < MEASURED_SECONDS:
        epochs = math.ceil(epochs * min(GROWTH, max(2.0, 1.2 * MEASURED_SECONDS / max(seen, 1e-9))))
    return epochs


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is worth using on a device: a processor without AVX-512 converts each number in software."""
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # pyright: ignore


def _seconds_of_estimator(data: DeviceData, recipe: Recipe, subset: int) -> float:
    """The duration of one whole trial: an estimator has no steps to time."""
    chosen = np.zeros(len(data.y_train), np.bool_)
    chosen[random_order(len(chosen), "calibration")[:subset]] = True
    x_train, y_train, x_test = (one.cpu().numpy() for one in (data.x_train, data.y_train, data.x_test))
    started = time.process_time()
    log_probabilities(recipe, x_train, y_train, x_test, chosen, data.classes, ("calibration",))
    return time.process_time() - started


def memory_of_unit(data: DeviceData, recipe: Recipe, design: Design) -> tuple[int, int]:
    """GPU memory in bytes that a process needs to train such units, CUDA's context included, and the GPU's total."""
    torch.cuda.reset_peak_memory_stats(data.device)
    seconds_a_trial(data, recipe, design)
    free, total = torch.cuda.mem_get_info(data.device)
    context = max(0, total - free - torch.cuda.memory_reserved(data.device))  # this process's, if no other uses the GPU
    return torch.cuda.max_memory_reserved(data.device) + context, total


def _evaluation_seconds(data: DeviceData, recipe: Recipe) -> float:
    """Seconds to evaluate one sample, by all models if the recipe trains a stack."""
    chosen = data.x_train[:EVALUATED]
    two = replace(data, x_train=data.x_train[:2], y_train=data.y_train[:2])
    probe = np.ones((BLOCK if recipe.stacked else 1, 2), np.bool_)
    quick = recipe.model_copy(update={"epochs": 1, "plain_epochs": 0})
    if recipe.stacked:
        stack = train_stack(two, quick, probe, ("calibration",))
        evaluate = partial(stack_logits, stack, flattened(chosen))
    else:
        network = train_single(two, quick, probe[0], ("calibration",))
        evaluate = partial(single_logits, network, chosen)
    evaluate()
    return median(_seconds(evaluate, data.device) for _ in range(REPEATS)) / len(chosen)


def _seconds(action: Callable[[], object], device: torch.device) -> float:
    """Seconds of CPU that an action takes, or of the clock if a GPU works."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    started = clock()
    action()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - started
