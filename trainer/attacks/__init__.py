"""Attacks in the l_inf ball, in [0, 1] pixel space, one file each; normalization happens inside the network."""

from trainer.attacks.ascent import ascend, project, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.crafting import crafting
from trainer.attacks.cw import cw
from trainer.attacks.fgsm import fgsm
from trainer.attacks.objectives import cross_entropy, divergence, margin
from trainer.attacks.pgd import pgd
from trainer.attacks.survival import survives

__all__ = [
    "Attack",
    "ascend",
    "crafting",
    "cross_entropy",
    "cw",
    "divergence",
    "fgsm",
    "margin",
    "pgd",
    "project",
    "survives",
    "uniform_start",
]
