"""Corrupted test images: accuracies by corruption, severity and group, from files in CIFAR-C's layout."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from memscore.errors import InvalidInput
from memscore.learning.data import DeviceData
from memscore.learning.memory import Batches
from tests.command_line import refused
from tests.conftest import StoredStudy, make_dataset
from trainer.config import TrainConfig
from trainer.evaluation.corruptions import Corruptions, corrupted
from trainer.evaluation.journal import Journal
from trainer.run import train

DATASET = make_dataset()
Q = len(DATASET.y_test)


def folder_of(path: Path, **files: np.ndarray) -> Path:
    path.mkdir(exist_ok=True)
    np.save(path / "labels.npy", np.tile(DATASET.y_test, 5))
    for name, array in files.items():
        np.save(path / f"{name}.npy", array)
    return path


def noisy(seed: int) -> np.ndarray:
    """Test images [5 q, H, W, C] with ever more noise."""
    random = np.random.default_rng(seed)
    copies = [DATASET.x_test + random.normal(0, 30 * level, DATASET.x_test.shape) for level in range(1, 6)]
    return np.concatenate(copies).clip(0, 255).astype(np.uint8)


class Brightness(torch.nn.Module):
    """Predicts class 0 for images that are brighter than the threshold, otherwise class 1."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        level = images.mean(dim=(1, 2, 3)) - 0.5
        return torch.stack([level, -level, torch.full_like(level, -9)], dim=1)


def test_accuracies_follow_the_files_and_averages_count_samples_once(tmp_path: Path):
    folder = folder_of(tmp_path / "c", noise=noisy(0), fog=np.full_like(noisy(0), 200))
    corruptions = Corruptions.of(folder, DATASET.x_test, DATASET.y_test)
    data = DeviceData.of(DATASET, torch.device("cpu"))
    half = np.arange(Q) < Q // 2
    groups = {"all": np.ones(Q, np.bool_), "typical": half, "atypical": np.zeros(Q, np.bool_)}
    passes: list[int] = []
    with Journal(None, {}) as journal:
        rows = corrupted(
            Brightness(), corruptions, data.y_test, groups, journal, Batches(7), lambda count, _: passes.append(count)
        )
    assert sum(passes) == 2 * 5 * Q
    found = {(row.corruption, row.severity, row.group): row.accuracy for row in rows}
    assert len(found) == len(rows) == 3 * (1 + 2 * 6)
    of_class_0 = DATASET.y_test == 0
    assert found["fog", 3, "all"].share == pytest.approx(of_class_0.mean())
    assert found["fog", None, "typical"].share == pytest.approx(of_class_0[half].mean())
    bright = (noisy(0).mean(axis=(1, 2, 3)) / 255 - 0.5 > 0).reshape(5, Q)
    right = np.where(bright, DATASET.y_test == 0, DATASET.y_test == 1)
    assert found["noise", None, "all"].share == pytest.approx(right.mean())
    for severity in range(1, 6):
        assert found["noise", severity, "all"].share == pytest.approx(right[severity - 1].mean())
    every = np.concatenate([right, np.tile(of_class_0, (5, 1))]).mean(axis=0)
    mean = found["all", None, "all"]
    share, low, high = mean.known()
    assert share == pytest.approx(every.mean())
    assert high - low == pytest.approx(2 * 1.959964 * every.std(ddof=1) / np.sqrt(Q))
    assert found["noise", 1, "atypical"].share is None


@pytest.mark.databases("sqlite")
def test_the_command_prints_and_writes_them_and_resumes(memscore, stored_study: StoredStudy, tmp_path: Path):
    dataset = stored_study.dataset
    config = TrainConfig(method="erm", epochs=1, network_options={"width": 4}, evaluation_steps=1)
    train(dataset, "made-up", config, None, tmp_path / "run")
    dark, bright = (np.tile(dataset.x_test // 2 + more, (5, 1, 1, 1)) for more in (0, 99))
    folder = folder_of(tmp_path / "c", noise=dark, blur=bright)
    np.save(folder / "labels.npy", np.tile(dataset.y_test, 5))
    command = ("evaluate", str(tmp_path / "run/checkpoints/last"), "--attacks", "fgsm", "--alarm-samples", "0")
    outcome = memscore(*command, "--corruptions", str(folder))
    assert outcome.status == 0, outcome.err
    assert "Corrupted images: per cent correct over the five severities" in outcome.out
    written = tmp_path / "run/evaluation/last"
    rows = list(csv.DictReader((written / "corruptions.csv").read_text().splitlines()))
    assert [row["corruption"] for row in rows] == ["all"] + ["blur"] * 6 + ["noise"] * 6
    assert all(float(row["low"]) <= float(row["accuracy"]) <= float(row["high"]) for row in rows)
    assert len(json.loads((written / "table.json").read_text())["corruptions"]) == len(rows)
    before = (written / "journal.jsonl").read_text()
    assert memscore(*command, "--corruptions", str(folder)).status == 0
    assert (written / "journal.jsonl").read_text() == before
    assert memscore(*command).status == 0
    assert not (written / "corruptions.csv").exists()
    wrong = memscore(*command, "--corruptions", str(folder), "--splits", "train")
    refused(wrong, "Corrupted images are test images: evaluate test too")


def test_wrong_files_are_named(tmp_path: Path):
    def refusal(folder: Path) -> str:
        with pytest.raises(InvalidInput) as error:
            Corruptions.of(folder, DATASET.x_test, DATASET.y_test)
        return str(error.value).replace(str(tmp_path), "DIR")

    def folder(name: str, labels: Any = None, **files: np.ndarray) -> Path:
        made = folder_of(tmp_path / name, **files)
        if labels is not None:
            np.save(made / "labels.npy", labels)
        return made

    assert "There is no folder DIR/none" in refusal(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "There is no file DIR/empty/labels.npy" in refusal(tmp_path / "empty")
    assert "has no corrupted images" in refusal(folder("alone"))
    assert "does not have the labels of the 20 test samples" in refusal(
        folder("order", np.tile(DATASET.y_test[::-1], 5))
    )
    assert "does not have the labels" in refusal(folder("short", DATASET.y_test[:7]))
    fewer = refusal(folder("fewer", fog=noisy(0)[:Q]))
    assert f"fog.npy has uint8 [{Q}, 4, 4, 1] in place of uint8 [{5 * Q}, 4, 4, 1]" in fewer
    assert "has float64" in refusal(folder("floats", fog=noisy(0) / 255))
    torn = folder("torn")
    (torn / "fog.npy").write_bytes(b"not an array")
    assert "is not an array that numpy.save wrote" in refusal(torn)
    with pytest.raises(InvalidInput, match="--corruptions is for images"):
        Corruptions.of(torn, DATASET.x_test.reshape(Q, -1), DATASET.y_test)
