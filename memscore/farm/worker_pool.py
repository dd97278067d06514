"""How many workers run, and where: as many as fit on the cluster, started again when they die."""

from __future__ import annotations

import logging
import math
import time
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from memscore.errors import BlockFailed
from memscore.farm.actors import Presence, UnitTrainer
from memscore.farm.placement import Places, living, per_gpu, places
from memscore.study.subsets import Unit

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 3.0  # how often the number of workers is compared with the cluster
START_TRIES = 3  # the job fails if this many workers fail to start before any has started


class Worker:
    """An actor and the unit it trains."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor
        self.waits_for: Any = actor.ready.remote()  # its answer, or the trials of its unit
        self.presence: Presence | None = None
        self.unit: Unit | None = None
        self.started_at = 0.0

    @property
    def pid(self) -> int:
        """Its process number; 0 before it is ready."""
        return self.presence.pid if self.presence is not None else 0

    @property
    def on_gpu(self) -> bool:
        """Whether it trains on a GPU, or a share of one."""
        return self.presence is not None and bool(self.presence.devices)

    @property
    def seconds(self) -> float:
        """Seconds since it started its unit."""
        return time.monotonic() - self.started_at

    def start(self, unit: Unit, networks: list[str] | None) -> None:
        """Train a unit if its network is one of these (see UnitTrainer.train)."""
        self.unit = unit
        self.started_at = time.monotonic()
        self.waits_for = self.actor.train.remote(unit, networks)

    def kill(self) -> None:
        """Kill its process; its unit is then lost."""
        ray.kill(self.actor)


class Pool:
    """Creates workers and follows the cluster.

    `arguments`: those of UnitTrainer, without the share of memory. `at_once`: units that a worker on a GPU takes
    together.
    """

    def __init__(self, arguments: tuple[Any, ...], trials_per_gpu: int | None, at_once: int = 1) -> None:
        self.arguments = arguments
        self.at_once = at_once
        self.trials_per_gpu = trials_per_gpu
        self.workers: list[Worker] = []
        self.followed_at = float("-inf")
        self.start_failures = 0
        self.ever_ready = False
        self.probe: Any = None  # the actor that measures how much memory a worker takes, and its answer

    @property
    def ready(self) -> list[Worker]:
        """Workers that have started."""
        return [worker for worker in self.workers if worker.presence is not None]

    @property
    def busy(self) -> list[Worker]:
        """Workers that train."""
        return [worker for worker in self.workers if worker.unit is not None]

    def free(self) -> list[Worker]:
        """Workers that can be given a unit."""
        return [worker for worker in self.ready if worker.unit is None]

    def follow(self, wanted: int) -> None:
        """Create missing workers, enough for `wanted` units, and end those that wait for a place that is no more."""
        if time.monotonic() - self.followed_at < FOLLOW_SECONDS:
            return
        self.followed_at = time.monotonic()
        nodes = living(ray.nodes())
        if self.trials_per_gpu is None and any(node.gpus >= 1 for node in nodes) and not self._measured():
            return
        room = places(nodes, self.trials_per_gpu or 1)
        goal = min(room.count, math.ceil(wanted / self.at_once) if room.gpus else wanted)
        waiting = [worker for worker in self.workers if worker.presence is None]
        for worker in waiting[: max(0, len(self.workers) - goal)]:
            self.remove(worker)
            worker.kill()
        for _ in range(goal - len(self.workers)):
            self.workers.append(self._new_worker(room))

    def wait(self, seconds: float) -> tuple[Worker, Any] | None:
        """A worker whose unit has ended, well or not, with Ray's reference to the trials; None if there is none yet.

        Also registers workers that have started. Raises BlockFailed if no worker can start.
        """
        pending = {worker.waits_for: worker for worker in self.workers if worker.unit or not worker.presence}
        if not pending:
            time.sleep(min(seconds, FOLLOW_SECONDS))
            return None
        ended, _ = ray.wait(list(pending), timeout=seconds)
        for reference in ended:
            worker = pending[reference]
            if worker.unit is not None:
                return worker, reference
            self._register(worker)
        return None

    def remove(self, worker: Worker) -> None:
        """Forget a worker, and let the next `follow` replace it at once."""
        self.workers.remove(worker)
        self.followed_at = float("-inf")

    def node_died(self, worker: Worker, error: RayError) -> bool:
        """Whether a worker died because its node did."""
        nodes = {node.id for node in living(ray.nodes())}
        return "node has died" in str(error) or (worker.presence is not None and worker.presence.node not in nodes)

    def _register(self, worker: Worker) -> None:
        """Register a worker that has started, or failed to."""
        try:
            presence: Presence = ray.get(worker.waits_for)
        except RayActorError as error:
            self.remove(worker)
            self.start_failures += 1
            reason = str(error).strip().splitlines()[-1].strip()
            log.warning("a worker could not start: %s", reason)
            if self.start_failures >= START_TRIES and not self.ever_ready:
                raise BlockFailed(f"No worker could start: {reason}") from error
            return
        worker.presence = presence
        self.ever_ready = True
        on = f"GPU {presence.devices} ({presence.device})" if presence.devices else "a core"
        log.info("worker %d is ready on %s of node %s", presence.pid, on, presence.node[:8])

    def _new_worker(self, room: Places) -> Worker:
        return Worker(self._new_actor(room.cpus, room.gpus))

    def _new_actor(self, cpus: float, gpus: float) -> Any:
        trainer = UnitTrainer.options(num_cpus=cpus, num_gpus=gpus)
        return trainer.remote(*self.arguments, gpus or 1.0)

    def _measured(self) -> bool:
        """Let one worker measure how many fit on a GPU; returns whether the answer is known."""
        if self.probe is None:
            actor = self._new_actor(1, 1)
            self.probe = (actor, actor.memory.remote())
        actor, answer = self.probe
        if not ray.wait([answer], timeout=0.5)[0]:
            self.followed_at = float("-inf")
            return False
        measured = ray.get(answer)
        ray.kill(actor)
        cpus = min((node.cpus / node.gpus for node in living(ray.nodes()) if node.gpus >= 1), default=1.0)
        self.trials_per_gpu = 1 if measured is None else per_gpu(measured[1], measured[0], cpus)
        log.info("%d workers share a GPU", self.trials_per_gpu)
        return True
