"""Time subset training on a GPU: `python benchmarks/gpu_training.py [--output FILE]`.

Models and images per second of Feldman and Zhang's MLP in stacks of 40, of ResNet-9 (recipe cifar-fast) and of
ResNet-18 (recipe cifar-resnet18), with one process and with several that share the GPU; the share of the card's
bfloat16 matrix rate; kernels launched one by one instead of replayed; and a plain loop: DataLoader, float32 with
PyTorch's default settings, one model at a time. Images are random, with the real sizes: only the time counts.
Processes are started once and start each round together; the time is from the first start to the last end.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import header
from matmul_share import random_images
from torch import multiprocessing
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from memscore.learning import single, stack
from memscore.learning.data import DeviceData, pixels
from memscore.learning.networks.registry import build_network
from memscore.learning.single import train_single
from memscore.learning.stack import Members, train_stacks
from memscore.learning.unit import prepare
from memscore.study.recipes import RECIPES
from memscore.study.spec import BLOCK, Recipe
from memscore.study.subsets import GPU_BLOCKS

GPU = torch.device("cuda")
PROCESSES = (1, 2, 4, 8)
RATIO = 0.7


@dataclass(frozen=True)
class Task:
    """A recipe on images of a given size; `epochs` are trained for one timing by each process."""

    name: str
    recipe: Recipe
    samples: int
    side: int
    channels: int
    epochs: int = 1

    @property
    def members(self) -> int:
        """Number of training samples of a model."""
        return round(RATIO * self.samples)

    def train(self, data: DeviceData, epochs: int) -> int:
        """Train for a number of epochs and return how many images the models saw."""
        recipe = self.recipe.model_copy(update={"epochs": epochs, "plain_epochs": 0})
        member = np.zeros(self.samples, np.bool_)
        member[: self.members] = True
        if recipe.stacked:
            members = [Members(np.tile(member, (BLOCK, 1)), ("benchmark", number)) for number in range(GPU_BLOCKS)]
            train_stacks(data, recipe, members)
            return GPU_BLOCKS * BLOCK * epochs * self.members
        train_single(data, recipe, member, ("benchmark",))
        return epochs * self.members

    def operations(self) -> int:
        """FLOP of training on one image: forward, and twice that backward, minus the gradient of the image."""
        if self.recipe.stacked:
            products = [a * b for a, b in pairwise((self.side**2 * self.channels, *self.recipe.hidden, 10))]
            return 6 * sum(products) - 2 * products[0]
        network = build_network(self.recipe.network, (self.channels, self.side, self.side), 10, self.recipe.options)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, self.channels, self.side, self.side))
        return 3 * counter.get_total_flops()


MLP = RECIPES["mnist-mlp"]
TASKS = (
    Task("Feldman-Zhang MLP, float32", MLP, 60_000, 28, 1, 5),
    Task("Feldman-Zhang MLP, bfloat16", MLP.model_copy(update={"precision": "bfloat16"}), 60_000, 28, 1, 5),
    Task("ResNet-9, cifar-fast", RECIPES["cifar-fast"], 50_000, 32, 3, 2),
    Task("ResNet-18, cifar-resnet18", RECIPES["cifar-resnet18"], 50_000, 32, 3),
)


def worker(tasks: tuple[Task, ...], connection: Connection) -> None:
    """Train each requested task and reply with the number of images, until the request is None."""
    prepare(GPU)
    kept: dict[tuple[int, int], DeviceData] = {}
    while (asked := connection.recv()) is not None:
        number, epochs = asked
        task = tasks[number]
        key = (task.samples, task.side)
        if key not in kept:
            kept[key] = DeviceData.of(random_images(task.samples, task.side, task.channels), GPU)
        images = task.train(kept[key], epochs)
        torch.cuda.synchronize()
        connection.send(images)
    connection.close()


def rate_of(connections: list[Connection], number: int, epochs: int) -> float:
    """Images per second of these processes together."""
    started = time.perf_counter()
    for one in connections:
        one.send((number, epochs))
    images = sum(one.recv() for one in connections)
    return images / (time.perf_counter() - started)


def launched(task: Task, data: DeviceData) -> float:
    """Images per second if each kernel is launched separately."""

    def plainly(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
        return step

    replays = single.Replay, stack.Replay
    single.Replay = stack.Replay = plainly  # pyright: ignore[reportAttributeAccessIssue]
    try:
        task.train(data, 1)
        torch.cuda.synchronize()
        started = time.perf_counter()
        images = task.train(data, 1)
        torch.cuda.synchronize()
        return images / (time.perf_counter() - started)
    finally:
        single.Replay, stack.Replay = replays


def plain(task: Task, data: DeviceData, seconds: float = 6) -> float:
    """Images per second of a loop as in tutorials, stopped after some seconds."""
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.deterministic = False
    images = pixels(data.x_train[: task.members]).contiguous().cpu()
    labels = data.y_train[: task.members].cpu()
    loader = DataLoader(TensorDataset(images, labels), task.recipe.batch_size, shuffle=True, pin_memory=True)
    options = {"hidden": task.recipe.hidden} if task.recipe.stacked else task.recipe.options
    network = build_network(task.recipe.network, data.shape, data.classes, options).to(GPU)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    seen, first, started = 0, 0, 0.0
    while True:
        for batch, truth in loader:
            there = batch.to(GPU, non_blocking=True)
            if task.recipe.flip:
                there = torch.where(torch.rand(len(there), 1, 1, 1, device=GPU) < 0.5, there.flip(3), there)
            loss = torch.nn.functional.cross_entropy(network(there), truth.to(GPU, non_blocking=True))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen += len(batch)
            if not started and seen >= 20 * task.recipe.batch_size:
                torch.cuda.synchronize()
                started, first = time.perf_counter(), seen
            elif started and time.perf_counter() > started + seconds:
                torch.cuda.synchronize()
                return (seen - first) / (time.perf_counter() - started)


def matrix_rate(dtype: torch.dtype, size: int = 8192) -> float:
    """FLOP/s of a large matrix product of random numbers, the median of twenty."""
    a, b = (torch.randn(size, size, device=GPU, dtype=dtype) for _ in range(2))
    times: list[float] = []
    for _ in range(25):
        torch.cuda.synchronize()
        started = time.perf_counter()
        torch.mm(a, b)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return 2 * size**3 / float(np.median(times[5:]))


def main() -> None:
    """Time all and print the rates."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--output", type=Path, help="file for the numbers as JSON, updated after each measurement")
    arguments.add_argument("--small", action="store_true", help="few samples, to check that it runs")
    given = arguments.parse_args()
    tasks = TASKS
    if given.small:
        tasks = tuple(Task(one.name, one.recipe, 2000, one.side, one.channels) for one in TASKS)
    rates = {str(dtype): matrix_rate(dtype) for dtype in (torch.bfloat16, torch.float32)}
    peak = rates["torch.bfloat16"]
    print(header(f"subset training, {torch.cuda.get_device_name()}, torch {torch.__version__}"))
    print(
        "matrix product of 8192: " + ", ".join(f"{name[6:]} {1e-12 * rate:.0f} TFLOP/s" for name, rate in rates.items())
    )
    found: dict[str, Any] = {"matrix_rate": rates}

    def keep() -> None:
        if given.output is not None:
            given.output.write_text(json.dumps(found, indent=1))

    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(max(PROCESSES))]
    workers = [context.Process(target=worker, args=(tasks, there), daemon=True) for _, there in pairs]
    for one in workers:
        one.start()
    connections = [here for here, _ in pairs]
    for number, task in enumerate(tasks):
        rate_of(connections, number, 1)  # warm up
        flop = task.operations()
        trial = task.members * task.recipe.epochs
        print(f"{task.name}: {1e-9 * flop:.4f} GFLOP per image")
        found[task.name] = kept = {"flop_an_image": flop, "images_a_trial": trial, "by_processes": {}}
        for count in PROCESSES:
            rate = rate_of(connections[:count], number, task.epochs)
            kept["by_processes"][count] = rate
            print(
                f"  {count} process{'es' if count > 1 else '  '} {rate:12,.0f} images per second {rate / trial:8.2f} "
                f"trials per second {60 * rate / trial:8.1f} per minute   {rate * flop / peak:.3f} of the matrix rate",
                flush=True,
            )
            keep()
    for one in connections:
        one.send(None)
    for one in workers:
        one.join()
    prepare(GPU)
    for task in tasks:
        data = DeviceData.of(random_images(task.samples, task.side, task.channels), GPU)
        best = max(found[task.name]["by_processes"].values())
        alone = found[task.name]["by_processes"][1]
        found[task.name]["launched"] = unreplayed = launched(task, data)
        print(
            f"{task.name}: launched one by one {unreplayed:,.0f} images per second, replayed {alone / unreplayed:.2f}x"
        )
        if "float32" not in task.name:
            found[task.name]["plain"] = loop = plain(task, data)
            prepare(GPU)
            print(
                f"  plain loop {loop:,.0f} images per second: one process {alone / loop:.1f} times, "
                f"best number of processes {best / loop:.1f} times",
                flush=True,
            )
        keep()


if __name__ == "__main__":
    main()
