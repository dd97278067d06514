"""The training loop: a dataset, a configuration and memorization values go in, a network comes out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.networks import Network, SmallCNN
from memscore.randomness import seed_for
from trainer.config import TrainConfig
from trainer.methods import METHODS, Batch

OnEpoch = Callable[[int, int, float], None]


def train(
    dataset: Dataset, config: TrainConfig, mem: npt.NDArray[np.float32] | None = None, on_epoch: OnEpoch | None = None
) -> Network:
    """Train one network; the result depends on (dataset, config, mem) and the kind of device alone.

    `mem` float32 [n] is in dataset order. `on_epoch(done, total, loss)` is called after each epoch.
    Raises InvalidInput if the method needs scores and there are none, or if the loss is not finite.
    """
    method = METHODS[config.method](config)
    if method.needs_scores and mem is None:
        raise InvalidInput(f"The method {config.method!r} needs memorization scores; name them with --scores.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images, labels = to_tensors(dataset.x_train, dataset.y_train, device)
    values = torch.full((len(labels),), torch.nan) if mem is None else torch.from_numpy(np.array(mem, np.float32))
    values = values.to(device)

    network = build_network(dataset, config).to(device)
    optimizer = torch.optim.SGD(
        network.parameters(), config.learning_rate, momentum=config.momentum, weight_decay=config.weight_decay
    )
    drops = [max(1, round(share * config.epochs)) for share in config.milestones]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, drops, gamma=0.1)
    for epoch in range(config.epochs):
        network.train()
        order = torch.randperm(len(labels), generator=_generator("order", config.seed, epoch)).to(device)
        starts = _generator("attack", config.seed, epoch, device)
        losses: list[Tensor] = []
        for chosen in order.split(config.batch_size):
            loss = method.loss(network, Batch(images[chosen], labels[chosen], values[chosen]), starts)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        schedule.step()
        mean = torch.stack(losses).mean().item()
        if not np.isfinite(mean):
            raise InvalidInput(
                f"The loss is not finite in epoch {epoch + 1}; lower the learning rate ({config.learning_rate:g})."
            )
        if on_epoch is not None:
            on_epoch(epoch + 1, config.epochs, mean)
    return network


def build_network(dataset: Dataset, config: TrainConfig) -> Network:
    """The network of a run, initialized from its seed, without touching torch's global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("init", config.seed))
        return SmallCNN(dataset.x_train.shape[3], dataset.classes, config.width)


def to_tensors(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Images float32 [n, C, H, W] in [0, 1] and labels int64 [n] on the device."""
    pixels = torch.from_numpy(np.array(images)).to(device).permute(0, 3, 1, 2).contiguous()
    return pixels.float() / 255, torch.from_numpy(labels.astype(np.int64)).to(device)


def _generator(purpose: str, seed: int, epoch: int, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(seed_for(purpose, seed, epoch))
