"""Studies whose scores are as a test wants them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from memscore.arrays import Images
from memscore.datasets.dataset import build_dataset
from memscore.messages.studies import StudyMessage
from memscore.scores.sets import split
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.study.spec import Recipe
from trainer.experiments.artifact import Artifact
from trainer.experiments.catalogue import ITEMS
from trainer.experiments.inputs import Panel, StudyMaterial
from trainer.experiments.scales import CIFAR100, RESNET18, setting

META = {"study": "0" * 16, "trials": 1000, "fingerprint": "f" * 64, "floor": 0.02}

Pair = tuple[int, int, float, float]
"""Training sample, test sample, infl and q-value."""


def noise(count: int, seed: int) -> Images:
    """Images of which none is like another."""
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 1), np.uint8)


def like(images: Images, seed: int) -> Images:
    """Images that are nearly the same."""
    changed = images.astype(np.int64) + np.random.default_rng(seed).integers(-20, 21, images.shape)
    return changed.clip(0, 255).astype(np.uint8)


def study(
    mem: Any,
    *,
    labels: Any = None,
    images: Images | None = None,
    test_images: Images | None = None,
    test_labels: Any = None,
    test_p: Any = 1.0,
    pairs: Sequence[Pair] = (),
    trials: int = 1000,
) -> StudyMaterial:
    """A study of training samples with these values of mem; of noise in two classes, unless given."""
    mem = np.asarray(mem, np.float32)
    count = len(mem)
    labels = np.arange(count) % 2 if labels is None else np.asarray(labels)
    images = noise(count, 1) if images is None else images
    test_images = noise(2, 2) if test_images is None else test_images
    test_labels = np.arange(len(test_images)) % 2 if test_labels is None else np.asarray(test_labels)
    dataset = build_dataset(images, labels, test_images, test_labels, source="synthetic")
    n_test = len(test_labels)
    unknown = {
        name: np.full(n_test if name.startswith("test_") else count, np.nan, dtype if dtype[1] == "f" else "<f4")
        for name, dtype in ScoreTable.dtypes.items()
        if name not in ScoreTable.optional
    }
    known = {
        "mem": mem,
        "label": labels,
        "test_label": test_labels,
        "test_p": np.broadcast_to(test_p, n_test),
        "n_in": np.full(count, 700),
        "n_out": np.full(count, 300),
        "test_infl_index": np.full(n_test, -1),
        "se": np.full(count, 0.02),
    }
    scores = ScoreTable.of({**unknown, **known}, META)
    train, test, infl, q = np.array(pairs, np.float64).reshape(-1, 4).T
    columns = {"train_index": train, "test_index": test, "infl": infl, "q_value": q}
    table = PairsTable.of({**columns, "se": np.zeros(len(infl)), "mem": mem[train.astype(int)]}, META)
    recipe = Recipe(network="mlp", hidden=(8,), epochs=1, batch_size=8, learning_rate=0.1)
    message = StudyMessage(
        id="0" * 16,
        name="synthetic",
        dataset="fashion-5",
        fingerprint=dataset.fingerprint,
        recipe=recipe,
        recipe_name=None,
        design=None,
        trials=trials,
        table=None,
    )
    return StudyMaterial(message, dataset, scores, table, split(scores, table))


def made(name: str, study: StudyMaterial, runs: Path = Path(), dataset: str | None = None) -> Artifact:
    """An item of this study alone."""
    one = setting("mini", CIFAR100, RESNET18, own_dataset=dataset)
    return ITEMS[name].make([Panel(one, study, runs, (0,))])


def words(artifact: Artifact) -> list[str]:
    """Its verdicts, in their order."""
    return [one.verdict for one in artifact.verdicts]
