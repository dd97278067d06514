"""Training of one unit of a study, a stack or a single trial, and recording of which samples it classifies correctly.

A unit is a function of (dataset, recipe, design, its trials, kind of device): it gives the same bits in
any order of execution and after any restart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

import memscore
from memscore.arrays import Bools
from memscore.errors import Diverged
from memscore.learning.correctness import margins, predictions
from memscore.learning.data import DeviceData
from memscore.learning.estimators import log_probabilities
from memscore.learning.single import single_logits, train_single
from memscore.learning.sketches import network_sketch, stack_sketch
from memscore.learning.stack import Members, flattened, stack_logits, train_stacks
from memscore.study.evidence import Outputs, Trial, pack_trial
from memscore.study.margins import encode
from memscore.study.sketches import SKETCHED, Sketch
from memscore.study.spec import BLOCK, ESTIMATOR, Design, EvidenceKind, Recipe
from memscore.study.subsets import GPU_BLOCKS, Unit, unit_membership

LONGEST_NAME = 63
"""Characters of a device's name in evidence."""


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
    ranked = len(data.x_test) > 0 and len(data.shape) == 3  # sketches rank pairs of images
    sketched = kind == "margins" and ranked
    at_once = blocks_at_once(data.device) if recipe.stacked and not unit.full else 1
    device = device_name(data.device, f", stacks of {BLOCK * at_once}" if at_once > 1 else "")
    trials: list[Trial] = []
    for part in _trained(data, recipe, design, unit, sketched=sketched):
        for name, logits in (("training", part.train_logits), ("test", part.test_logits)):
            _require_finite(logits, name, part.unit, recipe)
        train = _observe(part.train_logits, data.y_train, kind, probabilities)
        test = _observe(part.test_logits, data.y_test, kind, probabilities)
        trials += [
            pack_trial(
                number,
                part.membership[k],
                train.correct[k],
                test.correct[k],
                train_probability=None if train.probability is None else train.probability[k],
                test_probability=None if test.probability is None else test.probability[k],
                train_outputs=train.outputs[k] if train.outputs else None,
                test_outputs=test.outputs[k] if test.outputs else None,
                device=device,
                code_version=memscore.__version__,
                seconds=0,
                network=signature,
                sketch=part.sketches[k],
            )
            for k, number in enumerate(part.unit.numbers)
        ]
    seconds = (time.perf_counter() - started) / len(trials)
    return [replace(trial, seconds=seconds) for trial in trials]


def blocks_at_once(device: torch.device) -> int:
    """How many blocks a device trains as one stack, filled up where there are fewer; evidence says so if several.

    Kernels, and so the rounding of results, depend on the size of a stack, but not on what else is in it.
    """
    return GPU_BLOCKS if device.type == "cuda" else 1


def device_name(device: torch.device, how: str = "") -> str:
    """The device name recorded with trials: `cpu`, or the accelerator's model, and `how` it trained them."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return name[: LONGEST_NAME - len(how)] + how


def prepare(device: torch.device) -> None:
    """Make this process's arithmetic deterministic, and single-threaded on a CPU. Call once, before training."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.use_deterministic_algorithms(device.type == "cuda", warn_only=True)
    # Nothing here reads uninitialized memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue] -- not in its types


@dataclass(frozen=True)
class _Trained:
    """What the k models of a block, or of full trials, say: logits [k, n, classes] and [k, q, classes], sketches [k].

    unit: their trials; membership: bool [k, n]. Only the first full trials have sketches, and only if these are wanted.
    """

    unit: Unit
    membership: Bools
    train_logits: Tensor
    test_logits: Tensor
    sketches: list[Sketch | None]


def _trained(data: DeviceData, recipe: Recipe, design: Design, unit: Unit, *, sketched: bool) -> Iterator[_Trained]:
    """Train a unit; its blocks, as many at once as the device trains, come one by one."""
    first = unit.numbers[0]
    wanted = [sketched and unit.full and number < SKETCHED for number in unit.numbers]
    if recipe.stacked:
        blocks, slots = unit.blocks, 1 if unit.full else blocks_at_once(data.device)
        for start in range(0, len(blocks), slots):
            some = blocks[start : start + slots]
            stacks = train_stacks(data, recipe, [_members(data, design, one) for one in some], slots)
            for block, stack in zip(some, stacks, strict=True):
                yield _Trained(
                    block,
                    unit_membership(design, len(data.y_train), block),
                    stack_logits(stack, flattened(data.x_train)),
                    stack_logits(stack, flattened(data.x_test)),
                    [stack_sketch(stack, k, data, block.numbers[k]) if one else None for k, one in enumerate(wanted)]
                    if unit.full
                    else [None] * len(block.numbers),
                )
        return
    membership = unit_membership(design, len(data.y_train), unit)
    name = (design.seed, "full" if unit.full else "trial", first)
    if recipe.network == ESTIMATOR:
        yield _Trained(unit, membership, *_fitted(data, recipe, membership[0], name), [None])
        return
    network = train_single(data, recipe, membership[0], name)
    train = single_logits(network, data.x_train)[None]
    test = single_logits(network, data.x_test)[None] if len(data.x_test) else train[:, :0]
    yield _Trained(unit, membership, train, test, [network_sketch(network, data, first) if wanted[0] else None])


def _members(data: DeviceData, design: Design, block: Unit) -> Members:
    """The subsets and the name of a block, or of full trials."""
    first = block.numbers[0]
    name = (design.seed, "full", first) if block.full else (design.seed, first // BLOCK)
    return Members(unit_membership(design, len(data.y_train), block), name)


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
