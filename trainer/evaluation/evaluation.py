"""A whole evaluation: from a network and a dataset to a table, findings and the results of every sample."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import memscore
from memscore.arrays import Bools
from memscore.counted import counted
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData, pixels
from memscore.learning.memory import Batches
from memscore.runs.sample_records import SampleRecords, known, unknown
from memscore.scores.sets import Sets
from trainer.attacks import autoattack, crafting
from trainer.attacks.registry import AUTOATTACK, TRANSFER, AttackInParts, every
from trainer.evaluation.config import EvaluationConfig, Split
from trainer.evaluation.control import compared, controls_of
from trainer.evaluation.corruptions import SEVERITIES, CorruptionRow, Corruptions, corrupted
from trainer.evaluation.findings import EvaluationFinding
from trainer.evaluation.identity import behaviour, digest
from trainer.evaluation.journal import Journal
from trainer.evaluation.lint import finite_outputs, lint
from trainer.evaluation.masking import Probes, alarms
from trainer.evaluation.passes import OnProgress, counter
from trainer.evaluation.precision import full_precision
from trainer.evaluation.probing import probed, widest
from trainer.evaluation.representation import class_cosines
from trainer.evaluation.result import Evaluation
from trainer.evaluation.sample_outcomes import attacked, groups_of
from trainer.evaluation.split_attacks import Attempts
from trainer.evaluation.subset import stratified
from trainer.evaluation.table import Row, rows_of

JOURNAL = "journal.jsonl"
LINTED = 200
"""Number of samples for the threat-model checks."""


def evaluate(
    network: nn.Module,
    data: DeviceData,
    config: EvaluationConfig,
    *,
    sets: Sets | None = None,
    mem: npt.NDArray[np.floating[Any]] | None = None,
    test_p: npt.NDArray[Any] | None = None,
    trained: Bools | None = None,
    fingerprint: str | None = None,
    folder: Path | None = None,
    source: nn.Module | None = None,
    corruptions: Corruptions | None = None,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Evaluation:
    """Evaluate a network on a dataset, in eval mode and single precision, leaving modes, buffers and gradients intact.

    The network maps images [B, C, H, W] in [0, 1] to logits and is on the data's device. `sets` are the typical and
    atypical samples; without them, `mem` float32 [n] separates the training samples, and test samples stay together.
    `test_p` float [q], the share of the scores' trials that classify each test sample correctly, gives atypical test
    samples a control group as hard as they are. `trained` bool [n] marks the training samples that the network was
    trained on, if known. `source` is the network, on the same device, that the attack `transfer` is crafted on.
    `corruptions` are tried too, on all test samples and their groups. With a
    `folder`, results are kept in its journal, from which a killed evaluation resumes; nothing else is written. A
    journal of another network, even one with the same weights, is started over, and `on_note` receives the reason.
    `fingerprint` is the dataset's, computed unless given. Raises InvalidInput, before any work, if sets or mem do not
    match the data's samples or an attack cannot be run, MissingPackage if AutoAttack is requested but not installed,
    and Conflict if another command is evaluating in the folder.
    """
    _require_attacks(config, data.classes, source)
    if corruptions is not None and "test" not in config.splits:
        raise InvalidInput("Corrupted images are test images: evaluate test too, or leave out --corruptions.")
    _require_same_samples(data, sets, mem)
    in_training = network.training
    with full_precision(), crafting(network), nullcontext() if source is None else crafting(source):
        meta = {
            **config.model_dump(mode="json"),
            "fingerprint": fingerprint or _fingerprint(data),
            "weights": digest(network),
            "behaviour": behaviour(network, data.x_test),
            "device": torch.cuda.get_device_name(data.device) if data.device.type == "cuda" else "cpu",
            "versions": _versions(),
            **({} if source is None else {"source": digest(source)}),
        }
        identity = {name: meta[name] for name in ("fingerprint", "weights", "behaviour", "device", "versions")}
        with Journal(None if folder is None else folder / JOURNAL, identity) as journal:
            if journal.differing and on_note is not None:
                on_note(_started_over(journal.differing, folder))
            watched: Split = "test" if "test" in config.splits else config.splits[0]
            counts: dict[Split, int] = {split: len(_of(data, split)[1]) for split in config.splits}
            reach = widest(config.norm, data.x_test)
            advance = counter(counts, watched, data.classes, reach, config, on_progress, _images(corruptions))
            notes = _notes(sets, mem, trained if "train" in config.splits else None)
            memory = Batches(config.batch_size)
            findings = _linted(network, data, config, watched, in_training, memory)
            rows: list[Row] = []
            records: list[SampleRecords] = []
            probes = Probes()
            for split in config.splits:
                images, labels = _of(data, split)
                attempts = Attempts(
                    network, images, labels, data.classes, split, config, journal, advance, memory, source
                )
                groups = groups_of(split, len(labels), config, sets, mem)
                groups["trained"] = (
                    known(trained) if split == "train" and trained is not None else unknown(len(labels), np.bool_)
                )
                groups |= controls_of(split, len(labels), sets, test_p)
                samples, found = attacked(attempts, mem if split == "train" else None, groups)
                records.append(samples)
                try:
                    cosines = class_cosines(network, images, labels, data.classes, samples.groups(), memory)
                except InvalidInput as error:
                    cosines = {}
                    notes.append(f"no cosines of representations: {error}")
                rows += rows_of(samples, cosines)
                notes += compared(samples)
                if split == watched:
                    probes = probed(attempts, samples, found)
                    findings += alarms(samples, probes)
            findings += [finite_outputs(samples) for samples in records]
            tried: list[CorruptionRow] = []
            if corruptions is not None:
                known_groups = next(samples.groups() for samples in records if samples.split == "test")
                tried = corrupted(network, corruptions, data.y_test, known_groups, journal, memory, advance)
    if memory.halved:
        notes.append(f"batches of {memory.asked} did not fit in memory; used batches of {memory.size}")
    return Evaluation(meta, rows, findings, list(dict.fromkeys(notes)), probes, records, tried)


def _images(corruptions: Corruptions | None) -> int:
    return 0 if corruptions is None else SEVERITIES * corruptions.samples * len(corruptions.files)


def _require_attacks(config: EvaluationConfig, classes: int, source: nn.Module | None) -> None:
    """Raise InvalidInput or MissingPackage if an attack cannot be run."""
    parts = [part for attack in every(config.attacks) if isinstance(attack, AttackInParts) for part in attack.parts]
    if AUTOATTACK in config.attacks or parts:
        autoattack.require()
    for part in parts:
        autoattack.require_classes(part, classes)
    if TRANSFER in config.attacks and source is None:
        raise InvalidInput("The attack transfer needs the network to craft on; name it with --transfer-from.")


def _started_over(differing: list[str], folder: Path | None) -> str:
    """A sentence on why earlier results cannot be used."""
    if "weights" in differing:
        of = "other weights"
    elif "behaviour" in differing:
        of = "a network with the same weights but other code"
    else:
        of = f"another {' and another '.join(differing)}"
    return f"the results in {folder} come from {of}; evaluating from the start"


def _versions() -> dict[str, str]:
    """Versions of the packages whose code determines the results of attacks."""
    found = {"memscore": memscore.__version__, "torch": torch.__version__}
    with suppress(metadata.PackageNotFoundError):
        found["pyautoattack"] = metadata.version("pyautoattack")
    return found


def _fingerprint(data: DeviceData) -> str:
    """The fingerprint of the dataset that was copied to the device."""
    (x_train, y_train), (x_test, y_test) = (
        (images.cpu().numpy(), labels.cpu().numpy().astype(np.int32))
        for images, labels in (_of(data, "train"), _of(data, "test"))
    )
    return Dataset(x_train, y_train, x_test, y_test, (), "a device").fingerprint


def _require_same_samples(data: DeviceData, sets: Sets | None, mem: npt.NDArray[Any] | None) -> None:
    train, test = len(data.y_train), len(data.y_test)
    fits = mem is None or len(mem) == train
    if sets is not None:
        fits = fits and len(sets.train_atypical) == train and len(sets.test_atypical) == test
    if not fits:
        raise InvalidInput(
            f"The scores do not match the {train} training and {counted(test, 'test sample')} of the data; use scores "
            "that were made from it."
        )


def _notes(sets: Sets | None, mem: npt.NDArray[Any] | None, trained: Bools | None) -> list[str]:
    notes: list[str] = []
    if trained is not None and not trained.all():
        notes.append(
            f"the network was not trained on {(~trained).sum()} of the {counted(len(trained), 'training sample')}"
        )
    if sets is None and mem is None:
        notes.append("no scores: typical and atypical samples are not separated")
    elif sets is None:
        notes.append("no sets of test samples, which need pairs: only training samples are separated, by mem")
    return notes


def _linted(
    network: nn.Module, data: DeviceData, config: EvaluationConfig, split: Split, in_training: bool, memory: Batches
) -> list[EvaluationFinding]:
    images, labels = _of(data, split)

    def some(count: int) -> list[EvaluationFinding]:
        chosen = torch.from_numpy(stratified(labels.cpu().numpy(), count, "lint", split)).to(data.device)
        return lint(network, pixels(images[chosen]), labels[chosen], data.classes, config, in_training)

    return memory.first(LINTED, some)


def _of(data: DeviceData, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return (data.x_train, data.y_train) if split == "train" else (data.x_test, data.y_test)
