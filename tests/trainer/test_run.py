"""Runs: repeatable, honest about groups, kept whole, and never on the wrong dataset's scores."""

from pathlib import Path

import numpy as np
import pytest
import torch

from memscore.datasets.label_noise import flip_labels
from memscore.errors import Damaged, FingerprintMismatch, InvalidInput
from memscore.sets import split
from tests.conftest import StoredStudy, make_dataset
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.evaluation import by_group, correct
from trainer.loop import to_tensors, train
from trainer.run import kept_run
from trainer.run import train as run
from trainer.scores import Scores, read

CPU = torch.device("cpu")
BAT = TrainConfig(method="bat", epochs=2, batch_size=16, attack_steps=2, evaluation_steps=3, width=4)


@pytest.fixture
def scores(stored_study: StoredStudy) -> Scores:
    return Scores(stored_study.scores, split(stored_study.scores, stored_study.pairs))


def test_a_run_is_repeatable_and_depends_on_its_seed(stored_study: StoredStudy, scores: Scores):
    mem = scores.table["mem"]

    def weights(config: TrainConfig) -> list[torch.Tensor]:
        torch.rand(3)  # the global generator does not matter
        return list(train(stored_study.dataset, config, mem).state_dict().values())

    first, again = weights(BAT), weights(BAT)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = weights(BAT.model_copy(update={"seed": 1}))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_groups_are_counted_by_hand(stored_study: StoredStudy, scores: Scores):
    dataset = stored_study.dataset
    network = train(dataset, BAT, scores.table["mem"])
    data = to_tensors(dataset.x_train, dataset.y_train, CPU), to_tensors(dataset.x_test, dataset.y_test, CPU)
    rows = {row.group: row for row in by_group(network, *data, BAT.evaluation_attack, scores.sets)}
    assert list(rows) == [f"{split} {group}" for split in ("train", "test") for group in ("all", "typical", "atypical")]
    assert scores.sets is not None
    clean = correct(network, *data[0])
    adversarial = correct(network, *data[0], BAT.evaluation_attack)
    mask = scores.sets.train_atypical
    assert rows["train atypical"].count == mask.sum()
    assert rows["train atypical"].clean == clean[mask].mean()
    assert rows["train atypical"].pgd20 == adversarial[mask].mean()
    assert rows["test all"].count == len(dataset.y_test)


def test_an_empty_group_has_no_accuracy(stored_study: StoredStudy, scores: Scores):
    assert scores.sets is not None
    from dataclasses import replace

    empty = replace(scores.sets, test_atypical=np.zeros(20, np.bool_))
    dataset = stored_study.dataset
    data = to_tensors(dataset.x_train, dataset.y_train, CPU), to_tensors(dataset.x_test, dataset.y_test, CPU)
    rows = by_group(train(dataset, BAT, scores.table["mem"]), *data, BAT.evaluation_attack, empty)
    assert (rows[-1].count, rows[-1].clean, rows[-1].pgd20) == (0, None, None)


def test_bat_without_scores_is_refused(stored_study: StoredStudy):
    with pytest.raises(InvalidInput, match="needs memorization scores; name them with --scores"):
        train(stored_study.dataset, BAT)


def test_scores_of_another_dataset_are_refused_before_any_work(stored_study: StoredStudy, scores: Scores):
    noisy = flip_labels(stored_study.dataset, 0.1, 0)
    with pytest.raises(FingerprintMismatch, match="another dataset than 'noisy'"):
        run(noisy, "noisy", BAT, scores, None)


def test_a_diverging_run_says_what_to_change(stored_study: StoredStudy):
    wild = TrainConfig(method="pgd", epochs=3, learning_rate=1e30, attack_steps=1, width=4)
    with pytest.raises(InvalidInput, match=r"not finite in epoch \d; lower the learning rate"):
        train(stored_study.dataset, wild)


def test_a_checkpoint_holds_the_network_and_is_found_again(stored_study: StoredStudy, scores: Scores, tmp_path: Path):
    folder = tmp_path / "run"
    finished = run(stored_study.dataset, "made-up", BAT, scores, folder)
    network, config = checkpoints.load(folder, stored_study.dataset)
    assert config == BAT
    data = to_tensors(stored_study.dataset.x_train, stored_study.dataset.y_train, CPU)
    assert finished.accuracy[0].clean == correct(network, *data).mean()
    assert kept_run(folder, BAT, scores) == finished
    assert kept_run(folder, BAT.model_copy(update={"alpha": 2.0}), scores) is None
    assert kept_run(tmp_path / "nothing", BAT, scores) is None


def test_a_damaged_checkpoint_is_refused(stored_study: StoredStudy, scores: Scores, tmp_path: Path):
    run(stored_study.dataset, "made-up", BAT, scores, tmp_path)
    (tmp_path / checkpoints.WEIGHTS).write_bytes(b"no weights")
    with pytest.raises(Damaged, match="not a readable checkpoint"):
        checkpoints.load(tmp_path, stored_study.dataset)
    (tmp_path / checkpoints.DESCRIPTION).write_text("[]")
    with pytest.raises(Damaged, match="lacks the configuration"):
        checkpoints.load(tmp_path, make_dataset())


def test_scores_are_read_from_a_file(stored_study: StoredStudy, tmp_path: Path):
    (tmp_path / "scores.npz").write_bytes(stored_study.scores.encode())
    read_scores = read(str(tmp_path / "scores.npz"))
    read_scores.require(stored_study.dataset, "made-up")
    assert read_scores.sets is None
