"""Attacks in an l_inf or l2 ball, in [0, 1] pixel space, one file each; normalization happens inside the network."""

from trainer.attacks.ascent import ascend, project, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.crafting import crafting
from trainer.attacks.cw import cw
from trainer.attacks.fgsm import fgsm
from trainer.attacks.objectives import cross_entropy, divergence, margin, towards
from trainer.attacks.pgd import pgd, pgd_targeted
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
    "pgd_targeted",
    "project",
    "survives",
    "towards",
    "uniform_start",
]
