"""The workers of a job: long-lived Ray actors that train the units they are fed; one that dies or hangs is replaced."""

from __future__ import annotations

import logging
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from memscore.datasets.dataset import NO_COLUMNS, Dataset
from memscore.errors import BlockFailed, Diverged
from memscore.farm import local_ray
from memscore.farm.actors import refusal
from memscore.farm.lifeline import terminate
from memscore.farm.worker_pool import Pool, Worker
from memscore.study import signatures
from memscore.study.evidence import Trial
from memscore.study.spec import BLOCK, Design, Recipe, Wanted
from memscore.study.subsets import GPU_BLOCKS, Unit, grouped

log = logging.getLogger(__name__)

UNIT_TRIES = 3  # a unit that loses its worker this often fails the job
NODE_LOSSES = 20  # so does one that loses its worker's node this often
STUCK_FACTOR = 10  # a worker is replaced if its unit takes this many times longer than the longest before
STUCK_SECONDS = 300.0  # but not before this
OUTPUT_SECONDS = 2.0  # a worker's last output takes this long to arrive here
LOST = (RayActorError, WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError)  # a worker, with its unit


@dataclass(frozen=True)
class FarmOptions:
    """Where and how to train.

    folder: for the files of a Ray that is started here with `slots` workers, removed at the end; None for the running
    cluster.
    trials_per_gpu: workers that share a GPU; None measures how many its memory holds.
    at_most: the most units to train, and so the most workers.
    ahead: hand out the next unit before the finished one is stored, so that no worker waits for the database.
    """

    folder: Path | None
    slots: int
    trials_per_gpu: int | None
    at_most: int
    ahead: bool = True


class Farm:
    """Workers that follow the cluster: one per share of a GPU, or per core without GPUs. A context manager.

    last_lines: the last lines that a worker process has printed. networks: signatures of the networks that may be
    trained; if empty, only that of the first finished unit; None: any.
    """

    def __init__(
        self,
        dataset: Dataset,
        recipe: Recipe,
        design: Design,
        options: FarmOptions,
        *,
        wanted: Wanted,
        last_lines: Callable[[int], list[str]] = lambda _: [],
        networks: list[str] | None = None,
    ) -> None:
        self.dataset = dataset
        self.recipe = recipe
        self.design = design
        self.options = options
        self.wanted = wanted
        self.last_lines = last_lines
        self.networks = networks

    def __enter__(self) -> Farm:
        if self.options.folder is None:
            ray.init(address="auto", log_to_driver=True)
        else:
            size = self.dataset.x_train.nbytes + self.dataset.x_test.nbytes
            local_ray.start(self.options.folder, self.options.slots, size)
        signal.signal(signal.SIGTERM, terminate)  # Ray has replaced it
        shared = ray.put(_in_memory(self.dataset))
        arguments = (shared, self.recipe, self.design, self.wanted)
        self.pool = Pool(arguments, self.options.trials_per_gpu, GPU_BLOCKS if self.recipe.stacked else 1)
        log.info("Ray has started and holds the dataset")
        return self

    def __exit__(self, *exception: object) -> None:
        ray.shutdown()
        if self.options.folder is not None:
            shutil.rmtree(self.options.folder, ignore_errors=True)

    @property
    def workers(self) -> int:
        """The number of workers that are ready."""
        return len(self.pool.ready)

    @property
    def phase(self) -> str | None:
        """`waiting for workers` while none is ready, else None."""
        return None if self.pool.ready else "waiting for workers"

    def train(self, units: Iterator[Unit], tick: Callable[[], None]) -> Iterator[list[Trial]]:
        """Yield the trials of each unit as it finishes, in any order; calls `tick` at least every second.

        A unit is requested when a worker is free, and results are fetched and yielded one at a time, so that a slow
        caller is not flooded. A unit that diverges is tried once more.
        Raises BlockFailed if training a unit fails, or if the unit loses its worker UNIT_TRIES times; NodeEnded if the
        Ray that was started here has lost its node.
        """
        feed = Feed(units, self.options.at_most)
        while True:
            self.pool.follow(feed.left)
            self._hand_out(feed)
            if feed.exhausted and not self.pool.busy:
                return
            finished = self.pool.wait(1.0)
            if finished is None:
                tick()
                if self.options.folder is not None and not self.pool.ready:
                    local_ray.require_node()
                self._replace_stuck(feed)
                continue
            worker, reference = finished
            trials = self._collect(worker, reference, feed)
            if trials is not None:
                if self.options.ahead:
                    self._hand_out(feed)
                yield trials

    def _hand_out(self, feed: Feed) -> None:
        """Give each free worker a unit, while there are any."""
        for worker in self.pool.free():
            unit = feed.next(GPU_BLOCKS if self.recipe.stacked and worker.on_gpu else 1)
            if unit is None:
                return
            worker.start(unit, self.networks)

    def _collect(self, worker: Worker, reference: Any, feed: Feed) -> list[Trial] | None:
        """The trials a worker has trained; None if the unit was lost and goes back to the feed. Raises BlockFailed."""
        unit = worker.unit
        assert unit is not None
        try:
            trials: list[Trial] = ray.get(reference)
        except LOST as error:
            self._lost(worker, unit, feed, error)
            return None
        except RayTaskError as error:
            if not isinstance(error.cause, Diverged) or unit in feed.diverged:
                raise BlockFailed(f"{_named(unit)} failed: {error.cause}") from error
            worker.unit = None
            if len(unit.blocks) > 1:
                log.warning("%s diverged; training each block again by itself: %s", unit, error.cause)
                feed.again.extend(unit.blocks)
                return None
            log.warning("%s diverged; trying it once more: %s", unit, error.cause)
            feed.diverged.add(unit)
            feed.again.append(unit)
            return None
        self._require_same_network(trials)
        feed.longest = max(feed.longest, worker.seconds)
        feed.left -= len(unit.blocks)
        worker.unit = None
        return trials

    def _require_same_network(self, trials: list[Trial]) -> None:
        """Raises BlockFailed if workers that started without a known signature trained different networks."""
        for network in {trial.network for trial in trials if trial.network is not None}:
            if self.networks is None:
                return
            if not signatures.is_known(network, self.networks):
                raise BlockFailed(refusal(self.recipe))
            if not self.networks:
                self.networks.append(network)

    def _lost(self, worker: Worker, unit: Unit, feed: Feed, error: RayError) -> None:
        """Return the unit of a dead worker to the feed. Raises BlockFailed if that has happened too often."""
        self.pool.remove(worker)
        if self.pool.node_died(worker, error):
            losses, most, what = feed.node_losses, NODE_LOSSES, "node"
        else:
            losses, most, what = feed.losses, UNIT_TRIES, "worker process"
        losses[unit] = losses.get(unit, 0) + 1
        log.warning("%s lost its %s (%d of %d): %s", unit, what, losses[unit], most, _first_line(error))
        if losses[unit] < most:
            feed.again.append(unit)
            return
        time.sleep(OUTPUT_SECONDS)
        written = self.last_lines(worker.pid)
        if written:
            log.warning("the last lines of the worker that trained %s:\n%s", unit, "\n".join(written))
        hint = f" It wrote: {written[-1][:300]}" if written else " Is there enough memory?"
        raise BlockFailed(f"{_named(unit)} lost its {what} {most} times.{hint}") from error

    def _replace_stuck(self, feed: Feed) -> None:
        """Kill workers whose unit takes far longer than any before."""
        if not feed.longest:
            return
        limit = max(STUCK_SECONDS, STUCK_FACTOR * feed.longest)
        for worker in self.pool.busy:
            if worker.seconds > limit:
                log.warning("%s takes more than %.0f s; replacing its worker", worker.unit, limit)
                worker.kill()


class Feed:
    """The units to train, lost ones first."""

    def __init__(self, units: Iterator[Unit], at_most: int) -> None:
        self.units = units
        self.left = at_most  # units to train, including those in training
        self.again: list[Unit] = []
        self.losses: dict[Unit, int] = {}
        self.node_losses: dict[Unit, int] = {}
        self.diverged: set[Unit] = set()
        self.longest = 0.0  # most seconds that a unit has taken
        self.ended = False
        self.kept: list[Unit] = []  # taken from `units`, but not handed out

    @property
    def exhausted(self) -> bool:
        """Whether no unit is left to hand out."""
        return self.ended and not (self.again or self.kept)

    def next(self, blocks: int = 1) -> Unit | None:
        """The next unit, of at most `blocks` blocks; None if there is none now, but one in training may come back."""
        if self.again:
            first, *others = grouped(self.again.pop().blocks, blocks)
            self.again += others
            return first
        group: list[Unit] = []
        while len(group) < blocks and (unit := self._new()) is not None:
            if group and (unit.full or len(unit.numbers) < BLOCK):
                self.kept.append(unit)
                break
            group.append(unit)
            if unit.full:
                break
        return next(grouped(group, blocks), None)

    def _new(self) -> Unit | None:
        """A unit that nobody has trained yet."""
        if self.kept:
            return self.kept.pop()
        unit = None if self.ended else next(self.units, None)
        self.ended = unit is None
        return unit


def _in_memory(dataset: Dataset) -> Dataset:
    """What training needs of a dataset, with plain arrays, which Ray shares without a copy, not mapped from files."""
    names = ("x_train", "y_train", "x_test", "y_test")
    return replace(dataset, columns=NO_COLUMNS, **{name: np.asarray(getattr(dataset, name)) for name in names})


def _named(unit: Unit) -> str:
    return str(unit).capitalize()


def _first_line(error: RayError) -> str:
    return str(error).strip().splitlines()[0]
