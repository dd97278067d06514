"""Results belong to the network that computed them: nobody else's are taken for its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from memscore.datasets.dataset import Dataset
from memscore.errors import Conflict
from memscore.learning.data import DeviceData
from memscore.runs.layout import ENVIRONMENT, REQUEST
from tests.conftest import make_dataset
from tests.trainer.stops import After
from trainer.config import TrainConfig
from trainer.evaluation import EvaluationConfig, evaluate
from trainer.evaluation.checkpoint_groups import evaluate_together
from trainer.evaluation.checkpoint_paths import find
from trainer.evaluation.identity import behaviour, digest
from trainer.folder import RunFolder
from trainer.run import Watch, train
from trainer.stopping import Stop

CPU = torch.device("cpu")
SOURCE = """
from torch import nn

def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, classes))
"""


class Doing(nn.Module):
    """One network's weights, and something done with its images."""

    def __init__(self, network: nn.Module, prepare: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.prepare = network, prepare

    def forward(self, images: Tensor) -> Tensor:
        return self.network(self.prepare(images))


@pytest.fixture
def plain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3)).eval()


@pytest.fixture
def data() -> DeviceData:
    return DeviceData.of(make_dataset(), CPU)


def stopped(images: Tensor) -> Tensor:
    """The same images, half of whose gradient is cut off."""
    return 0.5 * images + 0.5 * images.detach()


@pytest.mark.parametrize("prepare", [lambda x: 2 * x - 1, lambda x: x + 1e-3, stopped])
def test_networks_that_do_otherwise_with_the_same_weights_are_told_apart(
    plain: nn.Sequential, data: DeviceData, prepare: Callable[[Tensor], Tensor]
):
    one, other = Doing(plain, lambda images: images), Doing(plain, prepare)
    assert digest(one) == digest(other)
    assert behaviour(one, data.x_test) == behaviour(one, data.x_test)
    assert behaviour(one, data.x_test) != behaviour(other, data.x_test)


def test_a_network_without_gradients_has_a_behaviour_too(plain: nn.Sequential, data: DeviceData):
    assert len(behaviour(Doing(plain, lambda images: images.detach()), data.x_test[:1])) == 64


@pytest.mark.parametrize("prepare", [lambda x: 1 - x, stopped])
def test_another_network_with_the_same_weights_is_evaluated_anew(
    plain: nn.Sequential, data: DeviceData, tmp_path: Path, prepare: Callable[[Tensor], Tensor]
):
    chosen = EvaluationConfig(epsilon=0.2, attacks=("fgsm", "pgd"), alarm_samples=0)
    said: list[str] = []

    def found(network: nn.Module, folder: Path | None) -> object:
        return evaluate(network, data, chosen, folder=folder, on_note=said.append).as_json()["rows"]

    one, other = Doing(plain, lambda images: images), Doing(plain, prepare)
    first = found(one, tmp_path)
    assert not said
    assert found(other, tmp_path) == found(other, None)
    assert said == [
        f"the results in {tmp_path} come from a network with the same weights but other code; evaluating from the start"
    ]
    assert found(one, tmp_path) == first
    with torch.no_grad():
        plain[1].bias += 1  # pyright: ignore[reportOperatorIssue]
    found(one, tmp_path)
    assert "other weights" in said[-1]


class Evolving:
    """A run of a network whose source changes, each command as a process that starts now."""

    def __init__(self, folder: Path, dataset: Dataset, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.dataset = folder / "run", dataset
        self.source = folder / f"evolving_{folder.name.replace('-', '_')}.py"
        patch.syspath_prepend(folder)
        self.write(SOURCE)

    def write(self, source: str) -> None:
        self.source.write_text(source)
        sys.modules.pop(self.source.stem, None)
        for cached in self.source.parent.glob("__pycache__/*"):
            cached.unlink()

    def train(self, stop: Stop | None = None, *, allow: bool = False):
        config = TrainConfig(
            method="erm", network=f"{self.source.stem}:net", epochs=3, batch_size=16, epsilon=0.1, evaluation_steps=4
        )
        return train(self.dataset, "made-up", config, None, self.folder, stop=stop, allow_changed_network=allow)


@pytest.fixture
def evolving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evolving:
    return Evolving(tmp_path, make_dataset(), monkeypatch)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(("old", "new"), [("nn.ReLU", "nn.Tanh"), ("nn.ReLU()", "nn.ReLU(), nn.Dropout(0.2)")])
def test_a_run_does_not_go_on_with_another_network_under_its_name(evolving: Evolving, old: str, new: str):
    assert not evolving.train(After(5)).finished
    before = contents(evolving.folder)
    evolving.write(SOURCE.replace(old, new))
    with pytest.raises(Conflict, match=r"The network evolving_\w+:net is not what it was for the run in .*Restore it"):
        evolving.train()
    assert contents(evolving.folder) == before
    evolving.write(SOURCE + "\n# a remark changes nothing\n")
    finished = evolving.train()
    assert finished.finished
    assert finished.events == ()
    evolving.write(SOURCE.replace(old, new))
    with pytest.raises(Conflict, match="is not what it was"):  # nor is a finished run's result another network's
        evolving.train()


def test_a_run_that_is_told_to_goes_on_with_another_network_and_says_so_ever_after(evolving: Evolving):
    evolving.train(After(5))
    evolving.write(SOURCE.replace("nn.ReLU", "nn.Tanh"))
    assert not evolving.train(After(2), allow=True).finished
    finished = evolving.train()  # the changed network is the run's by now
    said = ("resumed after the network's code had changed: earlier steps used the old code",)
    assert finished.events == said
    assert json.loads((evolving.folder / "finished.json").read_text())["events"] == list(said)
    assert json.loads((evolving.folder / "checkpoints/last/run.json").read_text())["events"] == list(said)


def test_a_run_from_before_networks_were_recorded_goes_on(evolving: Evolving):
    evolving.train(After(5))
    asked = evolving.folder / REQUEST
    request = json.loads(asked.read_text())
    assert request.pop("network")
    asked.write_text(json.dumps(request))
    assert evolving.train().events == ()


def test_a_run_that_goes_on_elsewhere_says_so(evolving: Evolving):
    evolving.train(After(5))
    path = evolving.folder / ENVIRONMENT
    environment = json.loads(path.read_text())
    environment["versions"]["torch"], environment["device"] = "1.0", "an abacus"
    path.write_text(json.dumps(environment))
    evolving.train(After(2))
    events = evolving.train().events
    assert len(events) == 2, "the third attempt ran on what the second did"
    assert events[0] == f"resumed with torch {torch.__version__}, previously 1.0"
    assert events[1].endswith("previously on an abacus")


def test_a_checkpoint_of_a_network_that_has_changed_since_is_told(evolving: Evolving):
    evolving.train()
    evolving.write(SOURCE.replace("nn.ReLU", "nn.Tanh"))
    data = DeviceData.of(evolving.dataset, CPU)
    chosen = EvaluationConfig(epsilon=0.1, attacks=("fgsm",), alarm_samples=0)
    candidates = find(evolving.folder / "checkpoints" / "last")
    said: list[str] = []

    def progress(name: str):
        return nullcontext(Watch().evaluating(name, Stop()))

    (found,) = evaluate_together(
        candidates, ("made-up", evolving.dataset), data, chosen, None, progress, on_note=said.append
    )
    assert "but other code" in said[0]
    told = [finding for finding in found.evaluation.findings if finding.check == "network"]
    assert [finding.level for finding in told] == ["amber"]


def test_one_command_has_a_folder_at_a_time(tmp_path: Path, dataset: Dataset):
    config = TrainConfig(method="erm", epochs=1, evaluation_steps=4, epsilon=0.1)
    with RunFolder(tmp_path / "run").alone(), pytest.raises(Conflict, match=r"Another command is using .*; wait"):
        train(dataset, "made-up", config, None, tmp_path / "run")
    assert not (tmp_path / "run" / REQUEST).exists(), "not even its request is written"
    assert train(dataset, "made-up", config, None, tmp_path / "run").finished


@pytest.fixture
def dataset() -> Dataset:
    return make_dataset()


def test_results_in_json_hold_no_nan(tmp_path: Path, dataset: Dataset):
    black = dataset.x_test.copy()
    black[:4] = 0
    config = TrainConfig(
        method="pgd",
        network="tests.own_networks:standardizing",
        epochs=1,
        attack_steps=4,
        evaluation_steps=4,
        epsilon=0.1,
        learning_rate=0.01,
    )
    train(replace(dataset, x_test=black), "made-up", config, None, tmp_path)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    files = [*tmp_path.rglob("*.json"), *tmp_path.rglob("*.jsonl")]
    assert len(files) > 8
    for path in files:
        for line in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            json.loads(line, parse_constant=refuse)
