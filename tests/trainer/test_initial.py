"""Runs that start from given weights: of a checkpoint, or of a file that another tool has written."""

from pathlib import Path

import pytest
import torch
from torch import nn

from memscore.datasets.dataset import Dataset
from memscore.errors import Conflict, InvalidInput
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.folder import RunFolder
from trainer.initial import InitialWeights
from trainer.run import train

FIRST = TrainConfig(method="erm", epochs=2, evaluation_steps=2, epsilon=0.1, network_options={"width": 4})
STILL = FIRST.model_copy(update={"method": "pgd", "attack_steps": 1, "learning_rate": 1e-12, "weight_decay": 0.0})
"""Training that leaves the weights as they are."""


@pytest.fixture(scope="module")
def finished(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("first") / "run"
    train(dataset, "made-up", FIRST, None, folder)
    return RunFolder(folder)


def weights(folder: Path, dataset: Dataset) -> dict[str, torch.Tensor]:
    network, _ = checkpoints.load(folder, dataset)
    return dict(network.named_parameters())


def test_a_run_goes_on_from_the_weights_of_another(dataset: Dataset, finished: RunFolder, tmp_path: Path):
    first = finished.checkpoint("last")
    train(dataset, "made-up", STILL, None, tmp_path / "run", initial=InitialWeights.of(first))
    before, after = weights(first, dataset), weights(RunFolder(tmp_path / "run").checkpoint("last"), dataset)
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-9)
    train(dataset, "made-up", STILL, None, tmp_path / "random")
    other = weights(RunFolder(tmp_path / "random").checkpoint("last"), dataset)
    assert any((other[name] - value).abs().max() > 0.01 for name, value in before.items())


def test_a_file_of_another_tool_is_taken_with_its_prefix(dataset: Dataset, finished: RunFolder, tmp_path: Path):
    network, _ = checkpoints.load(finished.checkpoint("last"), dataset)
    torch.save({"state_dict": nn.DataParallel(network).state_dict(), "epoch": 3}, tmp_path / "theirs.pth")
    initial = InitialWeights.of(tmp_path / "theirs.pth")
    train(dataset, "made-up", STILL, None, tmp_path / "run", initial=initial)
    after = weights(RunFolder(tmp_path / "run").checkpoint("last"), dataset)
    for name, value in network.named_parameters():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-9)


def test_the_weights_belong_to_a_runs_identity(dataset: Dataset, finished: RunFolder, tmp_path: Path):
    initial = InitialWeights.of(finished.checkpoint("last"))
    train(dataset, "made-up", STILL, None, tmp_path / "run", initial=initial)
    again = train(dataset, "made-up", STILL, None, tmp_path / "run", initial=initial)
    assert again.finished
    with pytest.raises(Conflict, match="differs in initial"):
        train(dataset, "made-up", STILL, None, tmp_path / "run")


def test_weights_that_cannot_be_taken_are_refused_before_anything_is_written(
    dataset: Dataset, finished: RunFolder, tmp_path: Path
):
    with pytest.raises(InvalidInput, match=r"holds \d checkpoints \(.*name one of them"):
        InitialWeights.of(finished.path)
    with pytest.raises(InvalidInput, match="holds no checkpoint"):
        InitialWeights.of(tmp_path)
    wide = STILL.model_copy(update={"network_options": {"width": 8}})
    with pytest.raises(InvalidInput, match="are not those of cnn"):
        train(dataset, "made-up", wide, None, tmp_path / "run", initial=InitialWeights.of(finished.checkpoint("last")))
    assert not (tmp_path / "run").exists()
