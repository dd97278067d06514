"""Measurements for the masking alarms beyond the attacks: a sweep over epsilon, and missing gradients."""

from __future__ import annotations

from dataclasses import replace

from trainer.attacks.registry import iterative
from trainer.evaluation.masking import Probes
from trainer.evaluation.sample_outcomes import strata
from trainer.evaluation.sample_records import CLEAN, CORRECT, SampleRecords
from trainer.evaluation.split_attacks import Attempts
from trainer.evaluation.subset import stratified

SWEEP = iterative("pgd-50")


def probed(attempts: Attempts, samples: SampleRecords, probes: Probes) -> Probes:
    """`probes` with the measurements on a subset of the samples added."""
    config = attempts.config
    if not config.alarm_samples:
        return probes
    chosen = stratified(strata(samples.columns), config.alarm_samples, "alarms", config.seed, attempts.split)
    sweep = {
        epsilon: float(attempts.survived(SWEEP, chosen, epsilon).mean()) for epsilon in sweep_radii(config.epsilon)
    }
    right = samples[f"{CORRECT}{CLEAN}"].data[chosen]
    gradients = attempts.gradients(chosen)
    zero = float(gradients["zero"][right].mean()) if right.any() else None
    return replace(probes, sweep=sweep, zero_gradients=zero, broken_gradients=float((~gradients["finite"]).mean()))


def sweep_radii(epsilon: float) -> list[float]:
    """Epsilons of the sweep: half the radius, the radius, its doublings below 1, and 1."""
    radii = [epsilon / 2 or 1 / 255]
    while 2 * radii[-1] < 1:
        radii.append(2 * radii[-1])
    return [*radii, 1.0]
