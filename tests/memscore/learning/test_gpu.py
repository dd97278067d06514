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
from memscore.study.subsets import Unit, block_membership, units
from tests.conftest import QUICK, make_dataset
from tests.trainer.tape import Launches
from trainer.config import TrainConfig
from trainer.distributed import World
from trainer.learner import Learner
from trainer.methods import METHODS, Batch, Step
from trainer.network import initial_network
from trainer.presets import configured
from trainer.recording import records_of
from trainer.run import train_network
from trainer.step_draws import Draws

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

GPU = torch.device("cuda")
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


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_block_has_the_same_bits_in_any_place_of_a_stack_and_beside_any_others(precision: str):
    """With layers as large as Feldman and Zhang's, whose products choose other kernels than small ones."""
    prepare(GPU)
    data = DeviceData.of(make_dataset(train=400), GPU)
    recipe = STACK.model_copy(update={"precision": precision, "hidden": (512, 256), "epochs": 2})

    def digests(*blocks: int) -> dict[int, str]:
        unit = Unit(tuple(10 * block + place for block in blocks for place in range(10)))
        found = train_unit(data, recipe, Design(), unit)
        assert {trial.device for trial in found} == {f"{torch.cuda.get_device_name()}, stacks of 40"}
        return {trial.number: trial.digest for trial in found}

    together = digests(0, 1, 2, 3)
    for others in ((3, 2, 1, 0), (2,), (1, 7), (9, 8, 0)):
        for number, found in digests(*others).items():
            assert together.get(number, found) == found, (others, number)


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


ADVERSARIAL: dict[str, dict[str, Any]] = {
    "plain": {},
    "perturbed and averaged": {"weight_perturbation": 0.01, "averaging": 0.9},
    "bfloat16": {"precision": "bfloat16"},
    "folded in bfloat16": {"precision": "bfloat16", "fold_attack": True},
    "train mode": {"attack_mode": "train"},
}


def adversarial(method: str, fields: dict[str, Any]) -> TrainConfig:
    return configured(
        method, network="resnet18", network_options={}, batch_size=16, attack_steps=3, epochs=2, fold_attack=False
    ).model_copy(update=fields)


def stepped(config: TrainConfig, records: Launches | None) -> tuple[Learner, list[float]]:
    """A learner after twelve steps, half of them behind a burn-in or a warm-up, and one rollback; and its losses."""
    learner = Learner(initial_network(make_dataset(train=120), config, GPU), config, records=records)
    generator = torch.Generator().manual_seed(0)
    losses: list[float] = []
    for number in (*range(6), *range(3, 12)):
        images = torch.rand(16, 1, 8, 8, generator=generator).to(GPU)
        labels = torch.randint(0, 3, (16,), generator=generator).to(GPU)
        mem = torch.rand(16, generator=generator).to(GPU)
        step = Step(config.training_attack, Draws(0, 0, number), number / 12)
        losses.append(learner.learn(Batch(images, labels, mem), step, 0.1 / (number + 1)).value.item())
        if number == 5 and len(losses) == 6:
            learner.restore({name: value.clone() for name, value in learner.tensors().items()})
    return learner, losses


@pytest.mark.parametrize("fields", ADVERSARIAL.values(), ids=ADVERSARIAL)
@pytest.mark.parametrize("method", METHODS)
def test_recorded_adversarial_steps_are_the_launched_ones(method: str, fields: dict[str, Any]):
    prepare(GPU)
    config = adversarial(method, fields)
    (recorded, losses), (launched, expected) = stepped(config, None), stepped(config, Launches())
    assert recorded.recorded, "a recording was wrong and is not used"
    assert losses == expected
    assert recorded.model.passes == launched.model.passes
    for name, value in launched.tensors().items():
        assert torch.equal(value, recorded.tensors()[name]), name


def test_forty_recordings_in_one_process_do_not_disturb_each_other():
    """PyTorch keeps workspaces of matrix products by stream, and freeing one recording must not take another's."""
    prepare(GPU)
    config = adversarial("pgd", {"precision": "bfloat16"})
    _, expected = stepped(config, Launches())
    for _ in range(20):  # two recordings each, the first of which is freed
        learner, losses = stepped(config, None)
        assert losses == expected
        assert learner.recorded, "a recording was wrong and is not used"


def test_recordings_take_little_more_memory_than_launched_steps():
    prepare(GPU)
    config = adversarial("trades", {"weight_perturbation": 0.01})
    peaks: list[int] = []
    for records in (Launches(), None):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        learner, _ = stepped(config, records)
        peaks.append(torch.cuda.max_memory_reserved())
        del learner
    assert peaks[1] < 1.3 * peaks[0]


def test_steps_are_recorded_where_they_can_be():
    config = adversarial("pgd", {})
    network = initial_network(make_dataset(train=120), config, GPU)
    assert records_of(config, network, World()) is not None
    assert records_of(config.model_copy(update={"compile": True}), network, World()) is None
