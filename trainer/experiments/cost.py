"""Estimate the time of runs and studies on this machine before any of them starts."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.learning.data import pixels
from memscore.learning.networks import Network, build_network
from memscore.study.spec import Recipe
from trainer.attacks import autoattack
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.experiments.run import APGD, ExperimentRun, attack_named
from trainer.learner import Learner
from trainer.ledger import estimate, kept_at_the_end
from trainer.network import initial_network, training_device

SURVIVORS = 0.6
"""Average share of an attack's steps that are taken, since lost samples leave it."""
STEPS = 20
"""Of PGD and of CW, in evaluations."""
TRIED, MANY = 8, 128  # images: a few, for any CPU, and a batch
SLOW = 0.01  # seconds per image, above which a whole batch is not timed


@dataclass(frozen=True)
class Stopwatch:
    """Times one image's forward and backward pass through networks, for images of a dataset."""

    dataset: Dataset
    measured: dict[str, float] = field(default_factory=dict[str, float])

    def seconds(self, network: str, options: dict[str, Any]) -> float:
        """Seconds for one image, measured once on this machine's device, in one thread."""
        key = f"{network} {sorted(options.items())}"
        if key not in self.measured:
            self.measured[key] = self._measure(network, options)
        return self.measured[key]

    def of_run(self, run: ExperimentRun) -> float:
        """Seconds for a whole run: training, selection, and the evaluation of the kept networks."""
        config = run.config()
        a_pass = self.seconds(config.network, dict(config.network_options))
        train, test = len(self.dataset.y_train), len(self.dataset.y_test)
        trained = train * (1 - config.validation) * (config.keep_atypical or 1) * (1 - config.leave_out)
        tried = SURVIVORS * config.evaluation_steps
        along = sum(config.keeps_along(epoch + 1) for epoch in range(config.epochs))
        networks = kept_at_the_end(config) / SURVIVORS + along
        selected = config.epochs * train * config.validation * tried
        return a_pass * (config.epochs * trained * passes(config) + selected + networks * (train + test) * tried)

    def of_attacks(self, run: ExperimentRun, networks: int) -> float:
        """Seconds for the attacks of tables 4 to 7 on this many networks of a run."""
        config = run.config()
        classes, test = self.dataset.classes, len(self.dataset.y_test)
        subset = min(run.setting.autoattack_samples, test)
        parts = attack_named(APGD, classes).split("+")
        whole = 1 + 2 * STEPS + sum(autoattack.passes(part, classes) for part in parts)  # FGSM, PGD and CW too
        on_subset = sum(autoattack.passes(part, classes) for part in autoattack.parts(classes))
        a_pass = self.seconds(config.network, dict(config.network_options))
        return networks * a_pass * SURVIVORS * (test * whole + subset * on_subset)

    def of_trials(self, recipe: Recipe, trials: int, ratio: float = 0.7) -> float:
        """Seconds for a number of a study's models."""
        options = {**recipe.options, "hidden": list(recipe.hidden)} if recipe.hidden else dict(recipe.options)
        return trials * recipe.epochs * ratio * len(self.dataset.y_train) * self.seconds(recipe.network, options)

    def _measure(self, network: str, options: dict[str, Any]) -> float:
        device = training_device()
        count = min(MANY, len(self.dataset.y_train)) if device.type == "cuda" else TRIED
        channels = self.dataset.x_train.shape[3]
        shape = (channels, *self.dataset.x_train.shape[1:3])
        module = build_network(network, shape, self.dataset.classes, options).to(device)
        a_pass = self._seconds(module, count, device)
        return a_pass if a_pass > SLOW else min(a_pass, self._seconds(module, MANY, device))

    def _seconds(self, module: Network, count: int, device: torch.device) -> float:
        images = pixels(torch.from_numpy(np.array(self.dataset.x_train[:count])).to(device)).requires_grad_()
        labels = torch.from_numpy(np.array(self.dataset.y_train[:count], np.int64)).to(device)
        started = 0.0
        for _ in range(3):  # the first two warm up
            started = time.perf_counter()
            functional.cross_entropy(module(images), labels).backward()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        return (time.perf_counter() - started) / len(labels)


def passes(config: TrainConfig) -> float:
    """Forward-and-backward passes of an image in a step; a forward pass without a backward one counts as a third."""
    return _counted(
        config.model_copy(
            update={
                "network": "cnn",
                "network_options": {"width": 2},
                "keep_atypical": None,
                "match_size": None,
                "seed": 0,
            }
        ).model_dump_json()
    )


@cache
def _counted(text: str) -> float:
    """Count passes in a few steps on noise: their number does not depend on the network."""
    config = TrainConfig.model_validate_json(text).model_copy(update={"crop": 0, "batch_size": 8, "epochs": 1})
    noise = np.random.default_rng(0).integers(0, 256, (40, 4, 4, 1), np.uint8)
    labels = np.arange(40) % 4
    dataset = build_dataset(noise, labels, noise[:8], labels[:8], source="noise")
    device = torch.device("cpu")
    data = TrainingData(dataset, np.zeros(40, np.float32), config, device)
    found = estimate(Learner(initial_network(dataset, config, device), config), data)
    return (found.forwards + 2 * found.backwards) / 3
