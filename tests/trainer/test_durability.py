"""A run that a power cut ends resumes from what it has kept: each of its files is on the disk, whole, once written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from memscore.datasets.dataset import Dataset
from memscore.runs.sample_records import SampleRecords
from tests.conftest import make_dataset
from tests.disk import Disk
from tests.trainer.stops import After
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.evaluation.journal import Journal
from trainer.evaluation.masking import Probes
from trainer.evaluation.result import Evaluation, write_together
from trainer.evaluation.table import Accuracy, Row
from trainer.experiments.artifact import Artifact
from trainer.folder import RunFolder
from trainer.learner import Learner
from trainer.loop import Loop
from trainer.metrics import MetricsLog, read_metrics
from trainer.network import initial_network
from trainer.stopping import Stop
from trainer.sweep import record_requests

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    method="pgd", epochs=2, batch_size=16, attack_steps=1, evaluation_steps=1, network_options={"width": 4}
)


def train(dataset: Dataset, folder: Path, stop: Stop) -> bool:
    """A process's worth of training."""
    data = TrainingData(dataset, np.zeros(len(dataset.y_train), np.float32), CONFIG, CPU)
    kept = RunFolder(folder)
    with kept.alone():
        kept.begin(CONFIG)
        return Loop(Learner(initial_network(dataset, CONFIG, CPU), CONFIG), data, kept).run(stop)


def begin(base: Path) -> None:
    RunFolder(base / "runs" / "run").begin(CONFIG)


def write_metrics(base: Path) -> None:
    log = MetricsLog(base, 0, 0)
    log.write({"event": "first"})
    log.write({"event": "second"})
    log.close()


def journal(base: Path) -> None:
    with Journal(base / "evaluation" / "journal.jsonl", {"weights": "a"}) as kept:
        kept.add("unit", {"right": np.ones(3, bool)})


def evaluation(base: Path) -> None:
    samples = [SampleRecords("test", {name: np.ma.array([1, 0], mask=[False, True]) for name in ("label", "right")})]
    row = Row("test", "all", 2, {"clean": Accuracy.of(1, 2)}, None, None, None, None)
    made = Evaluation({"checkpoint": "last", "epoch": 1, "selected": None}, [row], [], [], Probes(), samples)
    made.write(base / "evaluation" / "last")
    write_together(base / "evaluation", [made])


def artifact(base: Path) -> None:
    made: dict[str, Any] = {"shown": "", "command": "", "date": "", "device": "", "versions": {}, "seeds": []}
    Artifact("A caption.", {"fig": Figure()}, [{"a": 1}], []).write(
        base / "items" / "fig", "A", {**made, "settings": []}
    )


WRITERS: dict[str, Callable[[Path], object]] = {
    "a run's request": begin,
    "metrics": write_metrics,
    "a run": lambda base: train(make_dataset(), base / "run", Stop()),
    "a run that is stopped": lambda base: train(make_dataset(), base / "run", After(6)),
    "a finished run": lambda base: RunFolder(base).finish({"checkpoints": []}),
    "a journal": journal,
    "an evaluation": evaluation,
    "a figure": artifact,
    "the requests of a sweep": lambda base: record_requests(base / "sweep", ()),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_what_is_written_is_on_the_disk(writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    disk = Disk(tmp_path, monkeypatch)
    WRITERS[writer](tmp_path)
    assert list(tmp_path.rglob("*"))
    assert disk.lost() == []
    assert disk.rash == []


def test_a_run_resumes_though_an_earlier_version_lost_its_small_files(tmp_path: Path):
    """What XFS leaves after a power cut of files that nobody synced: their names. The resume point was whole."""
    dataset = make_dataset()
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert train(dataset, whole, Stop())
    assert not train(dataset, cut, After(6))
    for lost in ("config.json", "environment.json", "metrics.jsonl"):
        (cut / lost).write_bytes(b"")
    assert train(dataset, cut, Stop())
    first, second = (RunFolder(run).last_epoch() for run in (whole, cut))
    assert first is not None
    assert second is not None
    assert all(torch.equal(first.tensors[name], second.tensors[name]) for name in first.tensors)
    assert [record["epoch"] for record in read_metrics(cut)] == [2]
    (event,) = [one for one in RunFolder(cut).events() if "power cut" in one]
    assert event.startswith("config.json was lost")
