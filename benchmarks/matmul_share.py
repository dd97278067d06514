"""Compare larger networks with the arithmetic limit: `python benchmarks/matmul_share.py`.

Feldman and Zhang's MLP (784-512-256-10, batch 128) as a stack of ten, in float32 and bfloat16, against the rate of bare
matrix products of its largest layer on the same core in the same run; and the small ResNet-9 against a plain loop.
Images are random: only the time counts. One thread; measurements alternate, so that a busy machine slows both.
"""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.learning.data import DeviceData, pixels
from memscore.learning.networks.registry import build_network
from memscore.learning.single import train_single
from memscore.learning.stack import train_stack
from memscore.study.recipes import RECIPES
from memscore.study.spec import BLOCK, Recipe

REPEATS = 3
MLP_SAMPLES = 128 * 40
IMAGES = 128 * 10


def random_images(samples: int, side: int, channels: int) -> Dataset:
    """A dataset of noise with ten classes."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (samples, side, side, channels)).astype(np.uint8)
    labels = np.arange(samples) % 10
    return build_dataset(images, labels, images[:10], labels[:10], source="noise")


def matmul_rate(dtype: torch.dtype, rows: int = 128, inputs: int = 784, outputs: int = 512) -> float:
    """GFLOP/s of the largest layer's product, batch by batch."""
    a, b = torch.randn(rows, inputs).to(dtype), torch.randn(inputs, outputs).to(dtype)
    for _ in range(20):
        torch.mm(a, b)
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < 1:
        for _ in range(20):
            torch.mm(a, b)
        count += 20
    return 2e-9 * rows * inputs * outputs * count / (time.perf_counter() - started)


def mlp_rate(data: DeviceData, recipe: Recipe) -> float:
    """GFLOP/s of training: six operations per weight and sample, minus the gradient of the first layer's input."""
    widths = [784, *recipe.hidden, 10]
    products = [a * b for a, b in pairwise(widths)]
    work = BLOCK * recipe.epochs * len(data.y_train) * (6 * sum(products) - 2 * products[0])
    started = time.perf_counter()
    train_stack(data, recipe, np.ones((BLOCK, len(data.y_train)), np.bool_), ("benchmark",))
    return 1e-9 * work / (time.perf_counter() - started)


def image_rate(data: DeviceData, recipe: Recipe) -> float:
    """Images per second of training one network."""
    started = time.perf_counter()
    train_single(data, recipe, np.ones(len(data.y_train), np.bool_), ("benchmark",))
    return len(data.y_train) * recipe.epochs / (time.perf_counter() - started)


def plain_image_rate(data: DeviceData, recipe: Recipe) -> float:
    """Images per second of a loop with DataLoader, float32 tensors and the default memory layout."""
    images = pixels(data.x_train).contiguous()
    loader = DataLoader(TensorDataset(images, data.y_train), recipe.batch_size, shuffle=True)
    network = build_network(recipe.network, data.shape, data.classes, recipe.options)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    started = time.perf_counter()
    for _ in range(recipe.epochs):
        for batch, truth in loader:
            flipped = torch.where(torch.rand(len(batch), 1, 1, 1) < 0.5, batch.flip(3), batch)
            loss = torch.nn.functional.cross_entropy(network(flipped), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return len(data.y_train) * recipe.epochs / (time.perf_counter() - started)


def main() -> None:
    """Time all and print the ratios."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    digits = DeviceData.of(random_images(MLP_SAMPLES, 28, 1), device)
    recipe = RECIPES["mnist-mlp"].model_copy(update={"epochs": 4})
    halved = recipe.model_copy(update={"precision": "bfloat16"})
    mlp_rate(digits, recipe)
    rows = []
    for _ in range(REPEATS):
        before = matmul_rate(torch.float32)
        rates = mlp_rate(digits, recipe), mlp_rate(digits, halved)
        rows.append((*rates, (before + matmul_rate(torch.float32)) / 2, matmul_rate(torch.bfloat16)))
    single, half, limit, half_limit = np.median(rows, axis=0)
    shares = np.array(rows)[:, 0] / np.array(rows)[:, 2]
    print(f"Feldman-Zhang's MLP, stack of {BLOCK}, one thread, GFLOP/s (median of {REPEATS})")
    print(f"  bare matmul     float32 {limit:6.0f}   bfloat16 {half_limit:6.0f}")
    print(
        f"  training        float32 {single:6.0f}   share {np.median(shares):.2f} "
        f"({shares.min():.2f} to {shares.max():.2f})"
    )
    print(
        f"  training       bfloat16 {half:6.0f}   {half / single:.2f} times float32, {half / limit:.2f} of its matmul"
    )

    photos = DeviceData.of(random_images(IMAGES, 32, 3), device)
    small = RECIPES["cifar-small"].model_copy(update={"epochs": 2, "plain_epochs": 0})
    image_rate(photos, small)
    plain_image_rate(photos, small)
    ours = [image_rate(photos, small) for _ in range(REPEATS)]
    exact = [image_rate(photos, small.model_copy(update={"precision": "float32"})) for _ in range(REPEATS)]
    plain = [plain_image_rate(photos, small) for _ in range(REPEATS)]
    print(f"ResNet-9 of recipe cifar-small, one thread, images per second (median of {REPEATS})")
    for name, rates in (("bfloat16, channels last", ours), ("float32, channels last", exact), ("plain loop", plain)):
        print(f"  {name:24} {np.median(rates):6.0f}   {np.median(rates) / np.median(plain):.2f} times the plain loop")


if __name__ == "__main__":
    main()
