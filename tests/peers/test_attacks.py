"""Attacks give the same images as the released packages, bit for bit."""

from collections.abc import Generator

import pytest
import torch

from memscore.errors import MissingPackage
from memscore.learning.networks import ResNet9
from trainer.attacks import Attack
from trainer.verification.material import Material, patterns
from trainer.verification.peers import COMPARISONS, Comparison

pytestmark = [
    pytest.mark.peers,
    pytest.mark.filterwarnings("ignore"),  # the packages' own
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise() -> Material:
    """Images of CIFAR's size, a ResNet-9 that has learned nothing, and its own labels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (16, 3, 32, 32), generator=generator).float() / 255
    torch.manual_seed(0)
    network = ResNet9(3, 10, 8)
    network(images)
    attack = Attack(epsilon=8 / 255, step_size=2 / 255, steps=20, random_start=False)
    return Material(network.eval(), images, network(images).argmax(dim=1), attack)


@pytest.fixture(scope="module", params=[patterns, noise], ids=["patterns", "noise"])
def material(request: pytest.FixtureRequest) -> Material:
    return request.param()


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda one: f"{one.peer}, {one.attack}")
def test_adversarial_images_are_identical(comparison: Comparison, material: Material):
    try:
        ours, theirs = comparison.images(material)
    except MissingPackage as error:
        pytest.skip(str(error))
    assert not torch.equal(ours, material.images)
    assert torch.equal(ours, theirs), f"{(ours != theirs).sum()} pixels differ, by {(ours - theirs).abs().max():g}"
