"""Networks that people bring: trained, resumed, attacked and estimated; or refused before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from memscore.datasets.dataset import Dataset, build_dataset
from memscore.errors import Diverged, InvalidInput
from memscore.learning.data import DeviceData
from memscore.learning.networks.behaviour import signature_of
from memscore.learning.unit import train_unit
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import Unit
from tests.trainer.stops import After
from trainer.config import TrainConfig
from trainer.evaluation import EvaluationConfig, evaluate
from trainer.run import train
from trainer.stopping import Stop

CPU = torch.device("cpu")
USABLE = (
    *("lenet", "tied", "dropping", "mobilenet", "squeezenet", "resnet", "transformer", "group_norm"),
    *("standardizing", "auxiliary", "in_place", "lazy", "half"),
)


@pytest.fixture(scope="module")
def images() -> Dataset:
    """Colour images of 32 x 32 in three classes, told apart by their tints."""
    rng = np.random.default_rng(0)

    def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 3
        tint = np.eye(3)[labels][:, None, None, :] * 90
        return (tint + rng.integers(40, 160, (count, 32, 32, 3))).astype(np.uint8), labels

    return build_dataset(*drawn(24), *drawn(6), source="made up")


def with_test_images(dataset: Dataset, images: np.ndarray) -> Dataset:
    return build_dataset(dataset.x_train, dataset.y_train, images, dataset.y_test, source="made up")


def config(name: str, **changes: object) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "method": "pgd",
            "network": f"tests.own_networks:{name}",
            "epochs": 2,
            "batch_size": 11,  # the last batch of an epoch is of another size
            "attack_steps": 1,
            "evaluation_steps": 1,
            "learning_rate": 0.01,
            "epsilon": 0.1,
            **changes,
        }
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "checkpoints" / "last" / "weights.safetensors")


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one == "resnet")) for one in USABLE])
def test_a_run_that_is_interrupted_ends_bit_for_bit_as_one_that_is_not(
    name: str, images: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("trainer.run.ATTACKS", ("fgsm", "pgd-2"))  # PGD of 20 steps takes most of a run's time
    chosen = config(name)
    whole = train(images, "made-up", chosen, None, tmp_path / "whole", stop=Stop())
    assert whole.finished
    for steps in (1, 3):  # within the first epoch, and within the second
        torch.rand(7)  # where the global generator stands does not matter
        assert not train(images, "made-up", chosen, None, tmp_path / "parts", stop=After(steps)).finished
    parts = train(images, "made-up", chosen, None, tmp_path / "parts", stop=Stop())
    assert parts.finished
    one, other = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert list(one) == list(other)
    for key, value in one.items():
        assert torch.equal(value, other[key]), key
    assert [row.accuracy for row in parts.last.rows] == [row.accuracy for row in whole.last.rows]
    table = "evaluation/last/samples.parquet"
    assert (tmp_path / "whole" / table).read_bytes() == (tmp_path / "parts" / table).read_bytes()


@pytest.mark.parametrize("name", USABLE)
def test_every_attack_is_tried_in_batches_of_any_size(name: str, images: Dataset):
    from memscore.learning.networks import adopt, build_network

    torch.manual_seed(0)
    network = build_network(f"tests.own_networks:{name}", (3, 32, 32), 3, {})
    adopt(network, (3, 32, 32), 3, CPU)
    data = DeviceData.of(images, CPU)
    chosen = EvaluationConfig(
        epsilon=0.9,  # every sample is lost, and the parts of AutoAttack that follow have none left
        attacks=("fgsm", "pgd-2", "cw-2", "pgd-1x2", "autoattack"),
        splits=("test",),
        batch_size=4,
        alarm_samples=4,
    )
    found = evaluate(network.eval(), data, chosen)
    (row,) = found.rows
    assert row.count == 6
    assert all(accuracy.share is not None for accuracy in row.accuracy.values())
    clean = row.accuracy["clean"].share
    assert clean is not None
    assert all((accuracy.share or 0) <= clean for accuracy in row.accuracy.values())


@pytest.mark.parametrize("name", USABLE)
def test_trials_come_out_the_same_again_and_record_their_network(name: str, images: Dataset):
    recipe = Recipe(network=f"tests.own_networks:{name}", epochs=1, batch_size=9, learning_rate=0.01, crop=1, flip=True)
    data, signature = DeviceData.of(images, CPU), signature_of(f"tests.own_networks:{name}", (3, 32, 32), 3, {})
    first, again = (train_unit(data, recipe, Design(), Unit((3,)), signature=signature)[0] for _ in range(2))
    assert first.digest == again.digest
    assert first.network == signature


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "squeezing",
            r"logits of shape \[1, 3\] .* but returns shape \[3\]; .*instead of squeeze\(\), name",
        ),
        ("detached", "gradients do not flow back through the network"),
        ("blind", r"no gradient reaches the images, which attacks need; remove detach\(\)"),
        ("leaving", r"fails on images of shape \[1, 3, 32, 32\] \(SystemExit: 0\); use images of a supported size"),
        ("double", r"\(RuntimeError: Input type .* should be the same\); use images of a supported size, or fix"),
        ("complex_numbers", "floating-point logits, but returns complex64"),
        ("reporting", "a dict without logits; let forward return the logits"),
        ("fails_in_training", r"fails on images of shape \[2, 3, 32, 32\] in training mode \(ValueError: no training"),
        ("stateful", r"keeps a dict as extra state \(module._extra_state\), .* or use register_buffer"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_the_first_step(
    name: str, message: str, images: Dataset, tmp_path: Path
):
    with pytest.raises(InvalidInput, match=message) as refusal:
        train(images, "made-up", config(name), None, tmp_path / "run")
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()


def test_a_network_without_a_representation_trains_by_every_method_but_bat(images: Dataset, tmp_path: Path):
    mem = np.linspace(0, 1, 24, dtype=np.float32)
    from trainer.run import train_network

    headless = "tests.trainer.test_own_networks:headless"
    for method in ("erm", "trades"):
        train_network(images, config("", network=headless, method=method, epochs=1))
    train_network(images, config("", network=headless, method="bat", epochs=1, options={"beta": 0}), mem)
    with pytest.raises(InvalidInput, match=r"exposes no representation: it has no nn\.Linear"):
        train_network(images, config("", network=headless, method="bat", epochs=1), mem)


def headless(shape: tuple[int, int, int], classes: int) -> nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(shape[0], classes, 5, stride=3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    )


def test_a_trial_whose_outputs_are_not_numbers_has_diverged(images: Dataset):
    constant = images.x_test.copy()
    constant[2] = 7
    dark = with_test_images(images, constant)
    recipe = Recipe(network="tests.own_networks:standardizing", epochs=1, batch_size=9, learning_rate=0.01)
    with pytest.raises(Diverged, match="trial 4 are not finite for 1 of 6 test samples, the first at index 2"):
        train_unit(DeviceData.of(dark, CPU), recipe, Design(), Unit((4,)))


def test_a_sample_without_outputs_is_wrong_and_not_robust_and_that_is_told(images: Dataset, tmp_path: Path):
    constant = images.x_test.copy()
    constant[[0, 3]] = 0  # of class 0, which argmax takes for any row of NaN
    dark = with_test_images(images, constant)
    run = train(dark, "made-up", config("standardizing"), None, tmp_path)
    test = next(row for row in run.last.rows if (row.split, row.group) == ("test", "all"))
    for accuracy in test.accuracy.values():
        assert accuracy.share is not None
        assert accuracy.share <= 4 / 6
    told = [finding for finding in run.last.findings if finding.level == "red"]
    assert any("outputs for 2 of 6 test samples are not finite" in finding.found for finding in told)
