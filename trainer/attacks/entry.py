"""What every public attack does first. Training calls `ascend` itself: a check makes the device wait for the host."""

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
    """An attack that can be called under no_grad() and inference_mode(), also with tensors that were made there."""

    @wraps(attack)
    def called(*given: P.args, **named: P.kwargs) -> T:
        # To leave inference_mode() is to switch gradients on; attacks switch them on where they need them.
        with torch.inference_mode(False), torch.no_grad():
            ordinary = (_ordinary(value) for value in given)
            return attack(*ordinary, **{name: _ordinary(value) for name, value in named.items()})  # pyright: ignore[reportCallIssue] -- the same types

    return called


def require_pixels(images: Tensor) -> None:
    """Raise InvalidInput unless images are floating-point numbers in [0, 1]."""
    if not images.is_floating_point():
        kind = str(images.dtype).removeprefix("torch.")
        raise InvalidInput(
            f"Attacks work on pixels in [0, 1] and these images are {kind}: make them float32, divided by 255 if "
            "they go up to 255."
        )
    if not images.numel():
        return
    lowest, highest = torch.stack(torch.aminmax(images)).tolist()
    if not (lowest >= 0 and highest <= 1):  # not so either where they are NaN
        raise InvalidInput(
            f"Attacks work on pixels in [0, 1] and these images go from {lowest:.4g} to {highest:.4g}: put the "
            "normalization inside the network."
        )


def _ordinary(value: Any) -> Any:
    """A tensor without a graph that autograd may keep."""
    if not isinstance(value, Tensor):
        return value
    return value.clone() if value.is_inference() else value.detach()
