"""Public attacks: callable wherever gradients are switched off, and for pixels in [0, 1] alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks import SmallCNN
from trainer.attacks import Attack, cross_entropy, cw, fgsm, margin, pgd, survives
from trainer.attacks.autoattack import PASSES, craft_part, survives_part

Public = Callable[[nn.Module, Tensor, Tensor], Tensor]

ATTACK = Attack(epsilon=0.05, step_size=0.02, steps=3)
GENTLE = ATTACK.model_copy(update={"random_start": False})
PUBLIC: dict[str, Public] = {
    "fgsm": lambda network, images, labels: fgsm(network, images, labels, 0.05),
    "pgd": lambda network, images, labels: pgd(network, images, labels, ATTACK, torch.Generator().manual_seed(0)),
    "pgd from the image": lambda network, images, labels: pgd(network, images, labels, attack=GENTLE),
    "cw": lambda network, images, labels: cw(network, images, labels, ATTACK, torch.Generator().manual_seed(0)),
    "survives pgd": lambda network, images, labels: survives(network, images, labels, cross_entropy, GENTLE, 2),
    "survives cw": lambda network, images, labels: survives(
        network, images=images, labels=labels, objective=margin, attack=GENTLE
    ),
} | {
    f"{name} {part}": lambda network, images, labels, part=part, function=function: function(
        part, network, images, labels, 0.02, 5, 0
    )[0]
    for part in PASSES
    if part != "square"
    for name, function in (("craft", craft_part), ("survive", survives_part))
}
SWITCHED_OFF: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "as usual": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


def made() -> tuple[SmallCNN, Tensor, Tensor]:
    """An untrained network, images, and the labels that it gives them."""
    torch.manual_seed(0)
    network, images = SmallCNN(1, 5, 4).eval(), torch.rand(4, 1, 8, 8)
    with torch.no_grad():
        return network, images, network(images).argmax(dim=1)


def needs(name: str) -> None:
    if name.startswith(("craft", "survive ")):
        pytest.importorskip("pyautoattack")


@pytest.mark.parametrize("name", PUBLIC)
def test_an_attack_is_the_same_wherever_it_is_called_and_whatever_tensors_it_is_given(name: str):
    needs(name)
    network, images, labels = made()
    torch.manual_seed(1)
    expected = PUBLIC[name](network, images, labels)
    slow = name.startswith(("craft", "survive "))
    for inside, born in [("inference_mode",) * 2] if slow else itertools.product(SWITCHED_OFF, repeat=2):
        with SWITCHED_OFF[born]():
            given = images * 1, labels * 1
        with SWITCHED_OFF[inside]():
            torch.manual_seed(1)
            assert torch.equal(PUBLIC[name](network, *given), expected)
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.endswith("fab-t")])
def test_images_that_want_gradients_themselves_get_none(name: str):
    needs(name)
    network, images, labels = made()
    wanted = images.clone().requires_grad_()
    found = PUBLIC[name](network, wanted, labels)
    assert not found.requires_grad
    assert wanted.requires_grad
    assert wanted.grad is None
    assert torch.equal(wanted, images)


@pytest.mark.parametrize("name", PUBLIC)
def test_images_that_are_no_pixels_in_0_to_1_are_refused(name: str):
    network, images, labels = made()
    spoiled = images.clone()
    spoiled[3, 0, 2, 2] = torch.nan
    for bad, said in (
        (2 * images - 1, "range from -0.99.* to 0.99.*: move the normalization into the network"),
        (255 * images, "move the normalization into the network"),
        (images - 0.5, "move the normalization into the network"),
        (spoiled, "range from nan to nan"),
        ((255 * images).to(torch.uint8), "these images are uint8: convert them to float32"),
    ):
        with pytest.raises(InvalidInput, match=said):
            PUBLIC[name](network, bad, labels)


def test_no_images_at_all_are_no_mistake():
    network, images, labels = made()
    assert pgd(network, images[:0], labels[:0], ATTACK).shape == (0, 1, 8, 8)
    assert survives(network, images[:0], labels[:0], margin, ATTACK).tolist() == []


class Plain(nn.Module):
    """Its gradient is one number, expanded to all pixels."""

    def forward(self, images: Tensor) -> Tensor:
        level = images.sum(dim=(1, 2, 3))
        return torch.stack([-level, level], dim=1)


def test_a_gradient_that_is_one_number_for_all_pixels_is_no_obstacle():
    images, labels = torch.full((2, 1, 2, 2), 0.5), torch.zeros(2, dtype=torch.long)
    torch.testing.assert_close(fgsm(Plain(), images, labels, 0.1), images + 0.1)
