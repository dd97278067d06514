"""What a run will take: a plan writes nothing, knows what is done, and counts pieces with their starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memscore.errors import Conflict, InvalidInput
from tests.command_line import refused
from tests.conftest import StoredStudy, make_dataset
from trainer.config import TrainConfig
from trainer.folder import RunFolder
from trainer.ledger import CostEstimate
from trainer.planning import RunPlan, plan
from trainer.run import Watch, train
from trainer.stopping import Stop

CONFIG = TrainConfig(method="pgd", epochs=4, attack_steps=1, network_options={"width": 4}, evaluation_steps=1)
DATASET = make_dataset()


def stopped_after(folder: Path, steps: int) -> None:
    """Train, and stop after some steps."""
    stop = Stop()

    def watch(done: int, total: int, what: str) -> None:
        if done == steps:
            stop.ask()

    train(DATASET, "made-up", CONFIG, None, folder, Watch(on_step=watch), stop)


def test_a_plan_writes_nothing_and_knows_what_is_done(tmp_path: Path):
    folder = tmp_path / "run"
    whole = plan(DATASET, "made-up", CONFIG, None, folder)
    assert not folder.exists()
    assert whole.left == 1
    assert whole.data_bytes == sum(
        one.nbytes for one in (DATASET.x_train, DATASET.y_train, DATASET.x_test, DATASET.y_test)
    )
    steps = whole.cost.steps
    stopped_after(folder, steps // 2)
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    half = plan(DATASET, "made-up", CONFIG, None, folder)
    assert half.left == pytest.approx(0.5, abs=0.5 / steps)
    point = RunFolder(folder).last_step()
    assert point is not None
    assert half.resume_bytes == sum(one.numel() * one.element_size() for one in point.tensors.values())
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before
    train(DATASET, "made-up", CONFIG, None, folder)
    done = plan(DATASET, "made-up", CONFIG, None, folder)
    assert (done.left, done.finished, done.pieces(1), half.finished) == (0, True, 0, False)
    with pytest.raises(Conflict, match="differs in epochs"):
        plan(DATASET, "made-up", CONFIG.model_copy(update={"epochs": 5}), None, folder)


def test_pieces_count_their_start():
    planned = RunPlan(CostEstimate(5400, 100, 11, 11), 0.5, 60, 3 * 2**20, 2**20)
    assert [planned.pieces(minutes) for minutes in (1.5, 10, 46, 1000)] == [90, 5, 1, 1]
    assert replace(planned, left=0.0).pieces(10) == 1, "its evaluation is left"
    with pytest.raises(InvalidInput, match=r"A piece takes about 60 s to start; give it more than 1 minute\."):
        planned.pieces(1)
    text = " ".join(planned.sentences(10))
    assert "Of its training, 50 % is done; about 45 min are left." in text
    assert "In pieces of 10 minutes: about 5, each of which starts in about 60 s." in text
    assert "A resume point takes 3.0 MB" in text


@pytest.mark.databases("sqlite")
def test_the_command_plans(memscore, stored_study: StoredStudy, tmp_path: Path):
    command = ("train", "--method", "pgd", "--dataset", stored_study.record.dataset, "--plan", "--set", "epochs=3")
    outcome = memscore(*command, "-o", str(tmp_path / "run"), "--max-minutes", "9")
    assert outcome.status == 0, outcome.err
    assert "In pieces of 9 minutes: about 1, each of which starts in about" in outcome.out
    assert not (tmp_path / "run").exists()
    found = memscore(*command, "--json").json
    assert (found["pieces"], found["left"], found["cost"]["steps"] > 0) == (None, 1, True)
    refused(memscore(*command, "--max-minutes", "0"), "A piece takes about")
