"""The attacks of an evaluation, by name.

fgsm            one step of epsilon from the image
pgd, cw         20 steps of epsilon / 4 (2/255 at 8/255) from the image, on cross-entropy or the margin
pgd-100         100 steps instead of 20
pgd-20x5        5 starts: the image itself, then 4 random points of the ball
pgd-20@eps/10   steps of epsilon / 10
autoattack      the standard version of Croce and Hein (2020)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from memscore.errors import InvalidInput
from trainer.attacks.attack import Attack
from trainer.attacks.objectives import Objective, cross_entropy, margin

AUTOATTACK = "autoattack"
OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {"fgsm": cross_entropy, "pgd": cross_entropy, "cw": margin}

_PATTERN = re.compile(r"(pgd|cw)(?:-(\d{1,4}))?(?:x(\d{1,3}))?(?:@eps/(\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class IterativeAttack:
    """Signed ascent from `starts` points: `steps` steps of epsilon / `divisor`."""

    name: str
    objective: Callable[[Tensor], Objective]
    steps: int
    divisor: float
    starts: int

    def within(self, epsilon: float) -> Attack:
        """The attack in a ball of this radius, from the image itself."""
        return Attack(epsilon=epsilon, step_size=epsilon / self.divisor, steps=self.steps, random_start=False)

    @property
    def passes(self) -> int:
        """Forward and backward passes on a sample that survives to the end."""
        return self.steps * self.starts


def iterative(name: str) -> IterativeAttack:
    """The attack of that name. Raises InvalidInput if there is none."""
    if name == "fgsm":
        return IterativeAttack(name, OBJECTIVES[name], steps=1, divisor=1, starts=1)
    found = _PATTERN.fullmatch(name)
    steps, starts, divisor = (found[2] or 20, found[3] or 1, found[4] or 4) if found else (0, 0, 0)
    if found is None or not int(steps) or not int(starts) or float(divisor) < 1:
        raise InvalidInput(
            f"There is no attack {name!r}; use fgsm, pgd, cw or autoattack; pgd and cw take steps, starts and a step "
            "size, as in pgd-100, pgd-20x5 or pgd-20@eps/10."
        )
    return IterativeAttack(name, OBJECTIVES[found[1]], int(steps), float(divisor), int(starts))


def check_names(names: tuple[str, ...]) -> None:
    """Raise InvalidInput unless every name is an attack and none is repeated."""
    for name in names:
        if name != AUTOATTACK:
            iterative(name)
        if names.count(name) > 1:
            raise InvalidInput(f"The attack {name} is listed twice.")
