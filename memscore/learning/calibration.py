"""Estimates of a trial's duration and memory on this device, from a few training steps."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from memscore.learning.data import DeviceData
from memscore.learning.estimators import log_probabilities
from memscore.learning.single import single_logits, train_single
from memscore.learning.stack import flattened, stack_logits, train_stack
from memscore.study.randomness import random_order
from memscore.study.spec import BLOCK, ESTIMATOR, Design, Recipe

STEPS = 6  # timed, after the same number for warm-up
EVALUATED = 500  # images


def seconds_a_trial(data: DeviceData, recipe: Recipe, design: Design) -> float:
    """Estimate one trial's duration in seconds on a worker that is already warm.

    Times a few training steps and one evaluation batch, and extrapolates. Raises the same errors as training.
    """
    samples = len(data.y_train)
    subset = max(1, round(design.subset_ratio * samples))
    if recipe.network == ESTIMATOR:
        return _seconds_of_estimator(data, recipe, subset)
    steps = -(-subset // recipe.batch_size)
    few = min(STEPS, steps)
    probe = np.zeros((BLOCK if recipe.stacked else 1, samples), np.bool_)
    probe[:, : min(subset, few * recipe.batch_size)] = True

    def seconds_of(epochs: int) -> float:
        shortened = recipe.model_copy(update={"epochs": epochs, "plain_epochs": 0})
        started = time.perf_counter()
        if recipe.stacked:
            train_stack(data, shortened, probe, ("calibration",))
        else:
            train_single(data, shortened, probe[0], ("calibration",))
        _synchronize(data.device)
        return time.perf_counter() - started

    seconds_of(1)
    once = seconds_of(1)
    step = max(0.0, (seconds_of(2) - once) / few)
    setup = max(0.0, once - few * step)
    evaluation = _evaluation_seconds(data, recipe) * (samples + len(data.y_test))
    return (recipe.epochs * steps * step + setup + evaluation) / len(probe)


def _seconds_of_estimator(data: DeviceData, recipe: Recipe, subset: int) -> float:
    """The duration of one whole trial: an estimator has no steps to time."""
    chosen = np.zeros(len(data.y_train), np.bool_)
    chosen[random_order(len(chosen), "calibration")[:subset]] = True
    x_train, y_train, x_test = (one.cpu().numpy() for one in (data.x_train, data.y_train, data.x_test))
    started = time.perf_counter()
    log_probabilities(recipe, x_train, y_train, x_test, chosen, data.classes, ("calibration",))
    return time.perf_counter() - started


def memory_of_unit(data: DeviceData, recipe: Recipe, design: Design) -> tuple[int, int]:
    """GPU memory in bytes that a process needs to train such units, CUDA's context included, and the GPU's total."""
    torch.cuda.reset_peak_memory_stats(data.device)
    seconds_a_trial(data, recipe, design)
    free, total = torch.cuda.mem_get_info(data.device)
    context = max(0, total - free - torch.cuda.memory_reserved(data.device))  # this process's, if no other uses the GPU
    return torch.cuda.max_memory_reserved(data.device) + context, total


def _evaluation_seconds(data: DeviceData, recipe: Recipe) -> float:
    """Seconds to evaluate one image, by all models if the recipe trains a stack."""
    images = data.x_train[:EVALUATED]
    two = replace(data, x_train=data.x_train[:2], y_train=data.y_train[:2])
    probe = np.ones((BLOCK if recipe.stacked else 1, 2), np.bool_)
    quick = recipe.model_copy(update={"epochs": 1, "plain_epochs": 0})
    if recipe.stacked:
        stack = train_stack(two, quick, probe, ("calibration",))
        evaluate = partial(stack_logits, stack, flattened(images))
    else:
        network = train_single(two, quick, probe[0], ("calibration",))
        evaluate = partial(single_logits, network, images)
    evaluate()
    started = time.perf_counter()
    evaluate()
    _synchronize(data.device)
    return (time.perf_counter() - started) / len(images)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
