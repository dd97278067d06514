"""Ray on this machine: long-lived actors that train the units they are fed."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import torch
from ray.exceptions import RayActorError, RayTaskError

from memscore.datasets.dataset import Dataset
from memscore.errors import BlockFailed, Diverged
from memscore.evidence import Trial
from memscore.farm.actors import UnitTrainer
from memscore.farm.lifeline import terminate
from memscore.spec import Design, Recipe
from memscore.subsets import Unit

UNIT_TRIES = 3  # a unit that loses its actor so often fails the job
OBJECT_STORE_MARGIN = 100 * 2**20


@dataclass(frozen=True)
class FarmOptions:
    """Where to train: on this machine with `slots` workers, or on the running cluster; `at_most` units."""

    cluster: bool
    slots: int
    trials_per_gpu: int | None
    at_most: int
    folder: Path


class Farm:
    """Ray on this machine with long-lived actors, one per slot; a context manager.

    Where the machine has GPUs the actors share them evenly; otherwise each has a core.
    """

    def __init__(
        self, dataset: Dataset, recipe: Recipe, design: Design, options: FarmOptions, *, probabilities: bool
    ) -> None:
        self.dataset = dataset
        self.recipe = recipe
        self.design = design
        self.actors = min(options.slots, options.at_most)
        self.folder = options.folder
        self.phase: str | None = None
        self.probabilities = probabilities

    def __enter__(self) -> Farm:
        size = sum(getattr(self.dataset, name).nbytes for name in ("x_train", "x_test"))
        gpus = torch.cuda.device_count()
        ray.init(
            address="local",
            num_cpus=self.actors,
            num_gpus=gpus,
            include_dashboard=False,
            log_to_driver=True,
            object_store_memory=2 * size + OBJECT_STORE_MARGIN,
            _temp_dir=str(self.folder),
            _node_ip_address="127.0.0.1",
        )
        signal.signal(signal.SIGTERM, terminate)  # Ray has replaced it
        self.shared = ray.put(self.dataset)
        each_gpu = -(-self.actors // gpus) if gpus else 1
        self.resources = {"num_cpus": 1, "num_gpus": 1 / each_gpu if gpus else 0}
        return self

    def __exit__(self, *exception: object) -> None:
        ray.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def train(self, units: Iterator[Unit], tick: Callable[[], None]) -> Iterator[list[Trial]]:
        """Yield the trials of each unit as it finishes, in any order; calls `tick` at least every second.

        The next unit is asked for when an actor is free and what it finished before has been yielded. A unit
        that diverges is tried once more. Raises BlockFailed if training a unit fails, or loses its actor
        UNIT_TRIES times.
        """
        again: list[Unit] = []
        losses: dict[Unit, int] = {}
        diverged: set[Unit] = set()
        running: dict[Any, tuple[Any, Unit]] = {}
        idle = [self._new_actor() for _ in range(self.actors)]
        while True:
            while idle:
                unit = again.pop() if again else next(units, None)
                if unit is None:
                    break
                actor = idle.pop()
                running[actor.train.remote(unit)] = (actor, unit)
            if not running:
                return
            ready, _ = ray.wait(list(running), timeout=1)
            if not ready:
                tick()
            for reference in ready:
                actor, unit = running.pop(reference)
                try:
                    finished = ray.get(reference)
                except RayActorError as error:
                    losses[unit] = losses.get(unit, 0) + 1
                    print(f"{unit} lost its actor ({losses[unit]} of {UNIT_TRIES}): {error}", flush=True)
                    if losses[unit] == UNIT_TRIES:
                        raise BlockFailed(
                            f"{_named(unit)} lost its worker process {UNIT_TRIES} times; is there enough memory?"
                        ) from error
                    again.append(unit)
                    idle.append(self._new_actor())
                except RayTaskError as error:
                    if not isinstance(error.cause, Diverged) or unit in diverged:
                        raise BlockFailed(f"{_named(unit)} failed: {error.cause}") from error
                    print(f"{unit} diverged and is tried once more: {error.cause}", flush=True)
                    diverged.add(unit)
                    again.append(unit)
                    idle.append(actor)
                else:
                    idle.append(actor)
                    yield finished

    def _new_actor(self) -> Any:
        trainer = UnitTrainer.options(**self.resources)
        return trainer.remote(self.shared, self.recipe, self.design, self.probabilities)


def _named(unit: Unit) -> str:
    return str(unit).capitalize()
