"""Trials a minute of the digits recipe, against a plain PyTorch loop: `python benchmarks/subset_training.py`.

One thread each, one after the other, in this process. The plain loop trains the same recipe with nn.Linear
layers, a DataLoader and SGD, one model at a time; both have run once before they are timed.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from memscore.datasets import load_source
from memscore.learning.block import DeviceData, train_block
from memscore.learning.networks import MLP
from memscore.recipes import RECIPES
from memscore.spec import BLOCK, Design, Recipe
from memscore.subsets import block_membership

REPEATS = 3
PLAIN_MODELS = 2


def plain_loop(images: torch.Tensor, labels: torch.Tensor, subset: np.ndarray, recipe: Recipe) -> MLP:
    """One model as a tutorial would train it."""
    chosen = torch.from_numpy(np.flatnonzero(subset))
    loader = DataLoader(TensorDataset(images[chosen], labels[chosen]), recipe.batch_size, shuffle=True)
    model = MLP((images.shape[1],), recipe.hidden, 10)
    optimizer = torch.optim.SGD(model.parameters(), recipe.learning_rate, momentum=recipe.momentum, nesterov=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, recipe.epochs * len(loader))
    for _ in range(recipe.epochs):
        for batch, truth in loader:
            loss = torch.nn.functional.cross_entropy(model(batch), truth)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return model


def main() -> None:
    """Time both and print the ratio."""
    torch.set_num_threads(1)
    recipe, design = RECIPES["digits"], Design()
    data = DeviceData.of(load_source("digits"), torch.device("cpu"))
    membership = block_membership(design, len(data.y_train), 0)
    quick = recipe.model_copy(update={"epochs": 1})
    train_block(data, quick, design, 0)
    plain_loop(data.x_train, data.y_train, membership[0], quick)

    stacked: list[float] = []
    plain: list[float] = []
    for repeat in range(REPEATS):
        started = time.perf_counter()
        train_block(data, recipe, design, repeat)
        stacked.append((time.perf_counter() - started) / BLOCK)
        started = time.perf_counter()
        for k in range(PLAIN_MODELS):
            plain_loop(data.x_train, data.y_train, membership[k], recipe)
        plain.append((time.perf_counter() - started) / PLAIN_MODELS)
    print("recipe digits, seconds a trial on one thread (median of 3)")
    print(f"  stack of {BLOCK}            {np.median(stacked):6.3f}   {60 / np.median(stacked):5.0f} trials a minute")
    print(f"  loop with DataLoader   {np.median(plain):6.3f}   {60 / np.median(plain):5.0f} trials a minute")
    ratios = np.array(plain) / np.array(stacked)
    print(f"  ratio                  {np.median(ratios):6.2f}   ({ratios.min():.2f} to {ratios.max():.2f})")


if __name__ == "__main__":
    main()
