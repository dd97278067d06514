"""An evaluation from beginning to end: a network and a dataset go in, a table, findings and every sample come out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import memscore
from memscore.bits import Bools
from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData, pixels
from memscore.sets import Sets
from trainer.attacks import autoattack, crafting
from trainer.attacks.registry import AUTOATTACK
from trainer.evaluation.attempts import Attempts
from trainer.evaluation.config import EvaluationConfig, Split
from trainer.evaluation.findings import Finding
from trainer.evaluation.journal import Journal
from trainer.evaluation.lint import lint
from trainer.evaluation.masking import Probes, alarms
from trainer.evaluation.passes import OnProgress, counter
from trainer.evaluation.precision import full_precision
from trainer.evaluation.probing import probed
from trainer.evaluation.records import attacked, groups_of
from trainer.evaluation.representation import class_cosines
from trainer.evaluation.result import Evaluation
from trainer.evaluation.samples import Samples, known, unknown
from trainer.evaluation.subset import stratified
from trainer.evaluation.table import Row, rows_of

JOURNAL = "journal.jsonl"
LINTED = 200
"""Samples that the lint of the threat model looks at."""


def evaluate(
    network: nn.Module,
    data: DeviceData,
    config: EvaluationConfig,
    *,
    sets: Sets | None = None,
    mem: npt.NDArray[np.floating[Any]] | None = None,
    trained: Bools | None = None,
    fingerprint: str | None = None,
    folder: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Try a network on a dataset, in eval mode and single precision, leaving its modes, buffers and gradients alone.

    The network maps images [B, C, H, W] in [0, 1] to logits and is on the data's device. `sets` are the typical and
    atypical samples; without them training samples are told apart by `mem` float32 [n], and test samples are not.
    `trained` bool [n] says which training samples the network was trained on, as far as that is known. With a
    `folder`, what is found is kept in its journal, from which a killed evaluation goes on; nothing else is written.
    `fingerprint` is the dataset's, and is computed unless given. Raises InvalidInput, before any work, if sets or mem
    are of other samples than the data's, and MissingPackage where AutoAttack is asked for and not installed.
    """
    if AUTOATTACK in config.attacks:
        autoattack.require()
    _require_same_samples(data, sets, mem)
    meta = {
        **config.model_dump(mode="json"),
        "fingerprint": fingerprint or _fingerprint(data),
        "weights": digest(network),
        "device": torch.cuda.get_device_name(data.device) if data.device.type == "cuda" else "cpu",
        "versions": {"memscore": memscore.__version__, "torch": torch.__version__},
    }
    identity = {name: meta[name] for name in ("fingerprint", "weights", "device", "versions")}
    journal = Journal(None if folder is None else folder / JOURNAL, identity)
    in_training = network.training
    watched: Split = "test" if "test" in config.splits else config.splits[0]
    counts: dict[Split, int] = {split: len(_of(data, split)[1]) for split in config.splits}
    advance = counter(counts, watched, data.classes, config, on_progress)
    notes = _notes(sets, mem, trained if "train" in config.splits else None)
    with full_precision(), crafting(network):
        findings = _linted(network, data, config, watched, in_training)
        rows: list[Row] = []
        every: list[Samples] = []
        probes = Probes()
        for split in config.splits:
            images, labels = _of(data, split)
            attempts = Attempts(network, images, labels, data.classes, split, config, journal, advance)
            groups = groups_of(split, len(labels), config, sets, mem)
            groups["trained"] = (
                known(trained) if split == "train" and trained is not None else unknown(len(labels), np.bool_)
            )
            samples, found = attacked(attempts, mem if split == "train" else None, groups)
            every.append(samples)
            try:
                cosines = class_cosines(network, images, labels, data.classes, samples.groups(), config.batch_size)
            except InvalidInput as error:
                cosines = {}
                notes.append(f"no cosines of representations: {error}")
            rows += rows_of(samples, cosines)
            if split == watched:
                probes = probed(attempts, samples, found)
                findings += alarms(samples, probes)
    return Evaluation(meta, rows, findings, list(dict.fromkeys(notes)), probes, every)


def digest(network: nn.Module) -> str:
    """SHA-256 over the names and values of the state dict."""
    state = hashlib.sha256()
    for name, value in network.state_dict().items():
        state.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        state.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return state.hexdigest()


def _fingerprint(data: DeviceData) -> str:
    """That of the dataset that was copied to the device."""
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
            f"The scores are of other samples than the {train} training and {test} test samples of the data; use those "
            "that were made from it."
        )


def _notes(sets: Sets | None, mem: npt.NDArray[Any] | None, trained: Bools | None) -> list[str]:
    notes: list[str] = []
    if trained is not None and not trained.all():
        notes.append(f"the network was not trained on {(~trained).sum()} of the {len(trained)} training samples")
    if sets is None and mem is None:
        notes.append("no scores: typical and atypical samples are not told apart")
    elif sets is None:
        notes.append("no sets of test samples, which need pairs: only training samples are told apart, by mem")
    return notes


def _linted(
    network: nn.Module, data: DeviceData, config: EvaluationConfig, split: Split, in_training: bool
) -> list[Finding]:
    images, labels = _of(data, split)
    chosen = torch.from_numpy(stratified(labels.cpu().numpy(), LINTED, "lint", split)).to(data.device)
    return lint(network, pixels(images[chosen]), labels[chosen], data.classes, config, in_training)


def _of(data: DeviceData, split: Split) -> tuple[torch.Tensor, torch.Tensor]:
    return (data.x_train, data.y_train) if split == "train" else (data.x_test, data.y_test)
