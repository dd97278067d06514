"""The settings of an attack: ball, radius, steps, start and the network's mode."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from memscore.study.spec import Frozen

Norm = Literal["linf", "l2"]
"""How the distance of two images is measured: the largest change of a pixel's channel, or the Euclidean length."""

MOST = 1000.0
"""The largest radius: the Euclidean diagonal of the largest images that networks here see is shorter."""


def _in_pixels(value: Any, info: ValidationInfo) -> Any:
    """Refuse 8 where 8/255 is meant, unless lengths of whole images are."""
    if info.data.get("norm") != "l2" and isinstance(value, int | float) and value > 1:
        advice = f"; write {value:g}/255" if value <= 255 else ""
        raise ValueError(f"{value:g} is out of range: pixels lie in [0, 1]{advice}")
    return value


Radius = Annotated[float, BeforeValidator(_in_pixels), Field(ge=0, le=MOST)]
"""A distance in [0, 1] pixel space: at most 1, but for a field `norm` above it that is "l2"."""


class Attack(Frozen):
    """An attack in [0, 1] pixel space: `steps` steps of `step_size` within `epsilon` of the image.

    A step goes along the gradient's sign (linf), or along the gradient, scaled to `step_size` for each image (l2).
    `mode` is the network's while it is attacked; "train" lets BatchNorm update its statistics, as some codes do.
    """

    norm: Norm = "linf"
    epsilon: Radius
    step_size: Radius
    steps: int = Field(ge=1)
    random_start: bool = True
    mode: Literal["eval", "train"] = "eval"
