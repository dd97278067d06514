"""Craft without side effects: restores the network's modes and which parameters require gradients."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from torch import nn


@contextmanager
def crafting(network: nn.Module, mode: Literal["eval", "train"] = "eval") -> Generator[None]:
    """Set the mode and disable gradients of parameters within the block; then restore every submodule's own mode."""
    modes = [(module, module.training) for module in network.modules()]
    needed = [parameter for parameter in network.parameters() if parameter.requires_grad]
    network.train(mode == "train")
    for parameter in needed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter in needed:
            parameter.requires_grad_(True)
