"""The checks at the entry of every public attack. Training calls `ascend` directly: a check synchronizes the device."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from memscore.errors import InvalidInput

P = ParamSpec("P")
T = TypeVar("T")


def anywhere(attack: Callable[P, T]) -> Callable[P, T]:
    """Let an attack be called under no_grad() and inference_mode(), even with tensors made there."""

    @wraps(attack)
    def called(*given: P.args, **named: P.kwargs) -> T:
        # Leaving inference_mode() enables gradients; attacks enable them where they need them.
        with torch.inference_mode(False), torch.no_grad():
            ordinary = (_ordinary(value) for value in given)
            return attack(*ordinary, **{name: _ordinary(value) for name, value in named.items()})  # pyright: ignore[reportCallIssue] -- the same types

    return called


def require_pixels(images: Tensor) -> None:
    """Raise InvalidInput unless images are floating-point numbers in [0, 1]."""
    if not images.is_floating_point():
        kind = str(images.dtype).removeprefix("torch.")
        raise InvalidInput(
            f"Attacks work on pixels in [0, 1], but these images are {kind}: convert them to float32, and divide by "
            "255 if they go up to 255."
        )
    if not images.numel():
        return
    lowest, highest = torch.stack(torch.aminmax(images)).tolist()
    if not (lowest >= 0 and highest <= 1):  # also true for NaN
        raise InvalidInput(
            f"Attacks work on pixels in [0, 1], but these images range from {lowest:.4g} to {highest:.4g}: move the "
            "normalization into the network."
        )


def _ordinary(value: Any) -> Any:
    """The value, as a tensor without a graph that autograd can record."""
    if not isinstance(value, Tensor):
        return value
    return value.clone() if value.is_inference() else value.detach()
