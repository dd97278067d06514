"""Gradient-masking alarms: signs that a network is merely hard to attack, not robust (Athalye et al. 2018)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from memscore.arrays import Bools
from memscore.runs.mcnemar import exact_mcnemar
from memscore.runs.sample_records import CORRECT, SampleRecords
from trainer.attacks.registry import AUTOATTACK
from trainer.evaluation.findings import EvaluationFinding, Level, graded

SIGNIFICANT = 0.05
STRONG = ("apgd-ce+apgd-t",)
"""Attacks that leave nearly what AutoAttack leaves, and are held against PGD as it is."""


@dataclass(frozen=True)
class Probes:
    """Further inputs of the alarms, all measured on subsets of the samples.

    sweep: accuracy under PGD by epsilon. zero_gradients: share of the correctly classified samples without a gradient.
    broken_gradients: share of samples whose gradient is not finite.
    parts: which samples survived up to each part of AutoAttack; warnings: AutoAttack's own, or those of its parts where
    they run by themselves, None if none of them ran.
    """

    sweep: dict[float, float] = field(default_factory=dict)
    zero_gradients: float | None = None
    broken_gradients: float | None = None
    parts: dict[str, Bools] = field(default_factory=dict)
    warnings: tuple[str, ...] | None = None


def alarms(samples: SampleRecords, probes: Probes) -> list[EvaluationFinding]:
    """Every alarm that the evaluated attacks allow."""
    findings: list[EvaluationFinding] = []
    if {"fgsm", "pgd"} <= set(samples.attacks):
        findings.append(_pgd_weaker_than_fgsm(samples))
    bounds = dict.fromkeys((AUTOATTACK, *STRONG), (0.08, 0.15))
    for attack, (amber, red) in {"cw": (0.04, 0.08), **bounds}.items():
        if {"pgd", attack} <= set(samples.attacks):
            findings.append(_far_below_pgd(samples, attack, amber, red))
    if "square" in probes.parts:
        findings.append(_square(probes.parts))
    if probes.sweep:
        findings += [_reaches_zero(probes.sweep), _falls(probes.sweep)]
    if probes.zero_gradients is not None:
        share = probes.zero_gradients
        found = f"{100 * share:.1f} % of the correctly classified samples have no gradient"
        meaning = "Where cross-entropy is flat, FGSM and PGD have no direction to follow; CW and Square may."
        findings.append(graded("zero gradients", share, 0.01, 0.1, found, meaning))
    if probes.broken_gradients is not None:
        found = f"{100 * probes.broken_gradients:.1f} % of the samples have a gradient that is not finite"
        meaning = "An attack cannot move where the gradient is not finite: such samples only seem robust."
        findings.append(graded("finite gradients", probes.broken_gradients, 0, 0, found, meaning))
    if probes.warnings is not None:
        findings.append(_own_flags(probes.warnings))
    return findings


def _pgd_weaker_than_fgsm(samples: SampleRecords) -> EvaluationFinding:
    fgsm, pgd = (samples[f"{CORRECT}{name}"].filled(False) for name in ("fgsm", "pgd"))
    excess = float(pgd.mean() - fgsm.mean())
    certain = exact_mcnemar(int((pgd & ~fgsm).sum()), int((fgsm & ~pgd).sum())) < SIGNIFICANT
    level: Level = "green" if excess <= 0 else "red" if certain else "amber"
    return EvaluationFinding(
        "PGD against FGSM",
        level,
        f"accuracy {100 * pgd.mean():.1f} % under pgd, {100 * fgsm.mean():.1f} % under fgsm",
        "Twenty small steps must find what one large step finds; if they do not, gradients are misleading.",
    )


def _far_below_pgd(samples: SampleRecords, attack: str, amber: float, red: float) -> EvaluationFinding:
    other, pgd = samples[f"{CORRECT}{attack}"], samples[f"{CORRECT}pgd"]
    tried = ~other.mask
    below, above, count = float(other.data[tried].mean()), float(pgd.data[tried].mean()), int(tried.sum())
    return graded(
        f"{attack} against PGD",
        above - below,
        amber,
        red,
        f"accuracy {100 * below:.1f} % under {attack}, {100 * above:.1f} % under pgd on the same {count} samples",
        "A gap of a few points is normal. More means that cross-entropy misleads PGD, whose accuracy is then too high: "
        "report the lowest.",
    )


def _square(parts: dict[str, Bools]) -> EvaluationFinding:
    before = list(parts.values())[list(parts).index("square") - 1]
    extra = float(before.mean() - parts["square"].mean())
    return graded(
        "Square against gradients",
        extra,
        0.002,
        0.02,
        f"only Square misleads {100 * extra:.1f} % of the samples",
        "An attack without gradients should find nothing that gradient-based attacks miss.",
    )


def _reaches_zero(sweep: dict[float, float]) -> EvaluationFinding:
    widest = max(sweep)
    curve = ", ".join(f"{100 * share:.0f} % at {epsilon:.3g}" for epsilon, share in sorted(sweep.items()))
    return graded(
        "epsilon sweep",
        sweep[widest],
        0.02,
        0.1,
        curve,
        "At the widest, any image can become any other, so accuracy must be 0 there, or the attack is too weak.",
    )


def _falls(sweep: dict[float, float]) -> EvaluationFinding:
    shares = [sweep[epsilon] for epsilon in sorted(sweep)]
    rise = max(later - earlier for earlier, later in pairwise(shares))
    return graded(
        "fall over epsilon",
        rise,
        0.02,
        0.1,
        f"accuracy rises by at most {100 * max(rise, 0):.1f} points from one epsilon to the next",
        "A larger ball contains the smaller one: rising accuracy means that the attack fails there.",
    )


def _own_flags(warnings: Sequence[str]) -> EvaluationFinding:
    """AutoAttack's warnings, with those that count points added up."""
    points = [re.match(r"there are (\d+) points with zero gradient", text) for text in warnings]
    zero = sum(int(match[1]) for match in points if match)
    others = list(dict.fromkeys(text for text, match in zip(warnings, points, strict=True) if match is None))
    grave = any("randomized" in text or "probability" in text for text in others)
    texts = others + ([f"{zero} starting points without a gradient of its loss"] if zero else [])
    return EvaluationFinding(
        "AutoAttack's flags",
        "red" if grave else "amber" if texts else "green",
        "; ".join(texts) or "none",
        "AutoAttack's own signs that its standard version may not be enough.",
    )
