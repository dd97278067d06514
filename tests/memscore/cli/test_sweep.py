"""The command sweep: it refuses once and before any work, and trains what is missing, no more."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from memscore import settings as settings_module
from memscore.cli import app
from memscore.errors import Conflict, InvalidInput
from memscore.workflows.datasets import register
from memscore.workflows.embedded import opened_database
from tests.conftest import make_dataset

QUICK = ("--set", "epochs=1", "--set", "attack_steps=1", "--set", 'network_options={"width": 4}')


def sweep(folder: Path, *words: str, dataset: str = "digits") -> str:
    """What the command prints."""
    words = ("sweep", "--dataset", dataset, "--output", str(folder), *words)
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_dry_run_lists_the_runs_and_leaves_nothing_behind(tmp_path: Path):
    words = ("--methods", "pgd,bat", "--seeds", "2", "--grid", "alpha=1,2", "--dry-run", "--json")
    rows = json.loads(sweep(tmp_path / "runs", *words))
    assert [row["run"] for row in rows[:3]] == ["pgd-seed=0", "pgd-seed=1", "bat-alpha=1-seed=0"]
    assert len(rows) == 6
    assert {row["state"] for row in rows} == {"to do"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--methods", "bat"), "bat need memorization scores"),
        (("--methods", "pgd", "--grid", "epsilon=0.1,2"), "epsilon"),
        (("--methods", "pgd", "--set", "inner=fgsm"), "inner"),
        (("--methods", "pgd", "--preset", "large"), "There is no preset 'large'"),
        (("--methods", "pgd", "--attacks", "pdg"), "There is no attack 'pdg'"),
    ],
)
def test_what_no_run_could_do_is_refused_at_once(tmp_path: Path, words: tuple[str, ...], said: str):
    with pytest.raises((InvalidInput, ValueError), match=said):
        sweep(tmp_path / "runs", *words)
    assert not (tmp_path / "runs").exists()


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path):
    with (tmp_path / "sweep.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another sweep is using"):
            sweep(tmp_path, "--methods", "pgd")
    assert not (tmp_path / "sweep.json").exists()


def test_a_finished_run_on_what_the_dataset_s_name_meant_before_is_told(tmp_path: Path):
    settings = settings_module.load()
    with opened_database(settings) as database:
        register(database, settings, "made-up", make_dataset())
    run = tmp_path / "erm-seed=0"
    run.mkdir()
    settings_of_run = {"method": "erm", "epochs": 1, "epsilon": 0.1, "select_on": "validation", "validation": 0.1}
    request = {"config": settings_of_run, "dataset": "made-up", "fingerprint": "f" * 64, "scores": None}
    (run / "config.json").write_text(json.dumps(request))
    (run / "finished.json").write_text(json.dumps({"checkpoints": []}))
    found = json.loads(sweep(tmp_path, "--methods", "erm", "--seeds", "1", "--json", dataset="made-up"))
    (warning,) = found["warnings"]
    assert warning.startswith("erm-seed=0 is outdated: it was trained with a dataset with fingerprint ffffffff, now")
    assert "Remove its folder" in warning


@pytest.mark.slow
def test_a_sweep_trains_what_is_missing_and_compares_everything(tmp_path: Path):
    settings = settings_module.load()
    with opened_database(settings) as database:
        register(database, settings, "made-up", make_dataset())
    sweep(tmp_path, "--methods", "erm", "--seeds", "1", *QUICK, dataset="made-up")
    trained = next(tmp_path.glob("erm-*"))
    weights = trained / "checkpoints" / "last" / "weights.safetensors"
    written = weights.stat().st_mtime_ns
    words = ("--methods", "erm,pgd", "--seeds", "2", "--attacks", "cw", "--json")
    comparison = json.loads(sweep(tmp_path, *words, *QUICK, dataset="made-up"))
    assert weights.stat().st_mtime_ns == written, "what was trained is not trained again"
    rows = comparison["rows"]
    assert {(row["method"], row["seeds"]) for row in rows} == {("erm", 2), ("pgd", 2)}
    assert {row["checkpoint"] for row in rows} == {"best-adversarial", "best-clean", "last"}
    attacks = {cell["attack"]: cell["seeds"] for cell in rows[0]["accuracy"]}
    assert attacks == dict.fromkeys(("clean", "fgsm", "pgd", "cw", "worst"), 2)
    assert comparison["unfinished"] == []
    assert json.loads((tmp_path / "comparison.json").read_text()) == comparison
