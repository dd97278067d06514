"""The identity of a network, for stored results: its weights, and its outputs on fixed images."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn
from torch.nn import functional

from memscore.learning.data import pixels
from memscore.learning.seeding import seeded
from memscore.study.randomness import random_words

OWN = 4
"""Number of images from the data, and again of noise images; one black and one white image are added."""


def digest(network: nn.Module) -> str:
    """SHA-256 over the names and values of the state dict."""
    state = hashlib.sha256()
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            state.update(f"{name} {value!r}".encode())
            continue
        state.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        state.update(_bytes(value))
    return state.hexdigest()


def behaviour(network: nn.Module, images: Tensor) -> str:
    """SHA-256 over logits and image gradients, on a few of the images uint8 [n, H, W, C] and on noise.

    It differs for two networks with the same weights but other code, options, or buffers outside the state dict.
    The caller sets the network's mode and precision.
    """
    chosen = torch.linspace(0, len(images) - 1, min(OWN, len(images)), device=images.device).round().long()
    own = images[chosen]
    noise = (random_words((OWN, *own.shape[1:]), "behaviour") >> 56).astype("uint8")
    flat = torch.stack([torch.zeros_like(own[0]), torch.full_like(own[0], 255)])
    batch = pixels(torch.cat([own, torch.from_numpy(noise).to(own.device), flat]))
    found = hashlib.sha256()
    with seeded("behaviour"), torch.enable_grad():
        for pair in batch.split(2):  # a network may be large
            images = pair.requires_grad_()
            logits = network(images)
            loss = functional.cross_entropy(logits, torch.zeros_like(logits[:, 0], dtype=torch.int64), reduction="sum")
            gradient = torch.autograd.grad(loss, images, allow_unused=True)[0] if loss.requires_grad else None
            found.update(_bytes(logits))
            found.update(b"no gradient" if gradient is None else _bytes(gradient))
    return found.hexdigest()


def _bytes(value: Tensor) -> memoryview:
    return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
