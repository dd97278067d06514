"""What can only be seen on a GPU: that trials repeat there bit for bit, and that a recorded step is the step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from memscore.learning import single, stack
from memscore.learning.data import DeviceData
from memscore.learning.replay import Replay
from memscore.learning.single import train_single
from memscore.learning.stack import train_stack
from memscore.learning.unit import prepare, train_unit
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import block_membership, units
from tests.conftest import QUICK, make_dataset
from trainer.presets import configured
from trainer.run import train_network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

STACK = QUICK.model_copy(update={"batch_size": 16, "epochs": 4})
SINGLE = Recipe(
    network="resnet9",
    options={"width": 8},
    epochs=4,
    batch_size=16,
    learning_rate=0.05,
    weight_decay=5e-4,
    warmup=0.2,
    crop=1,
    flip=True,
    plain_epochs=2,
    precision="bfloat16",
)
RECIPES = {
    "stack": STACK,
    "stack in bfloat16": STACK.model_copy(update={"precision": "bfloat16"}),
    "single": SINGLE,
    "single in float32, AdamW": SINGLE.model_copy(
        update={"precision": "float32", "optimizer": "adamw", "learning_rate": 0.001}
    ),
    "resnet18": SINGLE.model_copy(update={"network": "resnet18", "options": {}}),
    "cnn": SINGLE.model_copy(update={"network": "cnn", "options": {"width": 8}, "crop": 0, "flip": False}),
}
by_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


@pytest.fixture(scope="module")
def data() -> DeviceData:
    prepare(torch.device("cuda"))
    return DeviceData.of(make_dataset(train=120), torch.device("cuda"))


@by_recipe
def test_a_unit_has_the_same_bits_again(data: DeviceData, recipe: Recipe):
    unit = units(recipe, 1)[0]
    first, second = ([trial.digest for trial in train_unit(data, recipe, Design(), unit)] for _ in range(2))
    assert first == second


@by_recipe
def test_a_recorded_step_is_the_step(data: DeviceData, recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    membership = block_membership(Design(), 120, 0)
    replayed: list[int] = []
    call = Replay.__call__

    def counted(replay: Replay) -> None:
        call(replay)
        replayed.append(replay.graph is not None)

    def trained() -> dict[str, torch.Tensor]:
        if recipe.stacked:
            return train_stack(data, recipe, membership, (0,)).state_dict()
        return train_single(data, recipe, membership[0], (0,)).state_dict()

    with monkeypatch.context() as patch:
        patch.setattr(Replay, "__call__", counted)
        recorded = trained()
    assert sum(replayed) > 4
    assert len(replayed) == recipe.epochs * (84 // recipe.batch_size)

    def plainly(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
        return step

    monkeypatch.setattr(single, "Replay", plainly)
    monkeypatch.setattr(stack, "Replay", plainly)
    for name, value in trained().items():
        assert torch.equal(value, recorded[name]), name


def test_trials_learn_on_a_gpu_what_they_learn_on_a_cpu(data: DeviceData):
    recipe = STACK.model_copy(update={"epochs": 40, "hidden": (32,)})
    on_cpu = DeviceData.of(make_dataset(train=120), torch.device("cpu"))
    unit = units(recipe, 1)[0]
    accuracies = [
        np.mean([[trial.in_accuracy, trial.test_accuracy] for trial in train_unit(where, recipe, Design(), unit)], 0)
        for where in (data, on_cpu)
    ]
    assert np.abs(accuracies[0] - accuracies[1]).max() < 0.03


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "pgd"},
        {"method": "pgd", "inner": "n-fgsm", "averaging": 0.9},
        {"method": "trades", "precision": "bfloat16"},
        {"method": "mart"},
        {"method": "gairat"},
        {"method": "dpls"},
        {"method": "bat", "precision": "bfloat16", "crop": 1, "flip": True},
    ],
)
def test_training_has_the_same_bits_again(fields: dict[str, Any]):
    dataset = make_dataset(train=120)
    mem = np.linspace(0, 1, 120).astype(np.float32)
    config = configured(**fields, epochs=2, batch_size=16, attack_steps=3, network_options={"width": 8})
    first, second = (train_network(dataset, config, mem).state_dict() for _ in range(2))
    assert all(value.is_cuda for value in first.values())
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
