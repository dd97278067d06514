"""Sketches of what trained models make of a dataset's images (`memscore.study.sketches`)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData, flat_inputs, pixels
from memscore.learning.memory import Batches
from memscore.learning.networks.network import Network
from memscore.learning.stack import flattened
from memscore.learning.stacked_mlp import StackedMLP
from memscore.study.sketches import Sketch, projection

Represent = Callable[[Tensor], Tensor]
"""From images uint8 [B, H, W, C] to representations [B, D]."""


def network_sketch(network: Network, data: DeviceData, number: int) -> Sketch | None:
    """The sketch of full trial `number`, from the input of the layer that computes its logits.

    None if the network exposes no such layer, or representations of another shape than [B, D].
    """
    network.eval()
    return _sketch(lambda images: network.features(pixels(images)), data, number, batch=500)


def stack_sketch(model: StackedMLP, place: int, data: DeviceData, number: int) -> Sketch | None:
    """The sketch of full trial `number`, which is the model at `place` of a stack."""

    def represent(images: Tensor) -> Tensor:
        flat = flat_inputs(flattened(images))
        return model.features(flat.expand(model.models, -1, -1))[place]

    return _sketch(represent, data, number, batch=4096)


@torch.no_grad()
def _sketch(represent: Represent, data: DeviceData, number: int, batch: int) -> Sketch | None:
    signs: Tensor | None = None

    def projected(images: Tensor) -> Tensor:
        nonlocal signs
        found = represent(images)
        if found.ndim != 2 or len(found) != len(images):
            raise InvalidInput("representations do not have the shape [B, D]")
        if signs is None:
            signs = torch.from_numpy(projection(found.shape[1], number)).to(found.device)
        return (found.float() @ signs).cpu()

    try:
        train, test = (
            torch.cat(Batches(batch).over(len(images), lambda part, images=images: projected(images[part])))
            for images in (data.x_train, data.x_test)
        )
    except (InvalidInput, AttributeError):  # AttributeError: a network with a forward of its own and no head
        return None
    if not (train.isfinite().all() and test.isfinite().all()):
        return None
    return Sketch.of(train.numpy(), test.numpy(), data.y_train.cpu().numpy(), data.y_test.cpu().numpy())
