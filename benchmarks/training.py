"""Compare adversarial training steps with their floor and with public code: `python benchmarks/training.py`.

Floor: the minimum of a PGD-10 step, ten forward passes with gradients of the images and one forward and backward pass
of training, with the same network and precision; on a GPU it is recorded and replayed, as the product's steps are.
Plain loops: torchattacks' PGD, and TRADES as its authors wrote it, which computes the clean output in every step of the
attack and a third time for the loss; float32, default memory layout. Images are random: only the time counts.
Contenders take turns. On a CPU: a narrow ResNet-9, CPU time of one thread; with CUDA: a ResNet-18, steps launched
kernel by kernel instead of replayed, an epoch of CIFAR's size with its augmentation, its share of the card's matrix
rate, and the share of an epoch that selecting on 1,000 images takes. torchattacks is included if installed (`make
peers`).
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from copy import deepcopy
from itertools import count
from typing import Any, TypeVar

import numpy as np
import torch
from machine import header
from matmul_share import random_images
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from memscore.learning.networks import Network, ResNet9, ResNet18
from memscore.learning.replay import WARM_UP, Replay
from trainer.checkpoint_selection import measure
from trainer.data import TrainingData
from trainer.learner import Learner
from trainer.methods import Batch, Step
from trainer.model import Passes
from trainer.network import training_device
from trainer.presets import configured
from trainer.recording import Records
from trainer.step_draws import Draws

BATCH, CLASSES = 128, 100
ROUNDS = 11
EPOCH = 50_000
DEVICE = training_device()
EPSILON, STEP_SIZE, STEPS, BETA = 8 / 255, 2 / 255, 10, 5.0
RATE = 0.01
WARM = 1 if DEVICE.type == "cpu" else WARM_UP + 2  # a GPU's steps are recorded meanwhile

Work = Callable[[], object]
Stored = TypeVar("Stored", Network, Tensor)


def channels_last(stored: Stored) -> Stored:
    """Convert to the memory layout that training uses."""
    return stored.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def new_network() -> Network:
    """A network with the same initial weights each time."""
    torch.manual_seed(0)
    network = ResNet18(3, CLASSES) if DEVICE.type == "cuda" else ResNet9(3, CLASSES, 24, stem=2)
    return network.to(DEVICE)


class Launched:
    """Records nothing."""

    usable = True

    def __call__(self, step: Callable[[], None]) -> Callable[[], None]:
        """The step as it is."""
        return step

    def forget(self) -> None:
        """There is nothing to forget."""


def product(method: str, images: Tensor, labels: Tensor, records: Records | None = None, **settings: Any) -> Work:
    """The product's own training step."""
    config = configured(method, "paper", **settings)
    learner = Learner(channels_last(new_network()), config, records=records)
    batch = Batch(channels_last(images), labels, torch.zeros(len(labels), device=DEVICE))
    number = count()
    return lambda: learner.learn(batch, Step(config.training_attack, Draws(0, 0, next(number))), RATE)


def floor(images: Tensor, labels: Tensor, precision: str) -> Work:
    """Only the passes of a PGD-10 step and SGD."""
    network = channels_last(new_network())
    attacked = deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.SGD(network.parameters(), RATE, 0.9, weight_decay=5e-4, fused=True)
    images = channels_last(images)

    def loss(some: Network, pixels: Tensor) -> Tensor:
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=precision == "bfloat16"):
            logits = some(pixels)
        return functional.cross_entropy(logits.float(), labels)

    def step() -> None:
        for _ in range(STEPS):
            pixels = images.detach().requires_grad_()
            torch.autograd.grad(loss(attacked, pixels), pixels)
        optimizer.zero_grad()
        loss(network, images).backward()
        optimizer.step()

    return step if DEVICE.type == "cpu" else Replay(step, DEVICE)


def plain_pgd(images: Tensor, labels: Tensor) -> Work:
    """PGD training with torchattacks."""
    import torchattacks  # pyright: ignore[reportMissingImports]

    network = new_network()
    optimizer = torch.optim.SGD(network.parameters(), RATE, 0.9, weight_decay=5e-4)
    attack = torchattacks.PGD(network, eps=EPSILON, alpha=STEP_SIZE, steps=STEPS)

    def step() -> None:
        network.train()
        adversarial = attack(images, labels)
        optimizer.zero_grad()
        functional.cross_entropy(network(adversarial), labels).backward()
        optimizer.step()

    return step


def plain_trades(images: Tensor, labels: Tensor) -> Work:
    """TRADES with the clean output recomputed wherever its formula uses it."""
    network = new_network()
    optimizer = torch.optim.SGD(network.parameters(), RATE, 0.9, weight_decay=5e-4)

    def divergence(adversarial: Tensor) -> Tensor:
        return functional.kl_div(
            functional.log_softmax(network(adversarial), dim=1),
            functional.softmax(network(images), dim=1),
            reduction="sum",
        )

    def step() -> None:
        network.eval()
        adversarial = images + 0.001 * torch.randn_like(images)
        for _ in range(STEPS):
            adversarial = adversarial.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(divergence(adversarial), adversarial)
            stepped = adversarial.detach() + STEP_SIZE * gradient.sign()
            adversarial = torch.clamp(torch.clamp(stepped, images - EPSILON, images + EPSILON), 0, 1)
        network.train()
        optimizer.zero_grad()
        natural = functional.cross_entropy(network(images), labels)
        (natural + BETA * divergence(adversarial) / len(images)).backward()
        optimizer.step()

    return step


def seconds(work: Work) -> float:
    """CPU time on a CPU, which other load affects least; wall time with CUDA."""
    if DEVICE.type == "cpu":
        started = time.process_time()
        work()
        return time.process_time() - started
    torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def unrepeatable(work: Work) -> Work:
    """Run with PyTorch's default choice of kernels; the product's are deterministic."""

    def run() -> None:
        with torch.backends.cudnn.flags(enabled=True, deterministic=False):
            work()

    return run


def whole_epoch(**settings: Any) -> tuple[float, float, float]:
    """Seconds of an epoch of CIFAR's size after some warm-up steps, the FLOP/s of its products and convolutions.

    Also seconds of the selection after it, on the 1,000 images of the preset's held-out part.
    """
    config = configured("pgd", "paper", **settings)
    data = TrainingData(random_images(EPOCH, 32, 3), None, config, DEVICE)
    learner = Learner(channels_last(new_network()), config)
    epoch = data.epoch(0)

    def learn(steps: int) -> None:
        for number in range(steps):
            learner.learn(data.batch(epoch, number), Step(config.training_attack, Draws(0, 0, number)), RATE)

    learn(WARM)
    taken = seconds(lambda: learn(len(epoch.slices)))
    attack, passes, held = config.evaluation_attack, Passes(), data.splits(("validation",))

    def select() -> None:
        measure(learner.network, held, attack, withstand=learner.withstand(learner.network, attack, passes))

    for _ in range(WARM):
        select()
    return taken, len(epoch.order) / BATCH * operations() / taken, seconds(select)


def operations() -> int:
    """FLOP of a PGD step: backward to the images costs as much as forward; to images and weights, twice as much."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        new_network()(random_batch()[0])
    return (2 * STEPS + 3) * counter.get_total_flops()


def matrix_rate(size: int = 8192) -> float:
    """FLOP/s of a large bfloat16 matrix product."""
    a, b = (torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        torch.mm(a, b)
    return 2 * size**3 / float(np.median([seconds(lambda: torch.mm(a, b)) for _ in range(10)]))


def random_batch() -> tuple[Tensor, Tensor]:
    """Images in [0, 1] and labels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, 3, 32, 32, generator=generator).to(DEVICE)
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator).to(DEVICE)


def main() -> None:
    """Time all in turns and print the ratios."""
    torch.set_num_threads(1)
    where = torch.cuda.get_device_name() if DEVICE.type == "cuda" else "one thread"
    print(header(f"adversarial training, 10 steps, batches of {BATCH}, {where}"))
    images, labels = random_batch()
    contenders = {}
    for precision in ("bfloat16", "float32"):
        contenders[f"PGD, {precision}"] = product("pgd", images, labels, precision=precision)
        contenders[f"its floor, {precision}"] = unrepeatable(floor(images, labels, precision))
        contenders[f"PGD, folded, {precision}"] = product("pgd", images, labels, precision=precision, fold_attack=True)
        contenders[f"TRADES, {precision}"] = product("trades", images, labels, precision=precision)
        if DEVICE.type == "cuda":
            contenders[f"PGD, launched, {precision}"] = product("pgd", images, labels, Launched(), precision=precision)
    contenders["plain TRADES"] = unrepeatable(plain_trades(images, labels))
    if importlib.util.find_spec("torchattacks"):
        contenders["plain PGD, torchattacks"] = unrepeatable(plain_pgd(images, labels))
    for work in contenders.values():
        for _ in range(WARM):
            work()
    rounds = [{name: seconds(work) for name, work in contenders.items()} for _ in range(ROUNDS)]
    times = {name: np.array([one[name] for one in rounds]) for name in contenders}
    for name, taken in times.items():
        print(
            f"  {name:24} {1000 * np.median(taken):7.1f} ms per step {BATCH / np.median(taken):8.0f} images per second"
        )

    print(f"ratios of times: median of {ROUNDS} rounds (first to last decile)")
    for precision in ("bfloat16", "float32"):
        for above, below, aim in (
            (f"PGD, {precision}", f"its floor, {precision}", "limit 1.05"),
            (f"PGD, {precision}", f"PGD, folded, {precision}", ""),
            (f"PGD, launched, {precision}", f"PGD, {precision}", ""),
            ("plain PGD, torchattacks", f"PGD, {precision}", "aim 1.4"),
            ("plain TRADES", f"TRADES, {precision}", "aim 1.7"),
        ):
            if above in times:
                low, middle, high = np.quantile(times[above] / times[below], (0.1, 0.5, 0.9))
                print(f"  {above:24} to {below:24} {middle:5.2f} ({low:.2f} to {high:.2f})   {aim}")
    if "plain PGD, torchattacks" not in times:
        print("  PGD against torchattacks was not measured: it is not installed (make peers)")
    if DEVICE.type == "cuda":
        rate = matrix_rate()
        for name, settings in (("recorded", {}), ("folded", {"fold_attack": True}), ("compiled", {"compile": True})):
            taken, achieved, selecting = whole_epoch(**settings)
            print(
                f"an epoch of PGD on {EPOCH:,} images, {name}: {taken:.1f} s, "
                f"{1e-12 * achieved:.0f} TFLOP/s, {achieved / rate:.2f} of a matrix product's {1e-12 * rate:.0f}; "
                f"selection {selecting:.2f} s, {selecting / taken:.2f} of the epoch (limit 0.1)",
                flush=True,
            )


if __name__ == "__main__":
    main()
