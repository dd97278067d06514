"""Workers on real Ray: one per share of a GPU, replaced when they die or hang, and never flooding a slow caller."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
import torch

from memscore.errors import BlockFailed
from memscore.farm import gpus as gpus_module
from memscore.farm import local_ray
from memscore.farm import workers as farm_module
from memscore.farm.worker_pool import Worker
from memscore.farm.workers import Farm, FarmOptions
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.study import signatures
from memscore.study.evidence import Trial
from memscore.study.spec import Design, Recipe, Wanted
from memscore.study.subsets import Unit
from tests.conftest import QUICK, make_dataset
from tests.processes import alive, eventually

DESIGN = Design(seed=3)
SLEEPY = Recipe(
    network="tests.faults.networks:paced", options={"seconds": 1, "hidden": 4}, epochs=1, batch_size=32, learning_rate=1
)

StartFarm = Callable[..., Farm]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Generator[StartFarm]:
    """Starts a farm on this machine, with the logical GPUs listed in `gpus`."""
    folder = Path(tempfile.mkdtemp(prefix="mf-", dir="/tmp"))
    handler, started = signal.getsignal(signal.SIGTERM), list[Farm]()

    def start_farm(
        recipe: Recipe = QUICK, slots: int = 2, gpus: str = "", trials_per_gpu: int | None = None, at_most: int = 100
    ) -> Farm:
        names = [name for name in gpus.split(",") if name]
        monkeypatch.setattr(gpus_module, "DRIVERS", ("/dev/null",))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
        if names:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
        options = FarmOptions(folder=folder / "ray", slots=slots, trials_per_gpu=trials_per_gpu, at_most=at_most)
        farm = Farm(make_dataset(), recipe, DESIGN, options, wanted=Wanted())
        started.append(farm.__enter__())
        return farm

    yield start_farm
    for farm in started:
        farm.__exit__(None, None, None)
    signal.signal(signal.SIGTERM, handler)
    shutil.rmtree(folder, ignore_errors=True)


def all_ready(farm: Farm, count: int) -> list[Worker]:
    """`count` workers, once they have started."""

    def ready() -> bool:
        farm.pool.follow(100)
        farm.pool.wait(0.1)
        return farm.workers == count

    eventually(ready, 120)
    return farm.pool.ready


def alone(unit: Unit, recipe: Recipe = QUICK) -> list[Trial]:
    """What training without a farm gives."""
    torch.set_num_threads(1)
    return train_unit(DeviceData.of(make_dataset(), torch.device("cpu")), recipe, DESIGN, unit)


def digests(trials: list[Trial]) -> list[str]:
    return [trial.digest for trial in trials]


@pytest.mark.parametrize(
    ("gpus", "shares"),
    [("0,1,2,3", 1), pytest.param("3,1", 2, marks=pytest.mark.slow)],
)
def test_each_share_of_a_gpu_has_a_worker_that_sees_this_gpu_alone(start: StartFarm, gpus: str, shares: int):
    names = gpus.split(",")
    farm = start(slots=2, gpus=gpus, trials_per_gpu=shares)
    workers = all_ready(farm, shares * len(names))
    devices = Counter(worker.presence.devices for worker in workers if worker.presence)
    assert devices == dict.fromkeys(names, shares)
    units = [Unit(tuple(range(10 * k, 10 * k + 10))) for k in range(6)]
    parts = list(farm.train(iter(units), lambda: None))
    assert sorted(len(trials) for trials in parts) == [20, 40], "a GPU trains four blocks as one stack"
    expected = [trial for unit in units for trial in alone(unit)]
    assert sorted(digest for trials in parts for digest in digests(trials)) == sorted(digests(expected))
    assert farm.workers == len(workers), "none was lost"


def test_trials_of_another_network_than_that_of_the_stored_ones_are_refused(start: StartFarm):
    farm = start(QUICK)
    all_ready(farm, 2)

    def trained(networks: list[str] | None, *numbers: int) -> set[str | None]:
        farm.networks = networks
        units = iter([Unit(tuple(range(10 * k, 10 * k + 10))) for k in numbers])
        return {trial.network for trials in farm.train(units, lambda: None) for trial in trials}

    (network,) = trained([], 0, 1)
    assert network is not None
    assert farm.networks == [network], "the first decides for all"
    other = signatures.write("0" * 16, np.ones(3))
    with pytest.raises(BlockFailed, match=r"failed: The network mlp is not what it was for the stored trials"):
        trained([other], 2)
    for worker in farm.pool.workers:
        worker.unit = None
    farm.networks = [network]
    with pytest.raises(
        BlockFailed, match="The network mlp is not what it was"
    ):  # as from a worker that began with none
        farm._require_same_network([replace(trial, network=other) for trial in alone(Unit(tuple(range(10))))])
    assert trained([other, network], 2) == trained(None, 3) == {network}


def test_a_worker_that_dies_or_hangs_is_replaced_and_its_unit_trained_again(
    start: StartFarm, monkeypatch: pytest.MonkeyPatch
):
    farm = start(SLEEPY)
    all_ready(farm, 2)
    monkeypatch.setattr(farm_module, "STUCK_SECONDS", 6.0)
    monkeypatch.setattr(farm_module, "STUCK_FACTOR", 2)
    stored, victims = list[Trial](), list[psutil.Process]()

    def strike(worker: Worker, number: signal.Signals) -> None:
        victims.append(psutil.Process(worker.pid))
        victims[-1].send_signal(number)

    for trials in farm.train((Unit((k,)) for k in range(12)), lambda: None):
        stored += trials
        if len(stored) == 2:
            strike(farm.pool.busy[0], signal.SIGKILL)
        if len(stored) == 6:
            strike(farm.pool.busy[-1], signal.SIGSTOP)
    assert sorted(trial.number for trial in stored) == list(range(12))
    by_number = sorted(stored, key=lambda trial: trial.number)
    assert digests(by_number) == [alone(Unit((k,)), SLEEPY)[0].digest for k in range(12)]
    assert len(victims) == 2
    assert not {one.pid for one in victims} & {worker.pid for worker in farm.pool.ready}
    eventually(lambda: not alive(victims), 60, lambda: "a worker that hangs must not live on")


@pytest.mark.slow
def test_a_slow_caller_is_not_flooded(start: StartFarm):
    """Each worker holds at most one unit that has finished, or one in training, while the caller stores."""
    farm = start(QUICK)
    all_ready(farm, 2)
    asked = 0

    def units():
        nonlocal asked
        for block in range(10):
            asked += 1
            yield Unit(tuple(range(10 * block, 10 * block + 10)))

    stored = 0
    for _ in farm.train(units(), lambda: None):
        stored += 1
        assert asked - stored <= 2
    assert stored == 10


def test_a_unit_that_kills_its_worker_three_times_fails_with_what_the_worker_wrote(start: StartFarm):
    farm = start(Recipe(network="tests.faults.networks:deadly", epochs=1, batch_size=8, learning_rate=1), slots=1)
    farm.last_lines = lambda pid: [f"{pid} has no memory left"]
    with pytest.raises(BlockFailed, match=r"^Trial 7 lost its worker process 3 times. It wrote: \d+ has no memory"):
        list(farm.train(iter([Unit((7,))]), lambda: None))


def test_ray_that_is_too_slow_to_start_is_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """What the first start has left behind is ended."""
    folder, left_behind = tmp_path / "ray", list[subprocess.Popen[bytes]]()

    def init(**options: object) -> None:
        assert options["_temp_dir"] == str(folder)
        if len(left_behind) < 2:
            left_behind.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", str(folder)]))
            raise Exception(f"The current node {local_ray.TOO_SLOW}. This could happen because ...")

    monkeypatch.setattr(ray, "init", init)
    local_ray.start(folder, slots=1)
    assert [process.wait(10) for process in left_behind] == [-signal.SIGKILL, -signal.SIGKILL]


def test_ray_that_cannot_start_for_another_reason_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    calls: list[object] = []

    def init(**options: object) -> None:
        calls.append(options)
        raise RuntimeError("no space is left for it")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RuntimeError, match="no space"):
        local_ray.start(tmp_path / "ray", slots=1)
    assert len(calls) == 1


def test_a_driver_does_not_wait_for_workers_of_a_node_that_is_gone(start: StartFarm, monkeypatch: pytest.MonkeyPatch):
    """Ray mostly ends a driver with its raylet, but not always."""
    farm = start(slots=1)
    all_ready(farm, 1)
    (raylet,) = [one for one in psutil.Process().children(recursive=True) if one.name() == "raylet"]
    local_ray.require_node()
    monkeypatch.setattr(psutil.Process, "name", lambda self: "gone" if self.pid == raylet.pid else "another")
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    monkeypatch.setattr(farm.pool, "workers", [])
    monkeypatch.setattr(farm.pool, "follow", lambda _: None)
    with pytest.raises(local_ray.NodeEnded, match="Ray has lost its only node on this machine"):
        next(farm.train(iter([Unit((0,))]), tick))
    assert ticks == 1
