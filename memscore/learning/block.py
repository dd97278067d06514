"""Train one block of a study: ten models on ten subsets, as one stack, on one device.

A block is a function of (dataset, recipe, design, block number, kind of device): the same bits come
out in any order of execution and after any restart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import memscore
from memscore.datasets.dataset import Dataset
from memscore.evidence import Trial, pack_trial
from memscore.learning.stacked_mlp import StackedMLP
from memscore.randomness import random_words, seed_for
from memscore.spec import BLOCK, Design, Recipe
from memscore.subsets import block_membership


@dataclass(frozen=True)
class DeviceData:
    """A dataset on the device: flattened images float32 [n, D] in [0, 1], labels int64 [n]; the same for test."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: int
    device: torch.device

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> DeviceData:
        """Copy a dataset to the device."""

        def images(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.array(array)).to(device).flatten(1).float() / 255

        def labels(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array.astype(np.int64)).to(device)

        return cls(
            images(dataset.x_train),
            labels(dataset.y_train),
            images(dataset.x_test),
            labels(dataset.y_test),
            dataset.classes,
            device,
        )


def train_block(data: DeviceData, recipe: Recipe, design: Design, block: int) -> list[Trial]:
    """Train the ten trials of a block and return their evidence.

    Raises FloatingPointError, naming the epoch, if a loss is not finite.
    """
    started = time.perf_counter()
    samples = len(data.y_train)
    membership = block_membership(design, samples, block)
    seed = seed_for("init", design.seed, block)
    model = StackedMLP(BLOCK, data.x_train.shape[1], recipe.hidden, data.classes, seed).to(data.device)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.momentum > 0,
        weight_decay=recipe.weight_decay,
        fused=True,
    )
    subset_sizes = membership.sum(axis=1)
    batches = -(-int(subset_sizes.max()) // recipe.batch_size)
    steps, step = recipe.epochs * batches, 0
    for epoch in range(recipe.epochs):
        order, weight = epoch_order(membership, design.seed, block, epoch)
        order, weight = order.to(data.device), weight.to(data.device)
        total = torch.zeros((), device=data.device)
        for start in range(0, order.shape[1], recipe.batch_size):
            optimizer.param_groups[0]["lr"] = recipe.learning_rate * (1 - step / steps)
            step += 1
            chosen = order[:, start : start + recipe.batch_size]
            loss = model.loss(data.x_train[chosen], data.y_train[chosen], weight[:, start : start + recipe.batch_size])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        if not torch.isfinite(total):
            raise FloatingPointError(
                f"the loss is not finite in epoch {epoch + 1} of {recipe.epochs}; "
                f"lower learning_rate (now {recipe.learning_rate:g})"
            )
    train_correct = model.correct(data.x_train, data.y_train).cpu().numpy()
    test_correct = model.correct(data.x_test, data.y_test).cpu().numpy()
    seconds = (time.perf_counter() - started) / BLOCK
    return [
        pack_trial(
            block * BLOCK + k,
            membership[k],
            train_correct[k],
            test_correct[k],
            device=data.device.type,
            code_version=memscore.__version__,
            seconds=seconds,
        )
        for k in range(BLOCK)
    ]


def epoch_order(membership: np.ndarray, seed: int, block: int, epoch: int) -> tuple[Tensor, Tensor]:
    """Each model's subset in a fresh random order: indices int64 [10, m] and weights float32 [10, m].

    m is the largest subset of the block; a smaller subset is padded at the end with samples of weight 0.
    """
    keys = random_words(membership.shape, "order", seed, block, epoch)
    keys |= np.uint64(1) << np.uint64(63)
    keys[membership] &= (np.uint64(1) << np.uint64(63)) - np.uint64(1)  # members sort first
    sizes = membership.sum(axis=1)
    longest = int(sizes.max())
    order = np.argsort(keys, axis=1, kind="stable")[:, :longest]
    weight = np.arange(longest)[None, :] < sizes[:, None]
    return torch.from_numpy(order.astype(np.int64)), torch.from_numpy(weight.astype(np.float32))
