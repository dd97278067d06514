"""Weights of any origin: containers and prefixes of training codes, and files that are refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from memscore.datasets.dataset import Dataset
from memscore.errors import InvalidInput
from memscore.learning.networks import SmallCNN
from tests.conftest import make_dataset
from trainer.evaluation.checkpoint_paths import find, load
from trainer.state_file import weights_in


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_dataset()


@pytest.fixture(scope="module")
def network(dataset: Dataset) -> SmallCNN:
    torch.manual_seed(3)
    return SmallCNN(dataset.x_train.shape[3], dataset.classes)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "ckpt", "safetensors"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module.", "model."])
def test_weights_of_any_file_and_wrapper_are_loaded(
    dataset: Dataset, network: SmallCNN, tmp_path: Path, suffix: str, prefix: str
):
    file = tmp_path / f"mine.{suffix}"
    state = {prefix + name: value for name, value in network.state_dict().items()}
    save_file(state, file) if suffix == "safetensors" else torch.save(state, file)
    (candidate,) = find(file)
    assert same(load(candidate, dataset, "cnn").state_dict(), dict(network.state_dict()))


@pytest.mark.parametrize("name", ["state_dict", "model", "net", "model_state_dict", "rmodel"])
def test_a_state_dict_among_other_things_is_found(network: SmallCNN, tmp_path: Path, name: str):
    kept = {"epoch": 3, "optimizer": {"state": {}, "lr": 0.1}, name: network.state_dict()}
    torch.save(kept, tmp_path / "all.pt")
    assert same(weights_in(tmp_path / "all.pt"), dict(network.state_dict()))


class Planted:
    """What runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("planted"),))


def test_no_code_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Planted()}, "planted.pt")
    with pytest.raises(InvalidInput, match="loading it could run code; where you trust it, save the state dict alone"):
        weights_in(Path("planted.pt"))
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Planted()))
    with pytest.raises(InvalidInput):
        weights_in(tmp_path / "plain.pt")
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"epoch": 3}, "holds no state dict; save one: torch.save"),
        ([torch.zeros(3)], "holds no state dict"),
        ({}, "holds no state dict"),
        ({"state_dict": {"a": 1}}, "holds no state dict"),
        (np.zeros(3), "could run code|holds no state dict"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, kept: Any, said: str):
    torch.save(kept, tmp_path / "a.pt")
    with pytest.raises(InvalidInput, match=said) as raised:
        weights_in(tmp_path / "a.pt")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, suffix: str):
    file = tmp_path / f"a.{suffix}"
    weights = {"whole": torch.arange(3), "layer.weight": torch.tensor([1.0, torch.nan])}
    torch.save(weights, file) if suffix == "pt" else save_file(weights, file)
    with pytest.raises(
        InvalidInput, match=r"has weights that are not finite, in layer\.weight; its training has failed"
    ):
        weights_in(file)


@pytest.mark.parametrize("payload", [b"", b"no weights", b"junk", b"PK\x03\x04 cut", bytes(range(256))])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_damaged_files_are_refused(tmp_path: Path, payload: bytes, suffix: str):
    file = tmp_path / f"a.{suffix}"
    file.write_bytes(payload)
    with pytest.raises(InvalidInput, match=r"is not a|could run code") as raised:
        weights_in(file)
    assert "\n" not in str(raised.value)


def test_weights_of_another_network_are_refused(dataset: Dataset, tmp_path: Path):
    torch.save({"module.head.weight": torch.zeros(2, 2)}, tmp_path / "a.pth")
    with pytest.raises(InvalidInput, match=r"are not those of cnn: .* names are in only one of them"):
        load(find(tmp_path / "a.pth")[0], dataset, "cnn")
