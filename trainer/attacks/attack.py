"""The settings of an attack: radius, steps, start and the network's mode."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from memscore.study.spec import Frozen


def _in_pixels(value: Any) -> Any:
    """Refuse 8 where 8/255 is meant."""
    if isinstance(value, int | float) and 1 < value <= 255:
        raise ValueError(f"{value:g} is out of range: pixels lie in [0, 1]; write {value:g}/255")
    return value


Radius = Annotated[float, BeforeValidator(_in_pixels), Field(ge=0, le=1)]
"""A distance in [0, 1] pixel space."""


class Attack(Frozen):
    """An l_inf attack in [0, 1] pixel space: `steps` steps of `step_size` within `epsilon` of the image.

    `mode` is the network's while it is attacked; "train" lets BatchNorm update its statistics, as some codes do.
    """

    epsilon: Radius
    step_size: Radius
    steps: int = Field(ge=1)
    random_start: bool = True
    mode: Literal["eval", "train"] = "eval"
