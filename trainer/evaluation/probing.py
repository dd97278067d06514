"""Measurements for the masking alarms beyond the attacks: a sweep over epsilon, and missing gradients."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from memscore.runs.sample_records import CLEAN, CORRECT, SampleRecords
from trainer.attacks.attack import Norm
from trainer.attacks.registry import iterative
from trainer.evaluation.masking import Probes
from trainer.evaluation.sample_outcomes import strata
from trainer.evaluation.split_attacks import Attempts
from trainer.evaluation.subset import stratified

SWEEP = iterative("pgd-50")


def probed(attempts: Attempts, samples: SampleRecords, probes: Probes) -> Probes:
    """`probes` with the measurements on a subset of the samples added."""
    config = attempts.config
    if not config.alarm_samples:
        return probes
    chosen = stratified(strata(samples.columns), config.alarm_samples, "alarms", config.seed, attempts.split)
    radii = sweep_radii(config.epsilon, widest(config.norm, attempts.images))
    sweep = {epsilon: float(attempts.survived(SWEEP, chosen, epsilon).mean()) for epsilon in radii}
    right = samples[f"{CORRECT}{CLEAN}"].data[chosen]
    gradients = attempts.gradients(chosen)
    zero = float(gradients["zero"][right].mean()) if right.any() else None
    return replace(probes, sweep=sweep, zero_gradients=zero, broken_gradients=float((~gradients["finite"]).mean()))


def widest(norm: Norm, images: Tensor) -> float:
    """The radius within which any of the images [n, H, W, C] can become any other."""
    return 1.0 if norm == "linf" else float(images.shape[1:].numel() ** 0.5)


def sweep_radii(epsilon: float, widest: float = 1.0) -> list[float]:
    """Epsilons of the sweep: half the radius, the radius, its doublings below the widest one, and that."""
    radii = [epsilon / 2 or 1 / 255]
    while 2 * radii[-1] < widest:
        radii.append(2 * radii[-1])
    return [*radii, widest]
