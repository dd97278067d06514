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
from memscore.study.spec import NETWORKS
from trainer.config import TrainConfig
from trainer.distributed import ALONE, World
from trainer.twin import require_foldable


def initial_network(dataset: Dataset, config: TrainConfig, device: torch.device, world: World = ALONE) -> Network:
    """Build the network from the run's seed, channels last if possible, leaving the global generators unchanged.

    Across GPUs, BatchNorm's statistics cover the whole batch; on CPUs each process has its own.
    Raises InvalidInput if the network cannot be built, or this run cannot use it.
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
    if config.fold_attack and config.network not in NETWORKS:
        with kept_generators():
            require_foldable(network, fixed_images(2, shape, device))
    if world.size > 1 and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place, unless the network itself is a BatchNorm
    return network


def image_shape(dataset: Dataset) -> tuple[int, int, int]:
    """Channels, height and width of the dataset's images. Raises InvalidInput without images or without a test part."""
    if dataset.kind == "features":
        raise InvalidInput("Adversarial training needs images, and this dataset has features.")
    if not len(dataset.y_test):
        raise InvalidInput(
            "Training needs a test part to be evaluated on, and this dataset has none; see --test-share."
        )
    height, width, channels = dataset.x_train.shape[1:]
    return channels, height, width


def signature(dataset: Dataset, config: TrainConfig) -> str:
    """The signature of the run's network (`memscore.study.signatures`)."""
    return signature_of(config.network, image_shape(dataset), dataset.classes, dict(config.network_options))


def _require_copies(network: nn.Module) -> None:
    """Raise InvalidInput unless the network can be copied and its whole state saved as tensors."""
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            raise InvalidInput(
                f"the network keeps a {type(value).__name__} as extra state ({name}), but checkpoints hold only "
                "tensors; return a tensor from get_extra_state, or use register_buffer"
            )
    try:
        if not all(parameter.is_leaf for parameter in copy.deepcopy(network).parameters()):
            raise TypeError("the copy's weights cannot be trained")
    except Exception as error:
        why = " ".join(str(error).split())
        raise InvalidInput(
            f"the network cannot be copied ({type(error).__name__}: {why}), and training needs a copy; make it work "
            "with copy.deepcopy, such as by using torch.nn.utils.parametrizations instead of older weight wrappers"
        ) from error


def training_device(world: World = ALONE) -> torch.device:
    """A GPU if there is one, a different one for each process, with deterministic kernels; otherwise the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    number = world.rank % torch.cuda.device_count()
    torch.cuda.set_device(number)
    return torch.device("cuda", number)
