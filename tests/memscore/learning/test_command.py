"""Training without a service: `python -m memscore.learning` writes the evidence that a job would store."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from memscore.exchange.evidence_file import read_evidence
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.study.evidence import evidence_digest
from memscore.study.spec import Design
from memscore.study.subsets import units
from tests.conftest import QUICK, make_dataset

COMMAND = [sys.executable, "-m", "memscore.learning"]


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    dataset = make_dataset()
    np.savez(
        tmp_path / "made-up.npz",
        x_train=dataset.x_train,
        y_train=dataset.y_train,
        x_test=dataset.x_test,
        y_test=dataset.y_test,
    )
    (tmp_path / "quick.json").write_text(QUICK.model_dump_json(exclude_defaults=True))
    return [
        *COMMAND,
        "--dataset",
        f"npz:{tmp_path / 'made-up.npz'}",
        "--recipe",
        str(tmp_path / "quick.json"),
        "--output",
        str(tmp_path / "evidence.npz"),
        "--device",
        "cpu",
    ]


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[list[str]], str]:
    """What the command writes to stderr as it ends with status 1; called in this process, which has imported torch."""

    def call(arguments: list[str]) -> str:
        monkeypatch.setattr(sys, "argv", arguments[len(COMMAND) - 1 :])
        with pytest.raises(SystemExit) as end:
            runpy.run_module("memscore.learning", run_name="__main__")
        assert end.value.code == 1
        return capsys.readouterr().err

    return call


def test_it_writes_what_a_job_would_store_and_goes_on_where_it_stopped(arguments: list[str], tmp_path: Path):
    subprocess.run([*arguments, "--trials", "10", "--full-trials", "0"], check=True, capture_output=True)
    assert len(read_evidence(tmp_path / "evidence.npz").trials) == 10
    again = subprocess.run([*arguments, "--trials", "15"], check=True, capture_output=True, text=True)
    assert again.stdout.count(" s, in-sample accuracy ") == 2  # the second block and the full trials
    evidence = read_evidence(tmp_path / "evidence.npz")

    torch.set_num_threads(1)
    data = DeviceData.of(make_dataset(), torch.device("cpu"))
    trials = [trial for unit in units(QUICK, 20) for trial in train_unit(data, QUICK, Design(), unit)]
    full = [trial for unit in units(QUICK, 5, full=True) for trial in train_unit(data, QUICK, Design(), unit)]
    assert evidence_digest(list(evidence.trials)) == evidence_digest(trials)
    assert evidence_digest(list(evidence.full)) == evidence_digest(full)


def test_processes_share_the_trials_in_parts(arguments: list[str], refusal: Callable[[list[str]], str], tmp_path: Path):
    for part in ("1/3", "2/3", "3/3"):
        out = ["--output", str(tmp_path / f"{part[0]}.npz"), "--part", part]
        subprocess.run([*arguments, "--trials", "30", *out], check=True, capture_output=True)
    parts = [read_evidence(tmp_path / f"{number}.npz") for number in (1, 2, 3)]
    assert [[trial.number for trial in one.trials] for one in parts] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 30)),
    ]
    assert [len(one.full) for one in parts] == [5, 0, 0]
    again = subprocess.run([*arguments, "--trials", "30", *out], check=True, capture_output=True, text=True)
    assert "in-sample accuracy" not in again.stdout

    for wrong in ("0/3", "4/3", "half"):
        assert "--part must be K/N with K from 1 to N" in refusal([*arguments, "--part", wrong])


def test_it_refuses_a_file_of_another_study_and_a_wrong_recipe(
    arguments: list[str], refusal: Callable[[list[str]], str], tmp_path: Path
):
    subprocess.run([*arguments, "--trials", "10", "--full-trials", "0"], check=True, capture_output=True)
    before = (tmp_path / "evidence.npz").read_bytes()
    other = refusal([*arguments, "--seed", "1"])
    assert other.startswith("error: ")
    assert "choose another --output" in other
    assert (tmp_path / "evidence.npz").read_bytes() == before

    recipe = json.loads((tmp_path / "quick.json").read_text())
    (tmp_path / "quick.json").write_text(json.dumps({**recipe, "epochs": 0}))
    wrong = refusal(arguments)
    assert "quick.json: epochs must be at least 1, not 0" in wrong
    assert wrong.count("\n") == 1
