"""What changes a step: averaged and perturbed weights, precision, schedules, and the guard of single-step attacks."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from memscore.learning.networks import SmallCNN, Wrapped
from tests.conftest import make_dataset
from trainer.config import TrainConfig
from trainer.data import TrainingData
from trainer.distributed import ALONE
from trainer.folder import RunFolder
from trainer.learner import Learner
from trainer.ledger import estimate
from trainer.loop import Loop
from trainer.methods import METHODS, Batch, Loss, Step
from trainer.metrics import read_metrics
from trainer.model import Model
from trainer.network import initial_network
from trainer.perturbation import perturbed
from trainer.presets import PRESETS, configured
from trainer.schedule import learning_rate
from trainer.step_draws import Draws
from trainer.stopping import Stop

CPU = torch.device("cpu")


def learner(config: TrainConfig) -> Learner:
    torch.manual_seed(0)
    return Learner(SmallCNN(1, 10, 4), config)


def batch(number: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(number)
    images = torch.rand(16, 1, 8, 8, generator=generator)
    return Batch(images, torch.randint(0, 10, (16,), generator=generator), torch.rand(16, generator=generator))


def step(config: TrainConfig, number: int = 0) -> Step:
    return Step(config.training_attack, Draws(0, 0, number))


def test_averaged_weights_are_a_moving_average_and_statistics_are_the_networks():
    """Its decay at update t, counted from 0, is (1 + t) / (10 + t): 0.1, 2/11, ..., and no more than asked."""
    config = TrainConfig(method="erm", averaging=0.4)
    one = learner(config)
    expected = one.network.head.weight.detach().clone()
    decays = []
    for number in range(12):
        one.learn(batch(number), step(config, number), 0.1)
        decays.append(min(0.4, (1 + number) / (10 + number)))
        expected = decays[-1] * expected + (1 - decays[-1]) * one.network.head.weight.detach()
    assert decays[:2] == [0.1, 2 / 11]
    assert decays[-1] == 0.4
    averaged = one.networks()["averaged-"]
    torch.testing.assert_close(averaged.head.weight, expected)
    statistics, networks = dict(averaged.named_buffers()), dict(one.network.named_buffers())
    assert all(torch.equal(statistics[name], networks[name]) for name in networks)


def test_the_average_of_a_short_run_is_not_held_back_by_its_first_weights():
    """42 steps at a decay of 0.999, which alone would leave 96 % of the weights that the run began with."""
    config = TrainConfig(method="erm", averaging=0.999)
    one = learner(config)
    initial = copy.deepcopy(one.network)
    for number in range(42):
        one.learn(batch(number % 2), step(config, number), 0.05)

    def loss(network: nn.Module) -> float:
        network.eval()
        return nn.functional.cross_entropy(network(batch().images), batch().labels).item()

    networks = one.networks()
    assert loss(networks["averaged-"]) < loss(initial) / 2
    moved, way = (one_of.head.weight - initial.head.weight for one_of in (networks["averaged-"], networks[""]))
    assert (moved.norm() / way.norm()).item() > 0.5


def test_the_average_goes_on_where_its_run_was_interrupted():
    config = TrainConfig(method="erm", averaging=0.9)
    whole, first, second = learner(config), learner(config), learner(config)
    for number in range(8):
        whole.learn(batch(number), step(config, number), 0.1)
        if number == 4:
            second.restore({name: value.clone() for name, value in first.tensors().items()})
        (first if number < 4 else second).learn(batch(number), step(config, number), 0.1)
    ours, theirs = second.tensors(), whole.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_perturbed_weights_raise_the_loss_and_come_back_to_the_bit():
    torch.manual_seed(0)
    network = SmallCNN(1, 10, 4)
    one = batch()

    def loss() -> torch.Tensor:
        return nn.functional.cross_entropy(network(one.images), one.labels)

    before = copy.deepcopy(network.state_dict())
    plain = loss().item()
    network.load_state_dict(before)
    with perturbed(network, loss, 0.05, ALONE):
        assert loss().item() > plain
        change = network.head.weight - before["head.weight"]
        assert change.norm().item() == pytest.approx(0.05 * before["head.weight"].norm().item(), rel=1e-5)
        assert torch.equal(network.head.bias, before["head.bias"])
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    tracked = network.state_dict()["stages.0.1.num_batches_tracked"]
    assert tracked == 1  # of the pass within the block, and not of the one that found the perturbation


class Idle(SmallCNN):
    """Has a layer that nothing goes through."""

    def __init__(self) -> None:
        super().__init__(1, 10, 4)
        self.unused = nn.Linear(3, 3)


def test_a_layer_that_the_loss_does_not_depend_on_is_not_perturbed():
    torch.manual_seed(0)
    network, one = Idle(), batch()
    before = copy.deepcopy(network.state_dict())

    def loss() -> torch.Tensor:
        return nn.functional.cross_entropy(network(one.images), one.labels)

    with perturbed(network, loss, 0.05, ALONE):
        assert torch.equal(network.unused.weight, before["unused.weight"])
        assert not torch.equal(network.head.weight, before["head.weight"])
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    config = TrainConfig(method="pgd", weight_perturbation=0.05, attack_steps=2, averaging=0.9)
    assert Learner(network, config).learn(one, step(config), 0.1).value.isfinite()


def test_weight_perturbation_begins_after_its_warm_up():
    weights = {}
    for warmup in (0.0, 1.0):
        config = TrainConfig(method="erm", weight_perturbation=0.05, perturbation_warmup=warmup)
        one = learner(config)
        one.learn(batch(), step(config), 0.1)
        weights[warmup] = one.network.head.weight.detach()
    plain = learner(TrainConfig(method="erm"))
    plain.learn(batch(), step(plain.config), 0.1)
    assert torch.equal(weights[1.0], plain.network.head.weight)
    assert not torch.equal(weights[0.0], plain.network.head.weight)


def test_bfloat16_is_inside_and_float32_outside():
    network = SmallCNN(1, 10, 4)
    images = batch().images
    exact, rough = Model(network)(images), Model(network, autocast=True)(images)
    assert rough.dtype == torch.float32
    assert not torch.equal(exact, rough)
    torch.testing.assert_close(exact, rough, atol=0.1, rtol=0.1)


def test_train_mode_crafting_updates_statistics_and_eval_mode_does_not():
    tracked = {}
    for mode in ("eval", "train"):
        config = TrainConfig.model_validate({"method": "pgd", "attack_steps": 3, "attack_mode": mode})
        one = learner(config)
        one.learn(batch(), step(config), 0.1)
        tracked[mode] = int(one.network.state_dict()["stages.0.1.num_batches_tracked"])
    assert tracked == {"eval": 1, "train": 4}


def test_schedules_by_hand():
    steps = TrainConfig(method="erm", epochs=160, learning_rate=0.1)
    assert [learning_rate(steps, epoch, 0) for epoch in (0, 79, 80, 119, 120, 159)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    )
    cyclic = TrainConfig(method="erm", epochs=10, learning_rate=0.2, schedule="cyclic")
    assert [learning_rate(cyclic, *at) for at in ((0, 0), (2, 0), (4, 0), (7, 0), (9, 1))] == pytest.approx(
        [0, 0.1, 0.2, 0.1, 0]
    )
    cosine = TrainConfig(method="erm", epochs=10, learning_rate=0.2, schedule="cosine")
    assert [learning_rate(cosine, *at) for at in ((0, 0), (5, 0), (9, 1))] == pytest.approx([0.2, 0.1, 0])


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("method", list(METHODS))
def test_every_preset_is_a_configuration_of_every_method(name: str, method: str):
    config = configured(method, name, epochs=7)
    assert (config.method, config.epochs) == (method, 7)


def test_the_paper_is_160_epochs_with_falls_after_80_and_120():
    for method in ("pgd", "trades", "mart", "gairat", "bat"):
        config = configured(method, "paper")
        rates = [learning_rate(config, epoch, 0) for epoch in range(160)]
        assert [epoch for epoch in range(1, 160) if rates[epoch] != rates[epoch - 1]] == [80, 120]
    assert configured("trades", "paper").options["beta"] == 5
    assert configured("mart", "paper").learning_rate == 0.01
    assert configured("bat", "paper", options={"alpha": 2.0}).options == {"alpha": 2.0, "beta": 0.2}


def test_originals_fall_where_their_authors_do():
    """After their epochs 75 and so on, which they count from 1."""
    mart = configured("mart", "original")
    assert [learning_rate(mart, epoch - 1, 0) for epoch in (74, 75, 89, 90, 99, 100)] == pytest.approx(
        [1e-2, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5]
    )
    trades = configured("trades", "original")
    assert [learning_rate(trades, epoch - 1, 0) for epoch in (74, 75, 76)] == pytest.approx([0.1, 0.01, 0.01])


def test_a_collapse_under_single_step_attacks_goes_back_and_ends_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The second epoch is measured as a collapse, once."""
    dataset = make_dataset()
    config = TrainConfig(
        method="pgd", inner="n-fgsm", epochs=3, batch_size=16, evaluation_steps=1, network_options={"width": 4}
    )
    data = TrainingData(dataset, None, config, CPU)
    folder = RunFolder(tmp_path)
    folder.begin(config)
    course = Loop(Learner(initial_network(dataset, config, CPU), config), data, folder)
    accuracies = iter([0.5, 0.1, 0.5, 0.5])
    measured = {"clean": 0.6}
    monkeypatch.setattr(course, "_measure", lambda: {"": {"validation": measured | {"adversarial": next(accuracies)}}})
    seen: list[tuple[bool, int]] = []
    real = course.learner.learn

    def learn(batch: Batch, step: Step, rate: float) -> Loss:
        seen.append((step.single_step, step.attack.steps))
        return real(batch, step, rate)

    monkeypatch.setattr(course.learner, "learn", learn)
    assert course.run(Stop())
    assert set(seen[: 2 * data.steps]) == {(True, 10)}
    assert set(seen[2 * data.steps :]) == {(False, 2)}
    records = read_metrics(tmp_path)
    assert [record.get("epoch", "event") for record in records] == [1, "event", 2, 3]
    assert "two-step attacks" in records[1]["event"]


@pytest.mark.parametrize("method", ["erm", "pgd", "trades", "bat"])
def test_the_estimate_counts_what_a_step_costs(method: str):
    dataset = make_dataset()
    config = TrainConfig(method=method, batch_size=16, attack_steps=4, evaluation_steps=1, network_options={"width": 4})
    data = TrainingData(dataset, torch.rand(60).numpy(), config, CPU)
    network = initial_network(dataset, config, CPU)
    before = copy.deepcopy(network.state_dict())
    cost = estimate(Learner(network, config), data)
    assert {"erm": (1, 1), "pgd": (5, 5), "trades": (7, 6), "bat": (5, 5)}[method] == (cost.forwards, cost.backwards)
    assert cost.steps == config.epochs * data.steps
    assert cost.seconds > 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_that_the_last_step_of_an_epoch_spoils_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = make_dataset()
    config = TrainConfig(method="erm", epochs=2, batch_size=16, evaluation_steps=1, network_options={"width": 4})
    data = TrainingData(dataset, None, config, CPU)
    folder = RunFolder(tmp_path)
    folder.begin(config)
    course = Loop(Learner(initial_network(dataset, config, CPU), config), data, folder)
    real, taken = course.learner.learn, []

    def learn(batch: Batch, step: Step, rate: float) -> Loss:
        loss = real(batch, step, rate)
        taken.append(rate)
        if len(taken) == data.steps:
            with torch.no_grad():
                course.learner.network.head.bias.fill_(torch.nan)
        return loss

    monkeypatch.setattr(course.learner, "learn", learn)
    assert course.run(Stop())
    assert taken[data.steps] == taken[0] / 2
    assert course.learner.finite()


class Scaled(nn.Module):
    """What leaves its last linear layer is not what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(64, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 3 * self.last(images.flatten(1))


def test_the_loss_is_of_what_a_network_of_the_users_gives():
    network = Wrapped(Scaled(), 10)
    config = TrainConfig(method="erm")
    expected = nn.functional.cross_entropy(network(batch().images), batch().labels).item()
    assert Learner(network, config).learn(batch(), step(config), 0.1).value.item() == pytest.approx(expected)
    features, logits = network.represent(batch().images)
    assert torch.equal(logits, network(batch().images))
    assert torch.equal(features, batch().images.flatten(1))


def test_ordinary_training_has_no_single_step_attacks_to_give_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = make_dataset()
    config = TrainConfig(method="erm", inner="n-fgsm", epochs=2, batch_size=16, network_options={"width": 4})
    course = Loop(
        Learner(initial_network(dataset, config, CPU), config),
        TrainingData(dataset, None, config, CPU),
        RunFolder(tmp_path),
    )
    accuracies = iter([0.5, 0.1])
    measured = {"clean": 0.6}
    monkeypatch.setattr(course, "_measure", lambda: {"": {"validation": measured | {"adversarial": next(accuracies)}}})
    assert course.run(Stop())
    assert not course.standing.rollbacks
