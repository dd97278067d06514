"""Tensors in files: weights under several names, and disks that are full."""

from __future__ import annotations

import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_model
from torch import Tensor, nn

from memscore.datasets.storage import save as save_dataset
from memscore.errors import InvalidInput, StoreError
from tests.conftest import make_dataset
from trainer import checkpoints
from trainer.config import TrainConfig
from trainer.evaluation.checkpoint_paths import find, load
from trainer.evaluation.journal import Journal
from trainer.resume import Snapshot, load_snapshot, save_snapshot
from trainer.run_state import RunState
from trainer.tensor_file import write_tensors

CONFIG = TrainConfig(method="erm")


class Alias(nn.Module):
    """One layer under two names."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(shape[0] * shape[1] * shape[2], classes)
        self.again = self.layer

    def forward(self, images: Tensor) -> Tensor:
        return self.again(images.flatten(1))


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        size = shape[0] * shape[1] * shape[2]
        self.first, self.second, self.head = nn.Linear(size, size), nn.Linear(size, size), nn.Linear(size, classes)
        self.second.weight = self.first.weight

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.second(self.first(images.flatten(1))))


@contextmanager
def no_room(size: int = 1_000) -> Generator[None]:
    """No file may become larger: the nearest thing to a full disk that needs no rights."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("network", [Alias, Tied])
def test_weights_under_several_names_are_kept_under_all(network: type[nn.Module], tmp_path: Path):
    module = network((1, 4, 4), 3)
    checkpoints.save(tmp_path, module, CONFIG, {})
    kept = load_file(tmp_path / checkpoints.WEIGHTS)
    assert kept.keys() == module.state_dict().keys()
    assert all(torch.equal(value, kept[name]) for name, value in module.state_dict().items())
    save_snapshot(tmp_path / "snapshot", Snapshot.of(module.state_dict(), RunState()))
    snapshot = load_snapshot(tmp_path / "snapshot")
    assert snapshot is not None
    assert snapshot.tensors.keys() == kept.keys()


@pytest.mark.parametrize("network", ["Alias", "Tied"])
def test_published_weights_that_leave_shared_names_out_are_evaluated(network: str, tmp_path: Path):
    dataset = make_dataset()
    shape = (dataset.x_train.shape[3], *dataset.x_train.shape[1:3])
    module = globals()[network](shape, dataset.classes).eval()
    save_model(module, str(tmp_path / "published.safetensors"))
    assert load_file(tmp_path / "published.safetensors").keys() < module.state_dict().keys()
    [candidate] = find(tmp_path / "published.safetensors")
    found = load(candidate, dataset, f"{__name__}:{network}")
    images = torch.rand(2, *shape)
    torch.testing.assert_close(found(images), module(images), rtol=0, atol=0)


def test_a_name_that_is_missing_and_not_shared_is_still_refused(tmp_path: Path):
    dataset = make_dataset()
    shape = (dataset.x_train.shape[3], *dataset.x_train.shape[1:3])
    state = {name: value for name, value in Tied(shape, dataset.classes).state_dict().items() if name != "head.bias"}
    write_tensors(tmp_path / "part.safetensors", {name: value.clone() for name, value in state.items()})
    [candidate] = find(tmp_path / "part.safetensors")
    with pytest.raises(InvalidInput, match=r"1 names are in only one of them, such as head\.bias"):
        load(candidate, dataset, f"{__name__}:Tied")


def test_a_full_disk_is_one_sentence_and_what_was_there_stays(tmp_path: Path):
    tensors = {"a": torch.arange(10_000.0)}
    save_snapshot(tmp_path / "snapshot", Snapshot.of(tensors, RunState(epoch=1)))
    checkpoints.save(tmp_path / "kept", nn.Linear(100, 100), CONFIG, {"epoch": 1})
    with no_room():
        with pytest.raises(InvalidInput, match=r"/snapshot cannot be written \(File too large\)\.$"):
            save_snapshot(tmp_path / "snapshot", Snapshot.of(tensors, RunState(epoch=2)))
        with pytest.raises(InvalidInput, match=r"/weights\.safetensors cannot be written \(File too large\)\.$"):
            checkpoints.save(tmp_path / "kept", nn.Linear(100, 100), CONFIG, {"epoch": 2})
        journal = Journal(tmp_path / "journal", {})
        with pytest.raises(InvalidInput, match="journal cannot be written"):  # a write may be cut short, or fail
            journal.add("unit", {"a": tensors["a"].numpy()})
    with (
        no_room(100),
        pytest.raises(StoreError, match=r"could not be written to .* \((File too large|No space left on device)\)"),
    ):
        save_dataset(make_dataset(), tmp_path)
    snapshot = load_snapshot(tmp_path / "snapshot")
    assert snapshot is not None
    assert snapshot.standing.epoch == 1
    assert checkpoints.describe(tmp_path / "kept")["epoch"] == 1
    assert not list(tmp_path.glob(".*"))
    save_snapshot(tmp_path / "snapshot", Snapshot.of(tensors, RunState(epoch=2)))
