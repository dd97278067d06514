"""Attacks in the l_inf ball, in [0, 1] pixel space, one file each; normalization happens inside the network."""

from trainer.attacks.ascent import ascend, project, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.crafting import crafting
from trainer.attacks.objectives import cross_entropy, divergence, margin
from trainer.attacks.pgd import pgd

__all__ = ["Attack", "ascend", "crafting", "cross_entropy", "divergence", "margin", "pgd", "project", "uniform_start"]
