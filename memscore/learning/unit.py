"""Training of one unit of a study, a stack or a single trial, and recording of which samples it classifies correctly.

A unit is a function of (dataset, recipe, design, its trials, kind of device): it gives the same bits in
any order of execution and after any restart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import memscore
from memscore.errors import Diverged
from memscore.learning.correctness import margins, predictions
from memscore.learning.data import DeviceData
from memscore.learning.estimators import log_probabilities
from memscore.learning.single import single_logits, train_single
from memscore.learning.sketches import network_sketch, stack_sketch
from memscore.learning.stack import flattened, stack_logits, train_stack
from memscore.study.evidence import Outputs, Trial, pack_trial
from memscore.study.margins import encode
from memscore.study.sketches import SKETCHED, Sketch
from memscore.study.spec import BLOCK, ESTIMATOR, Design, EvidenceKind, Recipe
from memscore.study.subsets import Unit, unit_membership


def train_unit(
    data: DeviceData,
    recipe: Recipe,
    design: Design,
    unit: Unit,
    *,
    kind: EvidenceKind = "margins",
    probabilities: bool = False,
    signature: str | None = None,
) -> list[Trial]:
    """Train a unit's trials and return their evidence, with margins and predictions unless `kind` is "bits".

    The first full trials then also have sketches, if their network exposes a representation. True-class probabilities
    are added if requested. `signature` is the network's (`signature_of`), recorded with every trial. Raises Diverged if
    a loss or an output of a trained model is not finite, and InvalidInput if the recipe's network cannot be used for
    this dataset.
    """
    started = time.perf_counter()
    membership = unit_membership(design, len(data.y_train), unit)
    ranked = len(data.x_test) > 0 and len(data.shape) == 3  # sketches rank pairs of images
    sketched = kind == "margins" and ranked
    train_logits, test_logits, sketches = _train(data, recipe, design, unit, membership, sketched=sketched)
    for part, logits in (("training", train_logits), ("test", test_logits)):
        _require_finite(logits, part, unit, recipe)
    observed = [
        _observe(train_logits, data.y_train, kind, probabilities),
        _observe(test_logits, data.y_test, kind, probabilities),
    ]
    train, test = observed
    seconds = (time.perf_counter() - started) / len(unit.numbers)
    return [
        pack_trial(
            number,
            membership[k],
            train.correct[k],
            test.correct[k],
            train_probability=None if train.probability is None else train.probability[k],
            test_probability=None if test.probability is None else test.probability[k],
            train_outputs=train.outputs[k] if train.outputs else None,
            test_outputs=test.outputs[k] if test.outputs else None,
            device=device_name(data.device),
            code_version=memscore.__version__,
            seconds=seconds,
            network=signature,
            sketch=sketches[k],
        )
        for k, number in enumerate(unit.numbers)
    ]


def device_name(device: torch.device) -> str:
    """The device name recorded with trials: `cpu`, or the accelerator's model."""
    return torch.cuda.get_device_name(device)[:63] if device.type == "cuda" else device.type


def prepare(device: torch.device) -> None:
    """Make this process's arithmetic deterministic, and single-threaded on a CPU. Call once, before training."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(device.type == "cuda", warn_only=True)
    # Nothing here reads uninitialized memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue] -- not in its types


def _train(
    data: DeviceData, recipe: Recipe, design: Design, unit: Unit, membership: np.ndarray, *, sketched: bool
) -> tuple[Tensor, Tensor, list[Sketch | None]]:
    """Logits [k, n, classes] and [k, q, classes] of the unit's k trained models, and their sketches [k].

    Only the first full trials have sketches, and only if these are wanted.
    """
    first = unit.numbers[0]
    wanted = [sketched and unit.full and number < SKETCHED for number in unit.numbers]
    if recipe.network == ESTIMATOR:
        name = (design.seed, "full" if unit.full else "trial", first)
        train, test = _fitted(data, recipe, membership[0], name)
        return train, test, [None]
    if recipe.stacked:
        stack_name = (design.seed, "full", first) if unit.full else (design.seed, first // BLOCK)
        model = train_stack(data, recipe, membership, stack_name)
        sketches = [
            stack_sketch(model, place, data, unit.numbers[place]) if one else None for place, one in enumerate(wanted)
        ]
        return stack_logits(model, flattened(data.x_train)), stack_logits(model, flattened(data.x_test)), sketches
    name = (design.seed, "full" if unit.full else "trial", first)
    network = train_single(data, recipe, membership[0], name)
    train = single_logits(network, data.x_train)[None]
    test = single_logits(network, data.x_test)[None] if len(data.x_test) else train[:, :0]
    return train, test, [network_sketch(network, data, first) if wanted[0] else None]


def _fitted(
    data: DeviceData, recipe: Recipe, membership: np.ndarray, name: tuple[str | int, ...]
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [1, n, classes] and [1, q, classes] of an estimator fitted on the samples of membership [n]."""
    x_train, y_train, x_test = (one.cpu().numpy() for one in (data.x_train, data.y_train, data.x_test))
    found = log_probabilities(recipe, x_train, y_train, x_test, membership, data.classes, name)
    train, test = (torch.from_numpy(one).to(data.device)[None] for one in found)
    return train, test


def _require_finite(logits: Tensor, part: str, unit: Unit, recipe: Recipe) -> None:
    """Raise Diverged unless all logits [k, n, classes] of the unit's models are finite."""
    wrong = ~logits.isfinite().all(dim=2)
    if not wrong.any():
        return
    model = int(wrong.any(dim=1).nonzero()[0, 0])
    samples = wrong[model].nonzero().squeeze(1)
    advice = f"lower learning_rate (now {recipe.learning_rate:g})"
    if len(samples) < logits.shape[1]:
        advice += ", or fix the network if it divides by zero for some images"
    raise Diverged(
        f"the outputs of trial {unit.numbers[model]} are not finite for {len(samples)} of {logits.shape[1]} {part} "
        f"samples, the first at index {int(samples[0])}; {advice}"
    )


@dataclass(frozen=True)
class _Observed:
    """What k models say of n samples: correctness bool [k, n], probabilities uint8 [k, n], outputs [k] or none."""

    correct: np.ndarray
    probability: np.ndarray | None
    outputs: list[Outputs]


def _observe(logits: Tensor, labels: Tensor, kind: EvidenceKind, probabilities: bool) -> _Observed:
    """Observe logits [k, n, classes]: correctness with ties to the lowest class, the rest as requested.

    The true class's probability is times 255.
    """
    predicted = predictions(logits)
    correct = (predicted == labels).cpu().numpy()
    truth = labels.expand(len(logits), -1)[:, :, None]
    probability, outputs = None, []
    if probabilities:
        chosen = logits.softmax(2).gather(2, truth)[:, :, 0]
        probability = (chosen * 255).round().to(torch.uint8).cpu().numpy()
    if kind == "margins":
        wide = logits.shape[2] > 256
        classes, codes = predicted.cpu().numpy(), encode(margins(logits, labels).cpu().numpy(), correct)
        outputs = [Outputs(codes[k], classes[k], wide) for k in range(len(logits))]
    return _Observed(correct, probability, outputs)
