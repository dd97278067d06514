"""Attacks give the same images as the released packages, bit for bit; steps of an l2 ball but for rounding."""

import sys
from collections.abc import Generator
from functools import cache

import pytest
import torch

from memscore.errors import MissingPackage
from memscore.learning.networks import ResNet9
from trainer.attacks import Attack
from trainer.attacks.autoattack import parts, survives_part
from trainer.verification.material import Material, patterns
from trainer.verification.peers import COMPARISONS, PeerAttack, imported

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


MATERIALS = {"patterns": cache(patterns), "noise": cache(noise)}

# AutoAttack on the larger network would take minutes.
CASES = [
    pytest.param(comparison, name, id=f"{comparison.peer}, {comparison.attack}, {name}")
    for comparison in COMPARISONS
    for name in MATERIALS
    if name == "patterns" or comparison.peer != "pyautoattack"
]


@pytest.mark.parametrize(("comparison", "name"), CASES)
def test_adversarial_images_are_identical(comparison: PeerAttack, name: str):
    try:
        imported(comparison.peer)
    except MissingPackage as error:
        pytest.skip(str(error))
    material = MATERIALS[name]()
    ours, theirs = comparison.images(material)
    assert not torch.equal(ours, material.images[: len(ours)])
    distance = (ours - theirs).abs().max().item()
    assert distance <= comparison.tolerance, f"{(ours != theirs).sum()} pixels differ, by {distance:g}"


def test_autoattack_part_by_part_is_autoattack():
    """The samples that survive our sequence of parts are those that survive the package's own evaluation."""
    material = patterns(24)
    survived = torch.ones(24, dtype=torch.bool)
    epsilon = material.attack.epsilon / 2
    for part in parts(10):
        left = survived.nonzero().flatten()
        survived[left], _ = survives_part(
            part, material.network, material.images[left], material.labels[left], epsilon, 10, seed=0
        )
    attack = imported("pyautoattack").AutoAttack(material.network, eps=epsilon, seed=0)
    trace = sys.gettrace()
    _, predicted = attack.run_standard_evaluation(material.images, material.labels, batch_size=24)
    sys.settrace(trace)
    assert 0 < survived.sum() < 24
    assert torch.equal(survived, predicted == material.labels)
