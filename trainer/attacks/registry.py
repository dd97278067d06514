"""The attacks of an evaluation, by name.

fgsm            one step of epsilon from the image
pgd, cw         20 steps of epsilon / 4 (2/255 at 8/255) from the image, on cross-entropy or the margin
pgd-100         100 steps instead of 20
pgd-20x5        5 starts: the image itself, then 4 random points of the ball
pgd-20@eps/10   steps of epsilon / 10
autoattack      the standard version of Croce and Hein (2020)
apgd-ce, apgd-dlr, apgd-t, fab-t, square
                a part of AutoAttack alone
apgd-ce+apgd-t  parts one after the other, each on the samples that are left: nearly as strong as AutoAttack, for less
                than a fifth of its passes
pgd-targeted    20 steps of epsilon / 4 towards each of the nine likeliest wrong classes
own:package.module:function
                20 steps of epsilon / 4 on a loss of your own: function(labels) gives a function of the logits [B, K]
                whose values [B] the attack raises
transfer        20 steps of epsilon / 4 on the cross-entropy of another network, tried on this one
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, cast

import torch
from torch import Tensor

from memscore.errors import InvalidInput
from memscore.learning.memory import out_of_memory
from memscore.learning.networks.registry import users_function
from trainer.attacks import autoattack
from trainer.attacks.attack import Attack, Norm
from trainer.attacks.objectives import Objective, cross_entropy, margin

AUTOATTACK, TARGETED, TRANSFER, OWN = "autoattack", "pgd-targeted", "transfer", "own:"
OBJECTIVES: dict[str, Callable[[Tensor], Objective]] = {"pgd": cross_entropy, "cw": margin}

_PATTERN = re.compile(r"(pgd|cw)(?:-(\d{1,4}))?(?:x(\d{1,3}))?(?:@eps/(\d+(?:\.\d+)?))?")


@dataclass(frozen=True)
class Stepwise:
    """Ascent from the image: `steps` steps of epsilon / `divisor`."""

    name: str
    steps: int = 20
    divisor: float = 4

    def within(self, epsilon: float, norm: Norm = "linf") -> Attack:
        """The attack in a ball of this radius, from the image itself."""
        step_size = epsilon / self.divisor
        return Attack(norm=norm, epsilon=epsilon, step_size=step_size, steps=self.steps, random_start=False)

    @property
    def passes(self) -> int:
        """Forward and backward passes on a sample that survives to the end."""
        return self.steps


@dataclass(frozen=True)
class IterativeAttack(Stepwise):
    """Ascent on `objective` from `starts` points: the image itself, then random ones."""

    objective: Callable[[Tensor], Objective] = cross_entropy
    starts: int = 1

    @property
    def passes(self) -> int:
        """Forward and backward passes on a sample that survives to the end."""
        return self.steps * self.starts


@dataclass(frozen=True)
class TargetedAttack(Stepwise):
    """Ascent towards each of the likeliest wrong classes, at most `targets`."""

    targets: ClassVar[int] = 9

    @property
    def passes(self) -> int:
        """Forward and backward passes on a sample that survives to the end."""
        return self.steps * self.targets


@dataclass(frozen=True)
class TransferredAttack(Stepwise):
    """Ascent on the cross-entropy of another network; what counts is the last image alone."""


@dataclass(frozen=True)
class AttackInParts:
    """Parts of AutoAttack, one after the other; a sample is lost with the first that misleads the network."""

    name: str
    parts: tuple[str, ...]

    @property
    def passes(self) -> int:
        """Forward and backward passes on a sample that survives all parts."""
        return sum(autoattack.PASSES[part] for part in self.parts)


NamedAttack = IterativeAttack | TargetedAttack | TransferredAttack | AttackInParts


def named(name: str) -> NamedAttack:
    """The attack of that name, other than `autoattack`. Raises InvalidInput if there is none."""
    if name == TARGETED:
        return TargetedAttack(name)
    if name == TRANSFER:
        return TransferredAttack(name)
    if name.startswith(OWN):
        return IterativeAttack(name, objective=_own(name))
    parts = tuple(name.split("+"))
    if not set(parts) & set(autoattack.PASSES):
        return iterative(name)
    for part in parts:
        if part not in autoattack.PASSES:
            raise InvalidInput(f"{name} has no part {part!r}; join any of {', '.join(autoattack.PASSES)} with +.")
        if parts.count(part) > 1:
            raise InvalidInput(f"{name} has the part {part} twice.")
    return AttackInParts(name, parts)


def every(names: tuple[str, ...]) -> list[NamedAttack]:
    """The attacks of these names, without `autoattack`."""
    return [named(name) for name in names if name != AUTOATTACK]


def iterative(name: str) -> IterativeAttack:
    """The attack of that name. Raises InvalidInput if there is none."""
    if name == "fgsm":
        return IterativeAttack(name, steps=1, divisor=1)
    found = _PATTERN.fullmatch(name)
    steps, starts, divisor = (found[2] or 20, found[3] or 1, found[4] or 4) if found else (0, 0, 0)
    if found is None or not int(steps) or not int(starts) or float(divisor) < 1:
        raise InvalidInput(
            f"There is no attack {name!r}; use fgsm, pgd, cw, pgd-targeted, own:package.module:function, autoattack or "
            f"its parts ({', '.join(autoattack.PASSES)}; several as in apgd-ce+apgd-t); pgd and cw take steps, starts "
            "and a step size, as in pgd-100, pgd-20x5 or pgd-20@eps/10."
        )
    return IterativeAttack(name, int(steps), float(divisor), OBJECTIVES[found[1]], int(starts))


def check_names(names: tuple[str, ...]) -> None:
    """Raise InvalidInput unless every name is an attack and none is repeated."""
    for name in names:
        if name != AUTOATTACK:
            named(name)
        if names.count(name) > 1:
            raise InvalidInput(f"The attack {name} is listed twice.")


def _own(name: str) -> Callable[[Tensor], Objective]:
    """The loss that `own:package.module:function` names, whose values are checked. Raises InvalidInput."""
    return partial(_checked, users_function(name.removeprefix(OWN), "loss"), name)


def _called(function: Callable[..., object], argument: Tensor, name: str) -> object:
    """What a user's function returns. Raises InvalidInput if it fails, but for want of memory."""
    try:
        return function(argument)
    except Exception as error:
        if isinstance(error, RuntimeError) and out_of_memory(error):
            raise
        raise InvalidInput(f"The loss of {name} failed: {type(error).__name__}: {error}.") from error


def _checked(function: Callable[..., object], name: str, labels: Tensor) -> Objective:
    loss = _called(function, labels, name)
    if not callable(loss):
        raise InvalidInput(f"The attack {name} must return a function of the logits, not {type(loss).__name__}.")

    def values(logits: Tensor) -> Tensor:
        found = _called(cast("Callable[..., object]", loss), logits, name)
        if not isinstance(found, Tensor) or found.shape != labels.shape or not found.requires_grad:
            raise InvalidInput(
                f"The loss of {name} must be a tensor with one value for each sample, computed from the logits."
            )
        if found.isnan().any():
            raise InvalidInput(f"The loss of {name} is not a number for some samples, so that its attack does nothing.")
        return found.to(torch.promote_types(found.dtype, torch.float32))

    return values
