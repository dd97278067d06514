"""Ray on this machine: long-lived actors that train the blocks they are fed."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from memscore.datasets.dataset import Dataset
from memscore.errors import BlockFailed
from memscore.evidence import Trial
from memscore.farm.actors import BlockTrainer
from memscore.farm.lifeline import terminate
from memscore.spec import Design, Recipe

BLOCK_TRIES = 3  # a block that loses its actor so often fails the job
OBJECT_STORE_MARGIN = 100 * 2**20


class Farm:
    """Ray on this machine with long-lived actors, one per slot; a context manager."""

    def __init__(self, dataset: Dataset, recipe: Recipe, design: Design, actors: int, folder: Path) -> None:
        self.dataset = dataset
        self.recipe = recipe
        self.design = design
        self.actors = actors
        self.folder = folder

    def __enter__(self) -> Farm:
        size = sum(getattr(self.dataset, name).nbytes for name in ("x_train", "x_test"))
        ray.init(
            address="local",
            num_cpus=self.actors,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=2 * size + OBJECT_STORE_MARGIN,
            _temp_dir=str(self.folder),
            _node_ip_address="127.0.0.1",
        )
        signal.signal(signal.SIGTERM, terminate)  # Ray has replaced it
        self.shared = ray.put(self.dataset)
        return self

    def __exit__(self, *exception: object) -> None:
        ray.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def train(self, blocks: list[int], tick: Callable[[], None]) -> Iterator[list[Trial]]:
        """Yield the trials of each block as it finishes, in any order; calls `tick` at least every second.

        Raises BlockFailed if training a block fails, or loses its actor BLOCK_TRIES times.
        """
        waiting = list(reversed(blocks))
        losses: dict[int, int] = {}
        running: dict[Any, tuple[Any, int]] = {}

        def start(actor: Any) -> None:
            if waiting:
                block = waiting.pop()
                running[actor.train.remote(block)] = (actor, block)

        for _ in range(self.actors):
            start(self._new_actor())
        while running:
            ready, _ = ray.wait(list(running), timeout=1)
            if not ready:
                tick()
            for reference in ready:
                actor, block = running.pop(reference)
                try:
                    finished = ray.get(reference)
                except RayActorError as error:
                    losses[block] = losses.get(block, 0) + 1
                    print(f"block {block} lost its actor ({losses[block]} of {BLOCK_TRIES}): {error}", flush=True)
                    if losses[block] == BLOCK_TRIES:
                        raise BlockFailed(
                            f"Block {block} lost its worker process {BLOCK_TRIES} times; is there enough memory?"
                        ) from error
                    waiting.append(block)
                    actor = self._new_actor()
                except RayTaskError as error:
                    raise BlockFailed(f"Block {block} failed: {error.cause}") from error
                else:
                    yield finished
                start(actor)

    def _new_actor(self) -> Any:
        return BlockTrainer.remote(self.shared, self.recipe, self.design)
