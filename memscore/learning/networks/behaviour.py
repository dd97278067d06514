"""Computation of a network's signature, which trials and runs record: see `memscore.study.signatures`."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from memscore.learning.networks.adoption import Shape, adopt, fixed_images, untouched
from memscore.learning.networks.registry import build_network
from memscore.learning.seeding import seed, seeded
from memscore.study import signatures
from memscore.study.spec import ESTIMATOR, NETWORKS, Recipe

IMAGES = 3
CLASSES = 8
"""Images, and maximum evenly spaced classes, whose logits enter the signature, in eval and in training mode."""


def signature_of(network: str, shape: Shape, classes: int, options: dict[str, Any]) -> str:
    """The signature of a named network; code, options, initial weights, dropout and gradients all enter it.

    The network is built and run on the CPU with a fixed seed; the global random generators are unchanged. A network
    with unrepeatable outputs is identified only by the names and shapes of its tensors. Raises InvalidInput like
    `build_network` and `adopt`.
    """
    cpu = torch.device("cpu")
    with seeded("signature"):
        module = build_network(network, shape, classes, options)
        adopt(module, shape, classes, cpu)
        images = fixed_images(IMAGES, shape, cpu)
        once = _outputs(module, images)
        again = once if network in NETWORKS else _outputs(module, images)
    repeatable = all(np.array_equal(a, b, equal_nan=True) for a, b in zip(once, again, strict=True))
    return signatures.write(_structure(module), *(once if repeatable else ()))


def signature_of_recipe(recipe: Recipe, shape: Shape, classes: int) -> str:
    """The signature of a recipe's network or estimator."""
    if recipe.network == ESTIMATOR:
        from memscore.learning.estimators import signature_of_estimator

        return signature_of_estimator(recipe, math.prod(shape), classes)
    options = {"hidden": recipe.hidden} if recipe.stacked else recipe.options
    return signature_of(recipe.network, shape, classes, options)


def _outputs(network: nn.Module, images: Tensor) -> tuple[npt.NDArray[np.float32], ...]:
    """Logits in both modes, the norm of each image's gradient, and the norm of the gradient of all weights."""
    answers: list[Tensor] = []
    lengths: list[Tensor] = []
    of_weights: list[Tensor] = []
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    with untouched(network), torch.enable_grad():
        for training in (False, True):
            network.train(training)
            seed("outputs")
            batch = images.clone().requires_grad_()
            logits = network(batch).float()
            labels = torch.arange(len(batch)) % logits.shape[1]
            loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
            gradient, *others = torch.autograd.grad(loss, [batch, *trained], allow_unused=True)
            squares = [one.float().square().sum() for one in others if one is not None]
            of_weights.append(torch.stack(squares).sum().sqrt()[None])
            chosen = torch.linspace(0, logits.shape[1] - 1, min(CLASSES, logits.shape[1])).round().long()
            answers.append(logits.detach()[:, chosen].flatten())
            lengths.append(torch.zeros(len(batch)) if gradient is None else gradient.flatten(1).norm(dim=1))
    return torch.cat(answers).numpy(), torch.cat(lengths).numpy(), torch.cat(of_weights).numpy()


def _structure(network: nn.Module) -> str:
    """A digest, 16 hexadecimal digits, of the names, dtypes and shapes of all tensors, and of which are trainable."""
    state = network.state_dict()
    frozen = sorted(name for name, parameter in network.named_parameters() if not parameter.requires_grad)
    tensors = [
        f"{name} {value.dtype} {tuple(value.shape)}" for name, value in state.items() if isinstance(value, Tensor)
    ]
    return hashlib.sha256("\n".join([*tensors, *frozen]).encode()).hexdigest()[:16]
