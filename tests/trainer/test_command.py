"""`python -m trainer` and `memscore train`: what they take, refuse, and need to have installed."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from memscore.errors import InvalidInput
from tests.conftest import make_dataset
from trainer.assignments import assigned, number
from trainer.config import TrainConfig

WITHOUT = (
    "ray",
    "fastapi",
    "sqlalchemy",
    "alembic",
    "uvicorn",
    "httpx",
    "matplotlib",
    "sklearn",
    "tensorboard",
    "pyautoattack",
)
SETTINGS = ("epochs=1", "batch_size=16", "attack_steps=1", "evaluation_steps=1")


@pytest.fixture
def source(tmp_path: Path) -> str:
    dataset = make_dataset()
    arrays = {name: getattr(dataset, name) for name in ("x_train", "y_train", "x_test", "y_test")}
    np.savez(tmp_path / "made-up.npz", **arrays)
    return f"npz:{tmp_path / 'made-up.npz'}"


def test_training_and_evaluation_need_torch_and_little_else(source: str, tmp_path: Path):
    blocked = f"import sys; sys.modules.update(dict.fromkeys({WITHOUT!r})); import runpy, warnings; "
    run = "runpy.run_module('trainer', run_name='__main__')"
    options = [f"--set={one}" for one in SETTINGS]
    command = [sys.executable, "-c", blocked + run, "--method", "pgd", "--dataset", source, "-o", str(tmp_path / "run")]
    finished = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert "epoch 1: last, the last one; best-adversarial, by adversarial accuracy" in finished.stdout
    assert (tmp_path / "run" / "evaluation" / "last" / "samples.parquet").exists()
    assert not (tmp_path / "run" / "tensorboard").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--method", "fat"],
            "there is no method 'fat'; the methods are: erm, pgd, trades, mart, gairat, bat, dpls",
        ),
        (["--method", "bat"], "The method 'bat' needs memorization scores; pass them with --scores"),
        (["--method", "pgd", "--set", "epochs"], "'epochs' is not an assignment; write it as NAME=VALUE"),
        (["--method", "pgd", "--set", "epochs=0"], "epochs must be at least 1, not 0"),
        (
            ["--method", "pgd", "--set", "alpha=1"],
            "'alpha' is neither a field of the configuration nor an option of pgd, whose options are: none",
        ),
        (["--method", "pgd", "--preset", "big"], "There is no preset 'big'; the presets are: small, paper"),
        (["--method", "pgd", "--set", "network=resnet"], "unknown network 'resnet'; use one of mlp, cnn"),
    ],
)
def test_a_wrong_request_is_one_sentence_and_leaves_nothing(
    options: list[str],
    message: str,
    source: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys, "argv", ["trainer", "--dataset", source, "-o", str(tmp_path / "run"), *options])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("trainer", run_name="__main__")  # in this process, which has imported torch
    assert end.value.code == 1
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_numbers_and_assignments_are_read_as_people_write_them():
    assert number("8/255") == 8 / 255
    assert number("0.1") == 0.1
    for wrong in ("8/0", "a", "", "1/2/3"):
        with pytest.raises(InvalidInput, match="is not a number"):
            number(wrong)
    pairs = [
        "epochs=3",
        "epsilon=8/255",
        "flip=true",
        "milestones=[0.5]",
        "network=resnet18",
        "alpha=2",
        "hard-drop=true",
    ]
    fields, options = assigned(pairs, TrainConfig.model_fields)
    assert fields == {"epochs": 3, "epsilon": 8 / 255, "flip": True, "milestones": [0.5], "network": "resnet18"}
    assert options == {"alpha": 2, "hard_drop": True}
