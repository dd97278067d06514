"""Attacks of an evaluation: what counts as surviving, and how attacks, starts and radii are ordered."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from memscore.errors import InvalidInput
from memscore.learning.networks import SmallCNN
from trainer.attacks import Attack, cross_entropy, cw, fgsm, margin, pgd, survives
from trainer.attacks.registry import IterativeAttack, check_names, iterative
from trainer.attacks.survival import correct, withstands_all_steps


def made(seed: int = 0) -> tuple[SmallCNN, Tensor, Tensor]:
    """An untrained network, images, and the labels that it gives to most of them."""
    torch.manual_seed(seed)
    network = SmallCNN(1, 4, 4).eval()
    images = torch.rand(24, 1, 8, 8)
    with torch.no_grad():
        labels = network(images).argmax(dim=1)
    labels[::6] = (labels[::6] + 1) % 4
    return network, images, labels


@given(epsilon=st.floats(0, 1), seed=st.integers(0, 2**31))
@settings(deadline=None, max_examples=20)
def test_fgsm_and_cw_stay_in_the_ball_and_in_the_pixel_range(epsilon: float, seed: int):
    network, images, labels = made()
    attack = Attack(epsilon=epsilon, step_size=epsilon / 2, steps=3)
    generator = torch.Generator().manual_seed(seed)
    for adversarial in (
        fgsm(network, images, labels, epsilon),
        cw(network, images, labels, attack, generator),
    ):
        assert (adversarial - images).abs().max() <= epsilon + 1e-6
        assert adversarial.min() >= 0
        assert adversarial.max() <= 1


def test_fgsm_is_one_signed_step_from_the_image():
    network, images, labels = made()
    probe = images.clone().requires_grad_()
    nn.functional.cross_entropy(network(probe), labels).backward()
    assert probe.grad is not None
    expected = (images + 0.1 * probe.grad.sign()).clamp(0, 1)
    torch.testing.assert_close(fgsm(network, images, labels, 0.1), expected)


def test_an_attack_that_takes_every_step_says_the_same():
    network, images, labels = made()
    for steps in (1, 3, 8):
        attack = Attack(epsilon=0.08, step_size=0.02, steps=steps, random_start=False)
        whole = withstands_all_steps(network, images, labels, cross_entropy(labels), attack)
        assert torch.equal(whole, survives(network, images, labels, cross_entropy, attack))
    assert 0 < int(whole.sum()) < int(correct(network, images, labels).sum())


def test_surviving_is_being_right_at_every_iterate():
    """Against plain PGD whose iterates are all looked at, and without the batch getting smaller."""
    network, images, labels = made()
    for steps in (1, 3, 8):
        expected = correct(network, images, labels)
        for upto in range(1, steps + 1):
            attack = Attack(epsilon=0.08, step_size=0.02, steps=upto, random_start=False)
            expected &= correct(network, pgd(network, images, labels, attack), labels)
        attack = Attack(epsilon=0.08, step_size=0.02, steps=steps, random_start=False)
        assert torch.equal(survives(network, images, labels, cross_entropy, attack), expected)
        assert 0 < expected.sum() < len(labels)


def test_an_attack_of_radius_zero_leaves_what_is_right():
    network, images, labels = made()
    for name in ("fgsm", "pgd", "pgd-3x2", "cw"):
        attack = iterative(name)
        left = survives(network, images, labels, attack.objective, attack.within(0.0), attack.starts)
        assert torch.equal(left, correct(network, images, labels))


def test_more_starts_and_more_steps_never_leave_more():
    network, images, labels = made()

    def left(name: str) -> Tensor:
        attack = iterative(name)
        generator = torch.Generator().manual_seed(0)
        return survives(network, images, labels, attack.objective, attack.within(0.06), attack.starts, generator)

    assert not (left("pgd-20") & ~left("pgd-5")).any()
    assert not (left("pgd-20x3") & ~left("pgd-20")).any()


def test_surviving_leaves_modes_buffers_and_gradients_alone():
    network, images, labels = made()
    network.train()
    network.stages[1].eval()
    network.head.bias.grad = torch.ones(4)
    modes = [module.training for module in network.modules()]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    survives(network, images, labels, margin, Attack(epsilon=0.1, step_size=0.05, steps=3), starts=2)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())
    assert torch.equal(network.head.bias.grad, torch.ones(4))
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "steps", "divisor", "starts"),
    [
        ("fgsm", 1, 1, 1),
        ("pgd", 20, 4, 1),
        ("pgd-100", 100, 4, 1),
        ("pgd-20x5", 20, 4, 5),
        ("cw-50x2@eps/10", 50, 10, 2),
        ("pgd@eps/2.5", 20, 2.5, 1),
    ],
)
def test_names_say_steps_starts_and_step_size(name: str, steps: int, divisor: float, starts: int):
    attack = iterative(name)
    assert (attack.steps, attack.divisor, attack.starts) == (steps, divisor, starts)
    assert attack.within(8 / 255) == Attack(
        epsilon=8 / 255, step_size=8 / 255 / divisor, steps=steps, random_start=False
    )


@pytest.mark.parametrize(
    "name", ["", "PGD", "pgd-0", "pgdx0", "pgd-20@eps/0", "fgsm-2", "squares", "pgd-20x", "pgd-1e9"]
)
def test_other_names_are_refused(name: str):
    with pytest.raises(InvalidInput, match="There is no attack"):
        check_names((name,))


def test_an_attack_named_twice_is_refused():
    with pytest.raises(InvalidInput, match="listed twice"):
        check_names(("pgd", "autoattack", "pgd"))


class Undefined(nn.Module):
    """Right for certain in class 0, but 0/0 where an image, or what an attack made of it, is brighter than a bound."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.bound = bound

    def forward(self, images: Tensor) -> Tensor:
        level = images.mean(dim=(1, 2, 3))
        logits = torch.stack([9 - level, level], dim=1)
        return logits.where(level[:, None] <= self.bound, torch.nan)


def test_what_is_no_number_is_neither_right_nor_robust():
    """argmax of NaN is class 0."""
    images, labels = torch.full((4, 1, 2, 2), 0.5), torch.zeros(4, dtype=torch.long)
    images[:2] = 0.1
    assert correct(Undefined(0.3), images, labels).tolist() == [True, True, False, False]
    for name in ("fgsm", "pgd", "pgd-20x2", "cw"):
        attack = iterative(name)

        def left(bound: float, attack: IterativeAttack = attack) -> list[bool]:
            network, within = Undefined(bound), attack.within(0.1)
            return survives(network, images, labels, attack.objective, within, attack.starts).tolist()

        assert left(0.3) == [True, True, False, False]
        assert left(0.15) == [False] * 4  # the attack reaches 0.2
