"""What an attack may change, and how it goes about it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memscore.spec import Frozen


class Attack(Frozen):
    """An l_inf attack in [0, 1] pixel space: `steps` steps of `step_size` within `epsilon` of the image.

    `mode` is the network's while it is attacked; "train" lets BatchNorm update its statistics, as some codes do.
    """

    epsilon: float = Field(ge=0, le=1)
    step_size: float = Field(ge=0, le=1)
    steps: int = Field(ge=1)
    random_start: bool = True
    mode: Literal["eval", "train"] = "eval"
