"""Check the threat model and the network for likely mistakes, without an attack."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from memscore.runs.sample_records import SampleRecords
from trainer.attacks import autoattack
from trainer.attacks.registry import AUTOATTACK, AttackInParts, every
from trainer.attacks.survival import correct
from trainer.evaluation.config import EvaluationConfig
from trainer.evaluation.findings import EvaluationFinding, Level, graded

COMMON_RADII = (1, 2, 4, 8, 16)
"""Numerators of the radii common in papers, such as 8/255."""


def lint(
    network: nn.Module, images: Tensor, labels: Tensor, classes: int, config: EvaluationConfig, in_training: bool
) -> list[EvaluationFinding]:
    """Findings on the threat model and the network, from images [B, C, H, W] in [0, 1] with labels int64 [B].

    The network is in eval mode; `in_training` is whether the caller passed it in training mode.
    """
    with torch.no_grad():
        logits = network(images)
    return [
        _radius(config),
        *_reach(config),
        _pixel_range(network, images, labels),
        _logits(logits),
        *_targets(classes, config),
        _randomness(network, images, logits),
        _independence(network, images, logits),
        _mode(in_training),
        _precision(network),
    ]


def near_common(epsilon: float) -> str | None:
    """How far a radius is from a common one that it nearly equals, as in "1.2 % off 8/255"; None if it is not close."""
    nearest = min(COMMON_RADII, key=lambda k: abs(epsilon - k / 255))
    off = abs(epsilon * 255 / nearest - 1)
    return f"{100 * off:.1f} % off {nearest}/255" if 1e-4 < off < 0.05 else None


def _radius(config: EvaluationConfig) -> EvaluationFinding:
    epsilon = config.epsilon
    if config.norm == "l2":
        meaning = "An l2 ball is another threat model than an l_inf one: accuracies in one do not apply to the other."
        return EvaluationFinding("epsilon", "green", f"l2 epsilon {epsilon:.6g}", meaning)
    near = near_common(epsilon)
    return EvaluationFinding(
        "epsilon",
        "amber" if near else "green",
        f"epsilon {epsilon:.6g}" + (f" is {near}" if near else ""),
        "0.031 and 8/255 are different threat models: accuracies at one do not apply to the other.",
    )


def _reach(config: EvaluationConfig) -> list[EvaluationFinding]:
    findings: list[EvaluationFinding] = []
    for attack in every(config.attacks):
        if isinstance(attack, AttackInParts):
            continue
        reach = attack.steps / attack.divisor
        findings.append(
            EvaluationFinding(
                f"reach of {attack.name}",
                "red" if reach < 1 else "green",
                f"{attack.steps} steps of epsilon / {attack.divisor:g} cover {reach:g} epsilon",
                "If all steps together are shorter than epsilon, the attack cannot reach the edge of the ball.",
            )
        )
    return findings


def _pixel_range(network: nn.Module, images: Tensor, labels: Tensor) -> EvaluationFinding:
    """Whether the network is more accurate on images in another range, such as normalized ones."""
    dimensions = (0, 2, 3)
    mean = images.mean(dimensions, keepdim=True)
    spread = images.std(dimensions, keepdim=True).clamp_min(1e-6)
    views: dict[str, Callable[[Tensor], Tensor]] = {
        "normalized images": lambda batch: (batch - mean) / spread,
        "images in [-1, 1]": lambda batch: 2 * batch - 1,
        "images in [0, 255]": lambda batch: 255 * batch,
    }
    plain = correct(network, images, labels).float().mean().item()
    other = {name: correct(network, view(images), labels).float().mean().item() for name, view in views.items()}
    best = max(other, key=lambda name: other[name])
    return graded(
        "pixel range",
        other[best] - plain,
        0.05,
        0.15,
        f"accuracy {100 * plain:.1f} % on images in [0, 1], {100 * other[best]:.1f} % on {best}",
        "Attacks work in [0, 1]. A network that is more accurate in another range was trained on it: move that "
        "normalization into the network, once.",
    )


def _logits(logits: Tensor) -> EvaluationFinding:
    probabilities = bool((logits >= 0).all() and ((logits.sum(dim=1) - 1).abs() < 1e-4).all())
    finite = bool(logits.isfinite().all())
    found = f"outputs from {logits.min():.3g} to {logits.max():.3g}"
    if probabilities or not finite:
        found = "the outputs are probabilities" if probabilities else "some outputs are not finite"
    meaning = "Cross-entropy of probabilities has vanishing gradients: remove the network's final softmax."
    if not finite:
        meaning = "The network divides by 0 for some images, or its weights are corrupt."
    return EvaluationFinding("logits", "green" if finite and not probabilities else "red", found, meaning)


def finite_outputs(samples: SampleRecords) -> EvaluationFinding:
    """Whether the outputs for all clean samples of a split are finite; a sample without counts as wrong everywhere."""
    places = (samples["prediction"].data < 0).nonzero()[0]
    broken, found = len(places), "all are finite"
    if broken:
        found = f"outputs for {broken} of {len(samples)} {samples.split} samples are not finite, first {places[0]}"
    return EvaluationFinding(
        f"finite outputs, {samples.split}",
        "red" if broken else "green",
        found,
        "A sample whose outputs are not finite counts as wrong, clean and under every attack.",
    )


def _targets(classes: int, config: EvaluationConfig) -> list[EvaluationFinding]:
    if AUTOATTACK not in config.attacks:
        return []
    used, targets = autoattack.parts(classes), min(autoattack.MOST_TARGETS, classes - 1)
    return [
        EvaluationFinding(
            "targets",
            "green" if "apgd-t" in used else "amber",
            f"{classes} classes: {', '.join(used)}; {targets} target classes",
            "With fewer than 4 classes, AutoAttack's targeted loss is not defined; with fewer than 10, all other "
            "classes are targets.",
        )
    ]


def _randomness(network: nn.Module, images: Tensor, logits: Tensor) -> EvaluationFinding:
    with torch.no_grad():
        change = _change(network(images), logits)
    return graded(
        "randomness",
        change,
        1e-5,
        1e-3,
        _differing("of two passes over the same images", change),
        "A network that is random in eval mode evades attacks that sample it only once.",
    )


def _independence(network: nn.Module, images: Tensor, logits: Tensor) -> EvaluationFinding:
    alone = images[:4]
    with torch.no_grad():
        single = torch.cat([network(image[None]) for image in alone])
    change = _change(single, logits[: len(alone)])
    return graded(
        "independence",
        change,
        1e-3,
        1e-2,
        _differing("of an image by itself and in a batch", change),
        "If they differ, layers use batch statistics, as in training: an image's result depends on the rest of the "
        "batch.",
    )


def _differing(which: str, change: float) -> str:
    if change != change:
        return f"logits {which} cannot be compared: some are not finite"
    return f"logits {which} differ by {change:.3g} of their range"


def _change(one: Tensor, other: Tensor) -> float:
    """The largest difference of logits, as a share of the largest logit."""
    return ((one - other).abs().max() / other.abs().max().clamp_min(1e-6)).item()


def _mode(in_training: bool) -> EvaluationFinding:
    return EvaluationFinding(
        "mode",
        "amber" if in_training else "green",
        "passed in training mode; evaluated in eval mode" if in_training else "eval mode",
        "In training mode, BatchNorm and dropout behave differently from the deployed network.",
    )


def _precision(network: nn.Module) -> EvaluationFinding:
    kinds = {str(one.dtype).removeprefix("torch.") for one in network.parameters()}
    level: Level = "green" if kinds <= {"float32", "float64"} else "red"
    return EvaluationFinding(
        "precision",
        level,
        f"parameters {', '.join(sorted(kinds)) or 'none'}",
        "Half precision rounds small gradients to 0: evaluate in float32.",
    )
