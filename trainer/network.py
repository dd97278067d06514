"""The network of a run, on its device."""

from __future__ import annotations

import torch
from torch import nn

from memscore.datasets.dataset import Dataset
from memscore.learning.networks import Network, build_network, check_logits
from memscore.randomness import seed_for
from trainer.config import TrainConfig
from trainer.world import ALONE, World


def initial_network(dataset: Dataset, config: TrainConfig, device: torch.device, world: World = ALONE) -> Network:
    """Built from the run's seed, without touching torch's global generator; channels last in memory.

    On several GPUs BatchNorm's statistics are those of the whole batch; on CPUs each process has its own.
    Raises InvalidInput if the network cannot be built or gives logits of another shape.
    """
    shape = (dataset.x_train.shape[3], *dataset.x_train.shape[1:3])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for("init", config.seed))
        network = build_network(config.network, shape, dataset.classes, dict(config.network_options))
    network.to(device)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    check_logits(network, shape, dataset.classes)
    if world.size > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place, but for a network that is one BatchNorm
    return network


def training_device(world: World = ALONE) -> torch.device:
    """A GPU if there is one: with several processes, each its own. Its kernels are repeatable ones."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    number = world.rank % torch.cuda.device_count()
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
