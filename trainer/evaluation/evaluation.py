"""An evaluation from beginning to end: a network and a dataset go in, a table, findings and every sample come out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import memscore
from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData, pixels
from memscore.sets import Sets
from memscore.tables import is_atypical, is_typical
from trainer.attacks import autoattack, crafting
from trainer.attacks.registry import AUTOATTACK, iterative
from trainer.evaluation.attempts import Advance, Attempts
from trainer.evaluation.config import EvaluationConfig, Split
from trainer.evaluation.findings import Finding
from trainer.evaluation.journal import Journal
from trainer.evaluation.lint import lint
from trainer.evaluation.masking import Probes, alarms
from trainer.evaluation.precision import full_precision
from trainer.evaluation.representation import class_cosines
from trainer.evaluation.result import Evaluation
from trainer.evaluation.samples import CORRECT, WORST, Columns, Samples, known, scattered, unknown
from trainer.evaluation.subset import Indices, stratified
from trainer.evaluation.table import Row, rows_of

JOURNAL = "journal.jsonl"
LINTED = 200
"""Samples that the lint of the threat model looks at."""

SWEEP = iterative("pgd-50")

OnProgress = Callable[[int, int, str], None]
"""Told how much is done, of how much, and what: in passes over samples."""


def evaluate(
    network: nn.Module,
    data: DeviceData,
    config: EvaluationConfig,
    *,
    sets: Sets | None = None,
    mem: npt.NDArray[np.floating[Any]] | None = None,
    fingerprint: str | None = None,
    folder: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Try a network on a dataset, in eval mode and single precision, leaving its modes, buffers and gradients alone.

    The network maps images [B, C, H, W] in [0, 1] to logits and is on the data's device. `sets` are the typical and
    atypical samples; without them training samples are told apart by `mem` float32 [n], and test samples are not. With
    a `folder`, what is found is kept in its journal, from which a killed evaluation goes on; nothing else is written.
    Raises MissingPackage, before any work, where AutoAttack is asked for and not installed.
    """
    if AUTOATTACK in config.attacks:
        autoattack.require()
    meta = {
        **config.model_dump(mode="json"),
        "fingerprint": fingerprint,
        "weights": digest(network),
        "device": torch.cuda.get_device_name(data.device) if data.device.type == "cuda" else "cpu",
        "versions": {"memscore": memscore.__version__, "torch": torch.__version__},
    }
    identity = {name: meta[name] for name in ("fingerprint", "weights", "batch_size", "device", "versions")}
    journal = Journal(None if folder is None else folder / JOURNAL, identity)
    in_training = network.training
    watched: Split = "test" if "test" in config.splits else config.splits[0]
    advance = _counter(data, config, watched, on_progress)
    notes = _notes(sets, mem)
    with full_precision(), crafting(network):
        findings = _linted(network, data, config, watched, in_training)
        rows: list[Row] = []
        every: list[Samples] = []
        probes = Probes()
        for split in config.splits:
            images, labels = _of(data, split)
            attempts = Attempts(network, images, labels, data.classes, split, config, journal, advance)
            groups = _groups(split, len(labels), config, sets, mem)
            samples, found = _attacked(attempts, mem if split == "train" else None, groups)
            every.append(samples)
            try:
                cosines = class_cosines(network, images, labels, data.classes, samples.groups(), config.batch_size)
            except InvalidInput as error:
                cosines = {}
                notes.append(f"no cosines of representations: {error}")
            rows += rows_of(samples, cosines)
            if split == watched:
                probes = _probed(attempts, samples, found)
                findings += alarms(samples, probes)
    return Evaluation(meta, rows, findings, list(dict.fromkeys(notes)), probes, every)


def digest(network: nn.Module) -> str:
    """SHA-256 over the names and values of the state dict."""
    state = hashlib.sha256()
    for name, value in network.state_dict().items():
        state.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        state.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return state.hexdigest()


def _notes(sets: Sets | None, mem: npt.NDArray[Any] | None) -> list[str]:
    if sets is not None:
        return []
    if mem is None:
        return ["no scores: typical and atypical samples are not told apart"]
    return ["no sets of test samples, which need pairs: only training samples are told apart, by mem"]


def sweep_radii(epsilon: float) -> list[float]:
    """Epsilons of the sweep: half the radius, the radius, its doublings, and 1."""
    radii = [epsilon / 2 or 1 / 255]
    while 2 * radii[-1] < 1:
        radii.append(2 * radii[-1])
    return [*radii, 1.0]


def _linted(
    network: nn.Module, data: DeviceData, config: EvaluationConfig, split: Split, in_training: bool
) -> list[Finding]:
    images, labels = _of(data, split)
    chosen = torch.from_numpy(stratified(labels.cpu().numpy(), LINTED, "lint", split)).to(data.device)
    return lint(network, pixels(images[chosen]), labels[chosen], data.classes, config, in_training)


def _attacked(attempts: Attempts, mem: npt.NDArray[Any] | None, groups: Columns) -> tuple[Samples, Probes]:
    """The columns of a split, and what AutoAttack's parts left."""
    count, config = len(attempts.labels), attempts.config
    clean = attempts.clean()
    columns: Columns = {
        "label": known(attempts.labels.cpu().numpy()),
        "prediction": known(clean["prediction"]),
        "margin": known(clean["margin"]),
        "loss": known(clean["loss"]),
        "mem": unknown(count, np.float32) if mem is None else np.ma.masked_invalid(mem),
        **groups,
    }
    tried = {"clean": known(columns["prediction"].data == columns["label"].data)}
    columns |= {name: unknown(count, kind) for name, kind in PGD_COLUMNS.items()}
    probes = Probes()
    for name in config.attacks:
        if name == AUTOATTACK:
            chosen = stratified(_strata(columns), config.autoattack_samples, name, config.seed, attempts.split)
            parts, warnings = attempts.autoattack(chosen)
            probes = Probes(parts=parts, warnings=tuple(warnings))
            tried[name] = scattered(list(parts.values())[-1], chosen, count)
        elif name == "pgd":
            watched = attempts.watched(iterative(name))
            tried[name] = known(watched["survived"])
            columns |= _of_pgd(watched, columns, config)
        else:
            tried[name] = known(attempts.survived(iterative(name)))
    tried[WORST] = np.ma.masked_array(
        np.logical_and.reduce([column.filled(False) for column in tried.values()]),
        mask=np.logical_or.reduce([column.mask for column in tried.values()]),
    )
    columns |= {f"{CORRECT}{name}": column for name, column in tried.items()}
    return Samples(attempts.split, columns), probes


PGD_COLUMNS = {
    "pgd_prediction": np.int64,
    "pgd_margin": np.float32,
    "pgd_loss": np.float32,
    "poisoning_score": np.float32,
    "poisoning_class": np.int64,
    "poisoned": np.bool_,
    "weight": np.float64,
}


def _of_pgd(watched: dict[str, npt.NDArray[Any]], columns: Columns, config: EvaluationConfig) -> Columns:
    """Columns of the last iterate of PGD; weights as BAT would give them (paper, equation 5)."""
    mem = columns["mem"]
    wrong = watched["prediction"] != columns["label"].data
    poisoned = np.ma.masked_array(wrong & (mem.filled(-1) > config.sigma), mask=mem.mask)
    weight = np.where(poisoned.data, np.exp(-config.alpha * watched["poisoning_score"].astype(np.float64)), 1.0)
    return {
        "pgd_prediction": known(watched["prediction"]),
        "pgd_margin": known(watched["margin"]),
        "pgd_loss": known(watched["loss"]),
        "poisoning_score": known(watched["poisoning_score"]),
        "poisoning_class": known(watched["poisoning_class"]),
        "poisoned": poisoned,
        "weight": np.ma.masked_array(weight, mask=mem.mask),
    }


def _probed(attempts: Attempts, samples: Samples, probes: Probes) -> Probes:
    """What the alarms need beside the attacks, from a subset."""
    config = attempts.config
    if not config.alarm_samples:
        return probes
    chosen = stratified(_strata(samples.columns), config.alarm_samples, "alarms", config.seed, attempts.split)
    sweep = {
        epsilon: float(attempts.survived(SWEEP, chosen, epsilon).mean()) for epsilon in sweep_radii(config.epsilon)
    }
    right = samples[f"{CORRECT}clean"].data[chosen]
    zero = float(attempts.zero_gradients(chosen)[right].mean()) if right.any() else None
    return replace(probes, sweep=sweep, zero_gradients=zero)


def _strata(columns: Columns) -> Indices:
    """A number for each class and each of typical, atypical and neither."""
    kind = columns["typical"].filled(False) + 2 * columns["atypical"].filled(False)
    return columns["label"].data * 3 + kind


def _groups(split: Split, count: int, config: EvaluationConfig, sets: Sets | None, mem: Any) -> Columns:
    """The columns typical and atypical of a split."""
    if sets is not None:
        return {name: known(getattr(sets, f"{split}_{name}")) for name in ("typical", "atypical")}
    if split == "train" and mem is not None:
        return {
            "typical": known(is_typical(mem, config.typical)),
            "atypical": known(is_atypical(mem, config.atypical)),
        }
    return {name: unknown(count, np.bool_) for name in ("typical", "atypical")}


def _of(data: DeviceData, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return (data.x_train, data.y_train) if split == "train" else (data.x_test, data.y_test)


def _counter(data: DeviceData, config: EvaluationConfig, watched: Split, on_progress: OnProgress | None) -> Advance:
    """What counts the passes that are due, which attacks that end early are spared in part."""
    total = done = 0
    for split in config.splits:
        count = len(_of(data, split)[1])
        total += count
        for name in config.attacks:
            if name == AUTOATTACK:
                passes = sum(autoattack.PASSES[part] for part in autoattack.parts(data.classes))
                total += passes * min(count, config.autoattack_samples)
            else:
                total += iterative(name).passes * count
        if split == watched:
            probed = min(count, config.alarm_samples)
            total += probed * (1 + SWEEP.passes * len(sweep_radii(config.epsilon)))

    def advance(passes: int, what: str) -> None:
        nonlocal done
        done += passes
        if on_progress is not None:
            on_progress(min(done, total), total, what)

    return advance
