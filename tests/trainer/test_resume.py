"""A run that is interrupted anywhere, in any way, ends as one that never was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from memscore.datasets.dataset import Dataset
from memscore.errors import Damaged
from tests.conftest import make_dataset
from tests.trainer.stops import After
from trainer import loop
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.folder import RunFolder
from trainer.learner import Learner
from trainer.loop import Loop
from trainer.metrics import read_metrics
from trainer.network import initial_network
from trainer.stopping import Stop

CPU = torch.device("cpu")
BASE = TrainConfig(
    method="pgd",
    epochs=3,
    batch_size=16,
    attack_steps=2,
    evaluation_steps=2,
    network_options={"width": 4},
    crop=1,
    flip=True,
)
EVERYTHING = BASE.model_copy(
    update={
        "method": "bat",
        "averaging": 0.9,
        "weight_perturbation": 0.01,
        "perturbation_warmup": 0.3,
        "select_on": "both",
    }
)


def attempt(dataset: Dataset, config: TrainConfig, folder: Path, stop: Stop) -> bool:
    """One process's worth of training: everything is rebuilt, as after a kill."""
    mem = np.linspace(0, 1, len(dataset.y_train), dtype=np.float32)
    data = TrainingData(dataset, mem, config, CPU)
    kept = RunFolder(folder)
    kept.begin(config)
    return Loop(Learner(initial_network(dataset, config, CPU), config), data, kept).run(stop)


def outcome(folder: Path) -> tuple[list[dict[str, Any]], dict[str, dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    """All that a run left, but for what its clock says."""
    records = read_metrics(folder)
    for record in records:
        record.get("cost", {}).pop("seconds", None)
        record.get("cost", {}).pop("peak_memory", None)
    weights = {
        path.parent.name: load_file(path) for path in sorted((folder / "checkpoints").glob("*/weights.safetensors"))
    }
    return records, weights, load_file(folder / "epoch.safetensors")


def require_equal(one: Path, other: Path) -> None:
    (records, weights, state), (others, other_weights, other_state) = outcome(one), outcome(other)
    assert records == others
    assert weights.keys() == other_weights.keys()
    for name in weights:
        assert all(torch.equal(weights[name][key], other_weights[name][key]) for key in weights[name]), name
    assert state.keys() == other_state.keys()
    assert all(torch.equal(state[key], other_state[key]) for key in state)


@pytest.mark.parametrize("config", [BASE, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_a_run_stopped_after_every_few_steps_ends_as_one_that_was_not(config: TrainConfig, steps: int, tmp_path: Path):
    dataset = make_dataset()
    assert attempt(dataset, config, tmp_path / "whole", Stop())
    attempts = 1
    while not attempt(dataset, config, tmp_path / "pieces", After(steps)):
        attempts += 1
    taken = config.epochs * TrainingData(dataset, np.zeros(len(dataset.y_train), np.float32), config, CPU).steps
    assert attempts > taken // steps - 1
    assert taken > 5
    require_equal(tmp_path / "whole", tmp_path / "pieces")


def test_passes_of_selection_are_counted_apart_and_go_on_after_an_interruption(tmp_path: Path):
    """A clean pass over the held-out samples, the iterates of those that survive, and a pass back for each step."""
    dataset, config = make_dataset(), BASE.model_copy(update={"averaging": 0.9})
    attempts = 0
    while not attempt(dataset, config, tmp_path, After(2)):
        attempts += 1
    assert attempts > 2
    held_out = len(TrainingData(dataset, None, config, CPU).splits(("validation",))["validation"][1])
    costs = [record["cost"] for record in read_metrics(tmp_path)]
    before = {"selection_forwards": 0, "selection_backwards": 0}
    for cost in costs:
        forwards, backwards = (cost[name] - before[name] for name in before)
        assert 4 * held_out <= forwards <= 2 * 5 * held_out  # of two networks, clean and with up to two steps
        assert 0 <= backwards <= 2 * 2 * held_out
        before = {name: cost[name] for name in before}
    assert costs[-1]["selection_backwards"] > 0
    rows = len(TrainingData(dataset, None, config, CPU).epoch(0).slices)
    assert costs[-1]["forwards"] <= config.epochs * rows * config.batch_size * 3


def test_what_was_written_after_the_resume_point_is_taken_back(tmp_path: Path):
    """A kill between an epoch's record and its snapshot leaves a record too many."""
    dataset = make_dataset()
    assert attempt(dataset, BASE, tmp_path / "whole", Stop())
    assert not attempt(dataset, BASE, tmp_path / "pieces", After(6))
    with (tmp_path / "pieces" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 99}\n{"epo')
    assert attempt(dataset, BASE, tmp_path / "pieces", Stop())
    require_equal(tmp_path / "whole", tmp_path / "pieces")


def test_a_resume_point_is_kept_within_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    dataset = make_dataset()
    kept = []
    real = RunFolder.save_step
    monkeypatch.setattr(RunFolder, "save_step", lambda self, one: (kept.append(one.standing.step), real(self, one)))
    assert attempt(dataset, BASE, tmp_path, Stop())
    steps = len(kept) // BASE.epochs
    assert kept == list(range(1, steps + 1)) * BASE.epochs


def test_a_run_resumed_in_its_first_epoch_still_knows_the_way_back_to_its_beginning(tmp_path: Path):
    dataset = make_dataset()
    assert not attempt(dataset, BASE, tmp_path, After(2))
    fresh = Learner(initial_network(dataset, BASE, CPU), BASE)
    initial = {name: value.clone() for name, value in fresh.tensors().items()}
    data = TrainingData(dataset, None, BASE, CPU)
    resumed = Loop(fresh, data, RunFolder(tmp_path))
    assert resumed.standing.step == 2
    assert resumed.good.standing.step == 0
    assert resumed.good.tensors.keys() == initial.keys()
    assert all(torch.equal(value, initial[name]) for name, value in resumed.good.tensors.items())


def test_a_damaged_resume_point_is_named(tmp_path: Path):
    dataset = make_dataset()
    assert not attempt(dataset, BASE, tmp_path, After(2))
    path = tmp_path / "step.safetensors"
    whole = path.read_bytes()
    flipped = whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]
    for content in (b"nothing", whole[: len(whole) // 2], flipped):
        path.write_bytes(content)
        with pytest.raises(Damaged, match=r"step\.safetensors is not a valid resume point .* remove it to resume from"):
            attempt(dataset, BASE, tmp_path, Stop())
    path.unlink()
    assert attempt(dataset, BASE, tmp_path, Stop())


def test_a_killed_command_goes_on_to_the_same_end(tmp_path: Path):
    """kill -9 once an epoch is recorded, then the same command again; the other run is never disturbed."""
    environment = {**os.environ, "MEMSCORE_HOME": str(tmp_path / "home")}

    def command(folder: str) -> list[str]:
        options = "--method pgd --dataset digits --epochs 2 --set attack_steps=1 --set evaluation_steps=1 --json"
        small = 'network_options={"width": 4}'
        return [
            sys.executable,
            "-m",
            "memscore.cli",
            "train",
            *options.split(),
            "--set",
            small,
            "-o",
            str(tmp_path / folder),
        ]

    process = subprocess.Popen(command("killed"), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = tmp_path / "killed" / "metrics.jsonl"
    for _ in range(1200):
        if metrics.exists() and metrics.read_text().count("\n"):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "finished.json").exists()
    printed = [
        json.loads(subprocess.run(command(folder), env=environment, check=True, capture_output=True).stdout)
        for folder in ("killed", "whole")
    ]
    assert printed[0] == printed[1]
    last = "checkpoints/last/weights.safetensors"
    assert (tmp_path / "killed" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()
