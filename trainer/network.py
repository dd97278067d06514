"""The network of a run, on its device."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.networks import Network, adopt, build_network
from memscore.learning.networks.adoption import fixed_images, require_image_gradients, untouched
from memscore.learning.networks.behaviour import signature_of
from memscore.learning.seeding import kept_generators, seeded
from trainer.config import TrainConfig
from trainer.distributed import ALONE, World


def initial_network(dataset: Dataset, config: TrainConfig, device: torch.device, world: World = ALONE) -> Network:
    """Built from the run's seed, without touching the global generators; channels last in memory if it can be.

    On several GPUs BatchNorm's statistics are those of the whole batch; on CPUs each process has its own.
    Raises InvalidInput if the network cannot be built, or cannot be used by this run.
    """
    shape = image_shape(dataset)
    with seeded("init", config.seed):
        network = build_network(config.network, shape, dataset.classes, dict(config.network_options))
    adopt(network, shape, dataset.classes, device)
    require_image_gradients(network, shape)
    _require_copies(network)
    if config.build_method().represents:
        with untouched(network), kept_generators(), torch.no_grad():
            network.eval().represent(fixed_images(2, shape, device))
    if world.size > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place, but for a network that is one BatchNorm
    return network


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """Channels, height and width of its images."""
    height, width, channels = dataset.x_train.shape[1:]
    return channels, height, width


def signature(dataset: Dataset, config: TrainConfig) -> str:
    """That of the run's network (`memscore.study.signatures`)."""
    return signature_of(config.network, image_shape(dataset), dataset.classes, dict(config.network_options))


def _require_copies(network: nn.Module) -> None:
    """Raise InvalidInput unless all that the network is can be copied, and be kept in a checkpoint as tensors."""
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            raise InvalidInput(
                f"the network keeps a {type(value).__name__} as extra state ({name}), and checkpoints hold tensors "
                "alone; let get_extra_state return a tensor, or keep it with register_buffer"
            )
    try:
        if not all(parameter.is_leaf for parameter in copy.deepcopy(network).parameters()):
            raise TypeError("the copy's weights cannot be trained")
    except Exception as error:
        said = " ".join(str(error).split())
        raise InvalidInput(
            f"the network cannot be copied ({type(error).__name__}: {said}), which training needs; let copy.deepcopy "
            "work on it, as by torch.nn.utils.parametrizations in the place of older wrappers of weights"
        ) from error


def training_device(world: World = ALONE) -> torch.device:
    """A GPU if there is one: with several processes, each its own. Its kernels are repeatable ones."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    number = world.rank % torch.cuda.device_count()
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
