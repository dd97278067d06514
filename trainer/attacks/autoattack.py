"""AutoAttack (Croce and Hein 2020), standard version, from the package pyautoattack, run part by part.

A part attacks the samples that survived the earlier ones. On one batch the result equals that of the package's own
evaluation with the same seed, bit for bit.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput, MissingPackage
from trainer.attacks.attack import Norm
from trainer.attacks.crafting import crafting
from trainer.attacks.entry import anywhere, require_pixels
from trainer.attacks.survival import correct

PASSES = {"apgd-ce": 100, "apgd-dlr": 100, "apgd-t": 900, "fab-t": 1800, "square": 2500}
"""Approximate forward and backward passes of a part on a sample that survives it, with ten classes or more."""

MOST_TARGETS = 9


def passes(part: str, classes: int) -> int:
    """The same with this number of classes: targeted parts try each other class, up to nine."""
    return PASSES[part] * min(MOST_TARGETS, classes - 1) // MOST_TARGETS if part.endswith("-t") else PASSES[part]


def parts(classes: int) -> tuple[str, ...]:
    """The parts of the standard version that work with this number of classes.

    The targeted loss of apgd-t needs four classes; the untargeted one that replaces it needs three.
    """
    if classes < 2:
        raise InvalidInput("AutoAttack needs at least two classes.")
    if classes == 2:
        return ("apgd-ce", "fab-t", "square")
    return ("apgd-ce", "apgd-t" if classes > 3 else "apgd-dlr", "fab-t", "square")


LEAST_CLASSES = {"apgd-ce": 2, "apgd-dlr": 3, "apgd-t": 4, "fab-t": 2, "square": 2}
"""The classes that a part needs."""


def require_classes(part: str, classes: int) -> None:
    """Raise InvalidInput if a part's loss is not defined for so few classes."""
    if classes < LEAST_CLASSES[part]:
        raise InvalidInput(
            f"The loss of {part} needs {LEAST_CLASSES[part]} classes, and there are {classes}; use "
            f"{' or '.join(other for other, least in LEAST_CLASSES.items() if least <= max(classes, 2))}."
        )


@anywhere
def survives_part(
    part: str,
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    classes: int,
    seed: int,
    norm: Norm = "linf",
) -> tuple[Tensor, list[str]]:
    """Which of the images [B, C, H, W] survive a part, bool [B], and the part's warnings.

    Leaves torch's global generators unchanged. Raises MissingPackage if pyautoattack is not installed, InvalidInput
    unless the images lie in [0, 1].
    """
    require_pixels(images)
    survived = correct(network, images, labels)
    if not survived.any():
        return survived, []
    attacked = survived.nonzero().squeeze(1)
    inside, truth = images[attacked], labels[attacked]
    adversarial, warned = craft_part(part, network, inside, truth, epsilon, classes, seed, norm)
    survived[attacked] = correct(network, adversarial, truth)
    return survived, warned


@anywhere
def craft_part(
    part: str,
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    classes: int,
    seed: int,
    norm: Norm = "linf",
) -> tuple[Tensor, list[str]]:
    """A part's adversarial versions of correctly classified images, and its warnings.

    Raises InvalidInput unless the images lie in [0, 1].
    """
    require_pixels(images)
    warned = _Warnings()
    devices = [images.device] if images.is_cuda else []
    with torch.random.fork_rng(devices=devices), torch.no_grad(), crafting(network):
        attack = _attack(part, network, (norm, epsilon), classes, seed, images.device, warned)
        # It calls view(), which needs contiguous images.
        return attack.perturb(images.contiguous(), labels), warned.texts


def check(network: nn.Module, images: Tensor, labels: Tensor) -> list[str]:
    """Warnings of AutoAttack's own checks: randomness, probabilities as logits, optimization at test time."""
    checks = _package("checks")
    warned = _Warnings()
    images, trace = images.contiguous(), sys.gettrace()
    with torch.no_grad(), crafting(network):
        checks.check_randomized(network, images, labels, bs=len(labels), logger=warned.logger)
        checks.check_range_output(network, images, logger=warned.logger)
        try:
            checks.check_dynamic(network, images, False, logger=warned.logger)
        finally:  # the check replaces a debugger's trace and keeps its counts
            sys.settrace(trace)
            checks.funcs.update(dict.fromkeys(checks.funcs, 0))
    return warned.texts


def require() -> None:
    """Raise MissingPackage unless pyautoattack is installed."""
    _package("autoattack")


def _attack(
    part: str,
    network: nn.Module,
    ball: tuple[Norm, float],
    classes: int,
    seed: int,
    device: torch.device,
    warned: _Warnings,
) -> Any:
    """A part with the settings of the standard version."""
    norm, epsilon = ball
    targets = min(MOST_TARGETS, classes - 1)
    measure = "Linf" if norm == "linf" else "L2"
    shared = {"eps": epsilon, "norm": measure, "seed": seed, "device": device, "verbose": False, "n_restarts": 1}
    if part in ("apgd-ce", "apgd-dlr"):
        apgd = _package("autopgd_base").APGDAttack
        return apgd(network, n_iter=100, loss=part.removeprefix("apgd-"), logger=warned.logger, **shared)
    if part == "apgd-t":
        targeted = _package("autopgd_base").APGDAttack_targeted
        return targeted(network, n_iter=100, n_target_classes=targets, logger=warned.logger, **shared)
    if part == "fab-t":
        fab = _package("fab_pt").FABAttack_PT
        return fab(network, n_iter=100, targeted=True, n_target_classes=targets, **shared)
    square = _package("square").SquareAttack
    return square(network, p_init=0.8, n_queries=5000, resc_schedule=False, **shared)


def _package(module: str) -> Any:
    try:
        return import_module(f"pyautoattack.{module}")
    except ImportError as error:
        raise MissingPackage(
            "AutoAttack needs pyautoattack, which is not installed: pip install pyautoattack, or leave autoattack out "
            "of the attacks."
        ) from error


class _Warnings(logging.Handler):
    """A private logger that collects warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self.logger = logging.Logger("autoattack")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning's text, without its reference to a file."""
        self.texts.append(record.getMessage().replace(" See flags_doc.md for details.", ""))
