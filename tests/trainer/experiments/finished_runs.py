"""Finished runs with accuracies that are known: what an item is made from, without training anything."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from memscore.messages.studies import StudyMessage
from memscore.runs.layout import ATTACKED, CURVE, EVALUATIONS, FINISHED, TABLE_JSON
from memscore.runs.sample_records import CORRECT, SampleRecords, known, scattered, write_samples
from memscore.scores.sets import Sets, Thresholds
from trainer.evaluation.result import SAMPLES
from trainer.experiments.artifact import Artifact
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.inputs import Finished, Panel, StudyMaterial
from trainer.experiments.run import attacks_tried
from trainer.experiments.scales import CIFAR100, RESNET18, setting
from trainer.experiments.setting import Setting

CLASSES = 3
SIZES = {"train": 500, "test": 1200}
GROUPS = ("atypical", "typical", "other")
SUBSET = 300
"""Test samples that AutoAttack tries."""

Share = Callable[[str, str, str, int], float]
"""Accuracy of a split ("train"), a group of GROUPS, an attack ("clean", "pgd") and an epoch."""


def groups(split: str) -> dict[str, Any]:
    """Masks of the groups, bool [n]: 40 % atypical, 40 % typical."""
    place = np.arange(SIZES[split]) % 5
    return {"atypical": place < 2, "typical": (place >= 2) & (place < 4), "other": place == 4}


def study(trials: int = 300, *, atypical: bool = True) -> StudyMaterial:
    """A study of these samples; without `atypical` none of the test samples is."""
    message = StudyMessage(
        id="0" * 16,
        name="a-study",
        dataset="fashion-5",
        fingerprint="f" * 64,
        recipe=None,
        recipe_name=None,
        design=None,
        trials=trials,
        table=None,
    )
    train, test = groups("train"), groups("test")
    sets = Sets(train["atypical"], train["typical"], test["atypical"] & atypical, test["typical"], Thresholds())
    held_out = np.where(np.arange(SIZES["test"]) % 10 == 4, 0.3, np.where(test["atypical"], 0.28, 0.9))
    scores: Any = {"test_p": held_out.astype(np.float32)}  # every second sample of the others is as hard
    dataset: Any = SimpleNamespace(classes=CLASSES)
    pairs: Any = None
    return StudyMaterial(message, dataset, scores, pairs, sets)


@dataclass(frozen=True)
class Bench:
    """Panels of an item in a folder, whose runs are written as if they had been trained."""

    folder: Path
    seeds: Sequence[int] = (0, 1, 2)
    study: StudyMaterial = field(default_factory=study)

    def panel(self, one: Setting | None = None) -> Panel:
        """That of a setting; of the stand-in for CIFAR-100 unless given. Epochs 10, 20 and 30 are kept."""
        chosen = one or setting("mini", CIFAR100, RESNET18)
        chosen = replace(chosen, along=10, fields={**chosen.fields, "epochs": 30})
        return Panel(chosen, self.study, self.folder / chosen.model, self.seeds)

    def make(self, name: str, *settings: Setting) -> Artifact:
        """An item from what was written."""
        panels = [self.panel(one) for one in settings] or [self.panel()]
        return ITEMS[name].make(panels)


def finish(run: Finished, share: Share, *, distance: float | Callable[[str, int], float] = 0.5) -> None:
    """Write the files of a finished run, with accuracies of `share`, drawn separately for each seed.

    distance: of the typical samples' representations, also by split and epoch.
    """
    config = run.run.config()
    seed = config.seed
    along = range(config.keep_every, config.epochs + 1, config.keep_every) if config.keep_every else ()
    homes = {run.folder / CURVE / f"epoch-{epoch:05d}" / EVALUATIONS: epoch for epoch in along}
    for epoch in along:
        _write_json(run.folder / CURVE / f"epoch-{epoch:05d}" / "run.json", {"config": {}, "epoch": epoch})
    homes |= {run.folder / EVALUATIONS / name: config.epochs for name in ("last", *run.run.attacked)}
    for home, epoch in homes.items():
        tried = [_samples(split, share, seed, epoch, ("clean", "pgd")) for split in SIZES]
        _write_samples(home, tried)
        far = {split: distance(split, epoch) if callable(distance) else distance for split in SIZES}
        _write_json(home / TABLE_JSON, {"rows": [_row(split, far[split] + 0.001 * seed) for split in SIZES]})
    for name in run.run.attacked:
        attacks = ("clean", *attacks_tried(CLASSES))
        _write_samples(run.folder / ATTACKED / name, [_samples("test", share, seed, config.epochs, attacks)])
    _write_json(run.folder / FINISHED, {"checkpoints": ["last"]})


def verdicts(artifact: Artifact) -> dict[str, str]:
    """What each finding came to."""
    return {one.finding: one.verdict for one in artifact.verdicts}


def drawn(artifact: Artifact) -> None:
    """Lay its figures out, which fails for what cannot be drawn."""
    for figure in artifact.figures.values():
        figure.draw_without_rendering()


def _samples(split: str, share: Share, seed: int, epoch: int, attacks: Sequence[str]) -> SampleRecords:
    """Samples have a difficulty of their own, so that runs agree on most of them, as real ones do."""
    count = SIZES[split]
    difficulty = np.random.default_rng(zlib.crc32(split.encode())).random(count)
    columns: dict[str, Any] = {"label": known(np.zeros(count, np.int32))}
    for attack in attacks:
        drawn = np.random.default_rng(zlib.crc32(f"{split} {attack} {seed} {epoch}".encode()))
        hard = np.where(drawn.random(count) < 0.05, drawn.random(count), difficulty)
        least = np.zeros(count)
        for group, mask in groups(split).items():
            least[mask] = share(split, group, attack, epoch)
        right = hard < least
        if attack == "autoattack":
            places = np.arange(0, count, count // SUBSET)
            columns[f"{CORRECT}{attack}"] = scattered(right[places], places, count)
        else:
            columns[f"{CORRECT}{attack}"] = known(right)
    columns["trained"] = known(np.arange(count) % 10 != seed if split == "train" else np.zeros(count, np.bool_))
    return SampleRecords(split, columns)


def _row(split: str, distance: float) -> dict[str, Any]:
    empty = {"count": 1, "accuracy": {}, "poisoned": None, "poisoning_score": None}
    return {"split": split, "group": "typical", "cosine": 1 - distance, "cosine_distance": distance, **empty}


def _write_samples(home: Path, samples: list[SampleRecords]) -> None:
    home.mkdir(parents=True, exist_ok=True)
    write_samples(home / SAMPLES, samples, {})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
