"""Trials per minute of small networks, against plain PyTorch and dattri: `python benchmarks/subset_training.py`.

Recipe digits, one thread, one after the other in this process, each after a warm-up. The plain loop trains the same
recipe with nn.Linear layers, a DataLoader and SGD, one model at a time. dattri's `retrain_lds` trains with that loop
and writes each model to disk; it is included if installed (`uv pip install --no-deps dattri`).
"""

from __future__ import annotations

import importlib.util
import io
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

from memscore.datasets import load_source
from memscore.learning.data import DeviceData, flat_inputs
from memscore.learning.networks import MLP
from memscore.learning.stack import flattened
from memscore.learning.unit import prepare, train_unit
from memscore.study.recipes import RECIPES
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.study.subsets import Unit, block_membership

REPEATS = 3
PLAIN_MODELS = 2


def plain_loop(loader: DataLoader, inputs: int, recipe: Recipe) -> MLP:
    """Train one model as a tutorial would."""
    model = MLP((inputs,), recipe.hidden, 10)
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
    """Time all and print the ratios."""
    device = torch.device("cpu")
    prepare(device)
    recipe, design = RECIPES["digits"], Design()
    data = DeviceData.of(load_source("digits"), device)
    images, inputs = flat_inputs(flattened(data.x_train)), data.x_train[0].numel()
    membership = block_membership(design, len(data.y_train), 0)

    def loader(subset: np.ndarray) -> DataLoader:
        chosen = torch.from_numpy(np.flatnonzero(subset))
        return DataLoader(TensorDataset(images[chosen], data.y_train[chosen]), recipe.batch_size, shuffle=True)

    def stack(repeat: int, recipe: Recipe = recipe) -> float:
        started = time.perf_counter()
        train_unit(data, recipe, design, Unit(tuple(range(repeat * BLOCK, (repeat + 1) * BLOCK))))
        return (time.perf_counter() - started) / BLOCK

    def plain(_: int, recipe: Recipe = recipe) -> float:
        started = time.perf_counter()
        for k in range(PLAIN_MODELS):
            plain_loop(loader(membership[k]), inputs, recipe)
        return (time.perf_counter() - started) / PLAIN_MODELS

    def dattri(_: int, recipe: Recipe = recipe) -> float:
        from dattri.model_util.retrain import retrain_lds  # pyright: ignore[reportMissingImports]

        everything = loader(np.ones(len(images), np.bool_))
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            retrain_lds(
                lambda some, **_: plain_loop(some, inputs, recipe),
                everything,
                path=folder,
                num_subsets=PLAIN_MODELS,
                subset_ratio=design.subset_ratio,
            )
        return (time.perf_counter() - started) / PLAIN_MODELS

    contenders = {f"stack of {BLOCK}": stack, "loop with DataLoader": plain}
    if importlib.util.find_spec("dattri"):
        contenders["dattri retrain_lds"] = dattri
    quick = recipe.model_copy(update={"epochs": 1})
    for run in contenders.values():
        run(0, quick)
    times = {name: np.array([run(repeat) for repeat in range(REPEATS)]) for name, run in contenders.items()}
    ours = times[f"stack of {BLOCK}"]
    print(f"recipe digits, one thread, {REPEATS} runs each: median (ratio to the stack, least to most)")
    for name, seconds in times.items():
        ratio = seconds / ours
        print(
            f"  {name:22} {np.median(seconds):6.3f} s per trial {60 / np.median(seconds):5.0f} trials per minute"
            f"   ratio {np.median(ratio):5.2f} ({ratio.min():.2f} to {ratio.max():.2f})"
        )


if __name__ == "__main__":
    main()
