"""Attacks: within their ball, without side effects, and as strong as they should be."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscore.datasets import load_source
from memscore.learning.data import DeviceData, pixels
from memscore.learning.networks import SmallCNN
from trainer.attacks import Attack, pgd
from trainer.config import TrainConfig
from trainer.evaluation import correct
from trainer.run import train_network

Data = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def network() -> SmallCNN:
    torch.manual_seed(0)
    return SmallCNN(1, 10, 4)


@pytest.fixture(scope="module")
def digits() -> Data:
    dataset = load_source("digits")
    data = DeviceData.of(dataset, torch.device("cpu"))
    return pixels(data.x_test), data.y_test


@pytest.fixture(scope="module")
def trained() -> SmallCNN:
    network = train_network(
        load_source("digits"),
        TrainConfig(method="pgd", epochs=2, attack_steps=2, network_options={"width": 8}),
    )
    assert isinstance(network, SmallCNN)
    return network.to("cpu")  # where there is a GPU, it was trained there


@given(epsilon=st.floats(0, 1), steps=st.integers(1, 4), start=st.booleans(), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_adversarial_images_stay_in_the_ball_and_in_the_pixel_range(epsilon: float, steps: int, start: bool, seed: int):
    torch.manual_seed(0)
    network = SmallCNN(1, 10, 4)
    generator = torch.Generator().manual_seed(seed)
    images, labels = torch.rand(6, 1, 8, 8, generator=generator), torch.arange(6)
    attack = Attack(epsilon=epsilon, step_size=epsilon, steps=steps, random_start=start)
    adversarial = pgd(network, images, labels, attack, generator)
    assert (adversarial - images).abs().max() <= epsilon + 1e-6
    assert adversarial.min() >= 0
    assert adversarial.max() <= 1
    assert not adversarial.requires_grad


@pytest.mark.parametrize("training", [True, False])
def test_modes_buffers_and_gradients_are_left_alone(network: SmallCNN, digits: Data, training: bool):
    network.train(training)
    network.stages[1].eval()
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.head.bias.grad = torch.ones(10)
    frozen = network.head.weight.requires_grad_(False)
    pgd(network, digits[0][:8], digits[1][:8], Attack(epsilon=0.1, step_size=0.05, steps=2))
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
    assert torch.equal(network.head.bias.grad, torch.ones(10))
    assert not frozen.requires_grad
    assert network.head.bias.requires_grad
    assert all(p.grad is None for p in network.parameters() if p is not network.head.bias)
    frozen.requires_grad_(True)
    network.head.bias.grad = None


def test_the_random_start_comes_from_the_generator(network: SmallCNN, digits: Data):
    attack = Attack(epsilon=0.1, step_size=0.02, steps=1)
    images, labels = digits[0][:8], digits[1][:8]

    def crafted(seed: int) -> torch.Tensor:
        return pgd(network, images, labels, attack, torch.Generator().manual_seed(seed))

    assert torch.equal(crafted(1), crafted(1))
    assert not torch.equal(crafted(1), crafted(2))


def test_one_step_without_random_start_is_fgsm(network: SmallCNN, digits: Data):
    images, labels = digits[0][:16], digits[1][:16]
    network.eval()
    probe = images.clone().requires_grad_()
    torch.nn.functional.cross_entropy(network(probe), labels).backward()
    assert probe.grad is not None
    expected = (images + 0.1 * probe.grad.sign()).clamp(0, 1)
    network.zero_grad()
    crafted = pgd(network, images, labels, Attack(epsilon=0.1, step_size=0.1, steps=1, random_start=False))
    torch.testing.assert_close(crafted, expected, atol=1e-7, rtol=0)


def test_no_room_to_move_gives_clean_accuracy(trained: SmallCNN, digits: Data):
    none = Attack(epsilon=0, step_size=0.1, steps=3)
    assert (correct(trained, *digits) == correct(trained, *digits, none)).all()


def test_accuracy_falls_with_epsilon_to_nothing(trained: SmallCNN, digits: Data):
    accuracy = [
        correct(trained, *digits, Attack(epsilon=e, step_size=e / 4, steps=20, random_start=False)).mean()
        for e in (0.02, 0.1, 0.3, 1.0)
    ]
    assert accuracy == sorted(accuracy, reverse=True)
    assert accuracy[0] > 0.5
    assert accuracy[-1] < 0.05


def test_more_steps_are_no_weaker_than_one(trained: SmallCNN, digits: Data):
    one = Attack(epsilon=0.1, step_size=0.1, steps=1, random_start=False)
    twenty = Attack(epsilon=0.1, step_size=0.025, steps=20, random_start=False)
    assert correct(trained, *digits, twenty).mean() <= correct(trained, *digits, one).mean()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_steps_are_taken_in_the_images_layout_of_memory(layout: torch.memory_format):
    torch.manual_seed(0)
    network, images = SmallCNN(3, 10, 4), torch.rand(4, 3, 8, 8).to(memory_format=layout)
    attack = Attack(epsilon=0.1, step_size=0.05, steps=2)
    assert pgd(network, images, torch.arange(4), attack).is_contiguous(memory_format=layout)
