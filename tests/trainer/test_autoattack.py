"""AutoAttack by parts: what the package itself finds, with any number of classes, and its warnings collected."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput, MissingPackage
from memscore.learning.networks import SmallCNN
from trainer.attacks import autoattack
from trainer.attacks.survival import correct


def made(classes: int) -> tuple[nn.Module, Tensor, Tensor]:
    """A small network, eight images, and the labels that it gives to all but the first."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, classes)).eval()
    images = torch.rand(8, 1, 4, 4)
    with torch.no_grad():
        labels = network(images).argmax(dim=1)
    labels[0] = (labels[0] + 1) % classes
    return network, images, labels


def left_by(part: str, network: nn.Module, images: Tensor, labels: Tensor, epsilon: float, classes: int) -> Tensor:
    return autoattack.survives_part(part, network, images, labels, epsilon, classes, seed=3)[0]


@pytest.mark.parametrize("classes", [2, 3, 4, 5])
def test_few_classes_have_fewer_targets_and_parts(classes: int):
    network, images, labels = made(classes)
    parts = autoattack.parts(classes)
    assert ("apgd-t" in parts, "apgd-dlr" in parts) == (classes > 3, classes == 3)
    for part in parts:
        if part != "square":  # whose 5,000 queries take seconds
            assert not left_by(part, network, images, labels, 1e-3, classes)[0]
            assert left_by(part, network, images, labels, 1e-6, classes)[1:].all()


def test_one_class_is_refused():
    with pytest.raises(InvalidInput, match="at least two classes"):
        autoattack.parts(1)


def test_the_parts_find_what_the_package_finds_bit_for_bit():
    package = importlib.import_module("pyautoattack").AutoAttack
    network, images, labels = made(5)
    epsilon = 0.15
    names: Any = ["apgd-ce", "apgd-t", "fab-t"]
    whole = package(network, attacks=names, version="custom", eps=epsilon, seed=3)
    whole.apgd.n_restarts = 1
    whole.apgd_targeted.n_target_classes = whole.fab.n_target_classes = 4
    _, predicted = whole.run_standard_evaluation(images, labels, batch_size=8)
    left = correct(network, images, labels)
    for part in names:
        left[left.clone()] = left_by(part, network, images[left], labels[left], epsilon, 5)
    assert torch.equal(left, predicted == labels)
    assert 0 < left.sum() < 7


def test_a_part_leaves_generators_and_gradients_alone():
    network, images, labels = made(4)
    network.train()
    state = torch.random.get_rng_state()
    left_by("apgd-ce", network, images, labels, 0.1, 4)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert network.training
    assert all(one.requires_grad and one.grad is None for one in network.parameters())


def test_images_in_channels_last_order_are_taken():
    torch.manual_seed(0)
    network = SmallCNN(3, 4, 4).eval()
    images = torch.rand(6, 4, 4, 3).permute(0, 3, 1, 2)
    labels = network(images).argmax(dim=1)
    for part in ("apgd-ce", "apgd-t", "fab-t"):
        assert left_by(part, network, images, labels, 1e-6, 4).all()


def test_its_own_checks_see_probabilities_and_randomness():
    network, images, labels = made(4)
    assert autoattack.check(network, images, labels) == []
    texts = autoattack.check(nn.Sequential(network, nn.Softmax(dim=1)), images, labels)
    assert len(texts) == 1
    assert "probability distribution" in texts[0]

    class Noisy(nn.Module):
        def forward(self, batch: Tensor) -> Tensor:
            return network(batch + 0.1 * torch.randn_like(batch))

    assert "randomized" in autoattack.check(Noisy(), images, labels)[0]


def test_without_the_package_a_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(autoattack, "import_module", missing)
    with pytest.raises(MissingPackage, match="pip install pyautoattack, or leave autoattack out"):
        autoattack.require()
