"""What a run writes is what the service reads, without torch."""

from __future__ import annotations

import json
from pathlib import Path

from memscore.datasets.dataset import Dataset
from memscore.runs.run import detail_of
from memscore.scores.sets import split
from memscore.study.spec import Design
from tests.conftest import build, make_trials
from trainer.config import TrainConfig
from trainer.metrics import read_metrics
from trainer.run import train
from trainer.scores import TrainingScores

BAT = TrainConfig(
    method="bat",
    options={"alpha": 2},
    epochs=3,
    batch_size=16,
    attack_steps=2,
    evaluation_steps=3,
    network_options={"width": 4},
    averaging=0.9,
    keep_every=1,
)


def test_a_run_is_read_as_it_was_written(dataset: Dataset, tmp_path: Path):
    design = Design()
    table, pairs = build(dataset, make_trials(dataset, design, blocks=4), design, "0123456789abcdef")
    finished = train(dataset, "made-up", BAT, TrainingScores(table, split(table, pairs)), tmp_path / "run")
    read = detail_of(tmp_path / "run", "runs/run")
    assert (read.problem, read.state, read.epoch, read.epochs) == (None, "finished", 3, 3)
    assert (read.method, read.options, read.dataset, read.scores) == ("bat", {"alpha": 2}, "made-up", table.digest)
    assert [one.name for one in read.checkpoints] == [one.name for one in finished.checkpoints]
    for one, checkpoint in zip(read.checkpoints, finished.checkpoints, strict=True):
        assert (one.epoch, len(one.findings)) == (checkpoint.epoch, len(checkpoint.findings))
        shares = [[accuracy.share for accuracy in row.accuracy.values()] for row in one.rows]
        assert shares == [[accuracy.share for accuracy in row.accuracy.values()] for row in checkpoint.rows]
    records = [one for one in read_metrics(tmp_path / "run") if "epoch" in one]
    assert [one.accuracy for one in read.course] == [one["accuracy"] for one in records]
    assert [one.seconds for one in read.course] == [one["cost"]["seconds"] for one in records]
    assert set(read.course[0].measures) == set(records[0]) - {"epoch", "learning_rate", "loss", "accuracy", "cost"}
    assert [(one.network, one.epoch) for one in read.groups] == [
        (network, epoch) for network in ("averaged", "network") for epoch in (1, 2, 3)
    ]
    assert read.config == json.loads((tmp_path / "run" / "config.json").read_text())["config"]
