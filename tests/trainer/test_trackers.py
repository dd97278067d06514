"""Trackers follow a run: what they get, that a resumed run goes on, and that their failures do not stop training."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from memscore.errors import InvalidInput, MissingPackage
from tests.command_line import refused
from tests.conftest import StoredStudy, make_dataset
from trainer.config import TrainConfig
from trainer.run import Watch, train
from trainer.trackers import IDS, Trackers, tracker_of

CONFIG = TrainConfig(method="pgd", epochs=3, attack_steps=1, network_options={"width": 4}, evaluation_steps=1)
RECORDS: list[dict[str, Any]] = []


def keep(record: dict[str, Any]) -> None:
    RECORDS.append(record)


def break_down(record: dict[str, Any]) -> None:
    RECORDS.append(record)
    raise RuntimeError("the server\nfailed")


@pytest.fixture(autouse=True)
def _none_yet() -> None:
    RECORDS.clear()


def followed(folder: Path, *names: str, config: TrainConfig = CONFIG) -> list[str]:
    """Train with these trackers; the warnings."""
    warnings: list[str] = []
    trackers = Trackers(names, config, folder, warnings.append)
    train(make_dataset(), "made-up", config, None, folder, Watch(on_record=trackers))
    trackers.close()
    return warnings


def test_a_function_gets_what_the_metrics_get(tmp_path: Path):
    assert followed(tmp_path / "run", f"{__name__}:keep") == []
    assert [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()] == RECORDS
    assert [record["epoch"] for record in RECORDS] == [1, 2, 3]
    followed(tmp_path / "run", f"{__name__}:keep")
    assert len(RECORDS) == 3, "a finished run has nothing more to say"


def test_a_tracker_that_fails_is_left_behind(tmp_path: Path):
    (warning,) = followed(tmp_path / "run", f"{__name__}:break_down", f"{__name__}:keep")
    assert warning == f"{__name__}:break_down gets no more records: it raised RuntimeError (the server failed)."
    assert len(RECORDS) == 1 + 3


class Server:
    """A stand-in for MLflow's client, which keeps what it gets."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}

    def module(self) -> ModuleType:
        made: Any = ModuleType("mlflow")
        made.MlflowClient = lambda: self
        made.entities = SimpleNamespace(Metric=lambda *values: values)
        return made

    def get_experiment_by_name(self, name: str) -> None:
        assert name == "memscore"

    def create_experiment(self, name: str) -> str:
        return f"experiment {name}"

    def create_run(self, place: str, run_name: str) -> Any:
        key = f"{place}, {run_name}, {len(self.runs)}"
        self.runs[key] = {"params": {}, "metrics": [], "status": "RUNNING"}
        return SimpleNamespace(info=SimpleNamespace(run_id=key))

    def update_run(self, key: str, status: str) -> None:
        self.runs[key]["status"] = status

    def log_param(self, key: str, name: str, value: str) -> None:
        self.runs[key]["params"][name] = value

    def log_batch(self, key: str, metrics: list[Any]) -> None:
        self.runs[key]["metrics"] += metrics

    def set_terminated(self, key: str, status: str) -> None:
        self.runs[key]["status"] = status


def test_a_resumed_run_goes_on_in_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    server = Server()
    monkeypatch.setitem(sys.modules, "mlflow", server.module())
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    folder = tmp_path / "pgd-0"
    folder.mkdir()
    first = Trackers(["mlflow"], CONFIG, folder, pytest.fail)
    first({"epoch": 1, "loss": 2.0, "accuracy": {"test": {"clean": 0.5}}})
    first.close()
    (key,) = server.runs
    assert key == "experiment memscore, pgd-0, 0"
    assert server.runs[key]["status"] == "KILLED"
    assert json.loads((folder / IDS).read_text()) == {"mlflow": key}
    second = Trackers(["mlflow"], CONFIG, folder, pytest.fail)
    for epoch in (2, 3):
        second({"epoch": epoch, "loss": 1.0 / epoch})
    second.close()
    (run,) = server.runs.values()
    assert [(name, step) for name, _, _, step in run["metrics"]] == [
        ("loss", 1),
        ("accuracy/test/clean", 1),
        ("loss", 2),
        ("loss", 3),
    ]
    assert (run["status"], run["params"]["method"], run["params"]["epochs"]) == ("FINISHED", "pgd", "3")


def test_what_is_no_tracker_is_refused_before_training(monkeypatch: pytest.MonkeyPatch):
    for name, message in (
        ("tensorboard", "There is no tracker 'tensorboard'; use mlflow, wandb, or package.module:function"),
        ("nowhere.at_all:log", "cannot import nowhere.at_all of tracker"),
        (f"{__name__}:nothing", "has no function nothing of tracker"),
    ):
        with pytest.raises(InvalidInput, match=message):
            tracker_of(name)
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingPackage, match="needs wandb, which is not installed: pip install wandb"):
        tracker_of("wandb")


@pytest.mark.databases("sqlite")
def test_the_command_takes_them_from_an_option_or_the_environment(
    memscore, stored_study: StoredStudy, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MEMSCORE_HOME", str(home))
    quick = ("train", "--method", "erm", "--dataset", stored_study.record.dataset, "--set", "epochs=1", "-o")
    refused(memscore(*quick, str(tmp_path / "none"), "--log-to", "neptune"), "There is no tracker 'neptune'")
    assert not (tmp_path / "none").exists()
    monkeypatch.setenv("MEMSCORE_LOG_TO", f"{__name__}:keep")
    assert memscore(*quick, str(tmp_path / "run")).status == 0
    assert [record["epoch"] for record in RECORDS] == [1]
