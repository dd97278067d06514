"""Training of one model of any network on one subset."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.data import Augmentation, DeviceData, pixels
from memscore.learning.memory import Batches
from memscore.learning.networks import adopt, build_network, least_batch
from memscore.learning.networks.network import Network
from memscore.learning.optimization import optimizer_of, require_finite, set_learning_rate
from memscore.learning.replay import Compared, Replay, trained_tensors
from memscore.learning.seeding import seed
from memscore.study.randomness import random_words
from memscore.study.spec import NETWORKS, Recipe

Name = tuple[str | int, ...]


def train_single(data: DeviceData, recipe: Recipe, membership: np.ndarray, name: Name) -> Network:
    """Train the recipe's network on the samples of membership bool [n].

    Initial weights, sample order and augmentation depend only on `name`; it also seeds the global generators, which
    networks with dropout draw from. Raises InvalidInput if the network cannot be built or used, Diverged if the loss
    is not finite.
    """
    seed("init", *name)
    network = build_network(recipe.network, data.shape, data.classes, recipe.options)
    adopt(network, data.shape, data.classes, data.device)
    forward = torch.compile(network) if recipe.compile else network
    optimizer = optimizer_of(recipe, network.parameters(), data.device)
    augmentation = Augmentation(data.x_train, recipe.crop, recipe.flip, *name) if recipe.crop or recipe.flip else None

    subset = np.flatnonzero(membership)
    batches = [slice(start, start + recipe.batch_size) for start in range(0, len(subset), recipe.batch_size)]
    if len(batches) > 1 and len(subset) % recipe.batch_size == 1:
        batches.pop()  # BatchNorm cannot normalize a batch of one; each epoch drops a different sample
    if (len(subset) == 1 or recipe.batch_size == 1) and least_batch(network, data.shape, data.classes) > 1:
        raise InvalidInput(
            f"the network {recipe.network} normalizes over the batch and cannot learn from one sample; "
            "use a batch_size of at least 2, and subsets of at least 2 samples"
        )
    steps, step = recipe.epochs * len(batches), 0
    order = torch.empty(len(subset), dtype=torch.int64, device=data.device)
    total = torch.zeros((), device=data.device)

    def learn(positions: slice | Tensor, augmented: Augmentation | None) -> None:
        chosen = order[positions]
        images = data.x_train[chosen] if augmented is None else augmented.batch(chosen, positions)
        with torch.autocast(data.device.type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
            logits = forward(pixels(images))
        loss = nn.functional.cross_entropy(logits.float(), data.y_train[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())

    # A recording is valid for one batch size and only for built-in networks: others may branch on the host.
    recorded = data.device.type == "cuda" and recipe.network in NETWORKS
    positions = torch.arange(recipe.batch_size, device=data.device)
    first = positions.clone()
    replays: dict[Augmentation | None, Compared] = {}
    for one in (augmentation, None) if recorded else ():
        take = partial(learn, positions, one)
        replays[one] = Compared(take, Replay(take, data.device), lambda: [*trained_tensors(network, optimizer), total])
    network.train()
    for epoch in range(recipe.epochs):
        order.copy_(torch.from_numpy(epoch_order(subset, name, epoch)))
        augmented = augmentation if epoch < recipe.epochs - recipe.plain_epochs else None
        if augmented is not None:
            augmented.draw(len(subset), epoch)
        total.zero_()
        for batch in batches:
            set_learning_rate(optimizer, recipe, step, steps)
            step += 1
            if recorded and batch.stop <= len(subset):
                torch.add(first, batch.start, out=positions)
                replays[augmented]()
            else:
                learn(batch, augmented)
        require_finite(total, recipe, epoch)
    optimizer.zero_grad(set_to_none=True)
    return network


def epoch_order(subset: np.ndarray, name: Name, epoch: int) -> np.ndarray:
    """The subset, int64 [m], in the epoch's random order."""
    return subset[np.argsort(random_words((len(subset),), "order", *name, epoch), kind="stable")]


@torch.no_grad()
def single_logits(network: nn.Module, images: Tensor, batch: int = 500) -> Tensor:
    """Logits float32 [n, classes] of n > 0 images uint8 [n, H, W, C] in eval mode, without augmentation."""
    network.eval()
    return torch.cat(Batches(batch).over(len(images), lambda part: network(pixels(images[part]))))
