"""Every loss and every attack objective: finite values and finite gradients, whatever finite logits come."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainer.attacks import Attack, cross_entropy, divergence, margin
from trainer.attacks.likelihood import cross_entropies, log_probabilities
from trainer.methods import BAT, ERM, GAIRAT, MART, PGD, TRADES, Batch, Crafted, Method, Step
from trainer.methods.bat import BATOptions, discrimination_loss, poisoning_scores, poisoning_weights, reweighted_loss
from trainer.methods.dpls import DPLS, DPLSOptions
from trainer.methods.gairat import GAIRATOptions
from trainer.methods.mart import MARTOptions, boosted_cross_entropy, weighted_divergence
from trainer.methods.trades import TRADESOptions, divergences
from trainer.model import Model
from trainer.step_draws import Draws
from trainer.verification.golden import Verbatim

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of clean logits, adversarial logits and labels."""

STEP = Step(Attack(epsilon=0.1, step_size=0.01, steps=10), Draws(seed=0, epoch=0, step=0), progress=1.0)
KAPPA = torch.tensor([0, 5, 10, 3, 7, 10])
MEM = torch.tensor([0.5, 0.0, 0.5, 0.0, 0.0, 0.0])


def of(method: Method) -> Loss:
    """Its loss, as training takes it, where the images are the logits."""

    def loss(clean: Tensor, adversarial: Tensor, labels: Tensor) -> Tensor:
        model = cast("Model", Verbatim())
        return method.loss(model, Batch(clean, labels, MEM), Crafted(adversarial, KAPPA), STEP).value

    return loss


LOSSES: dict[str, Loss] = {
    "erm": of(ERM()),
    "pgd": of(PGD()),
    "trades": of(TRADES()),
    "trades, three passes": of(TRADES(TRADESOptions(forwards=3))),
    "mart": of(MART()),
    "mart without divergence": of(MART(MARTOptions(strength=0))),
    "gairat": of(GAIRAT(GAIRATOptions(burn_in=0))),
    "gairat, all weights 0": of(GAIRAT(GAIRATOptions(burn_in=0, shift=-1000))),
    "bat": of(BAT()),
    "bat, weights with a gradient": of(BAT(BATOptions(detach=False))),
    "bat, weights that underflow": of(BAT(BATOptions(detach=False, alpha=1000, sigma=-1))),
    "bat, hard drop": of(BAT(BATOptions(hard_drop=True))),
    "bat, hard drop of all": of(BAT(BATOptions(hard_drop=True, sigma=-1))),
    "bat, raw products": of(BAT(BATOptions(normalize=False, denominator="with_positive"))),
    "dpls": of(DPLS()),
    "dpls, labels that say nothing": of(DPLS(DPLSOptions(strength=1))),
    "divergences": lambda clean, adversarial, _: divergences(clean, adversarial),
    "weighted divergence": weighted_divergence,
    "boosted cross-entropy": lambda _, adversarial, labels: boosted_cross_entropy(adversarial, labels),
    "reweighted loss": lambda _, adversarial, labels: reweighted_loss(
        adversarial, labels, poisoning_weights(adversarial, labels, MEM > 0.15, 1.0)
    ),
    "cross-entropies": lambda _, adversarial, labels: cross_entropies(adversarial, labels),
    "discrimination loss": lambda _, points, labels: discrimination_loss(points, labels, labels >= 0, 0.5)[0],
    "discrimination loss, raw": lambda _, points, labels: discrimination_loss(
        points, labels, labels >= 0, 0.1, False, "with_positive"
    )[0],
    "objective cross-entropy": lambda _, adversarial, labels: cross_entropy(labels)(adversarial),
    "objective margin": lambda _, adversarial, labels: margin(labels)(adversarial),
    "objective divergence": lambda clean, adversarial, _: divergence(clean.softmax(dim=1))(adversarial),
}


def logits(apart: float, dtype: torch.dtype, seed: int) -> Tensor:
    """Six samples of three classes: one class far above, far below, both, ties, and something between."""
    half = apart / 2
    rows = [
        [half, -half, -half],
        [-half, half, half],
        [half, 0, -half],
        [0, 0, 0],
        [-half, -half, -half],
        [1, -half, half],
    ]
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    return torch.tensor(rows, dtype=torch.float64)[order].to(dtype)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_finite_logits_give_a_finite_loss_and_finite_gradients(name: str, dtype: torch.dtype):
    for apart, seed in itertools.product((0.0, 1.0, 120.0, 200.0, 6e4, 1e38, 6e38), range(3)):
        raw = name in ("discrimination loss, raw", "bat, raw products") and dtype == torch.float16 and apart == 6e4
        if apart / 2 > torch.finfo(dtype).max or raw:
            continue  # no such logits, or gradients that are larger than the type can hold
        clean, adversarial = logits(apart, dtype, seed), logits(apart, dtype, seed + 3)
        for number in range(3):
            labels = (torch.arange(6) + number) % 3
            leaves = (clean.clone().requires_grad_(), adversarial.clone().requires_grad_())
            value = LOSSES[name](*leaves, labels)
            assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
            if name != "objective margin" or apart < 3e38:  # a margin of 6e38 is no float32
                assert value.isfinite().all()
            found = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
            assert any(gradient is not None for gradient in found)
            assert all(gradient is None or gradient.isfinite().all() for gradient in found)


def test_values_and_gradients_are_those_of_torch_where_torch_has_them():
    given = torch.randn(8, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float32) * 10
    labels = torch.arange(8) % 5
    ours, theirs = given.clone().requires_grad_(), given.clone().requires_grad_()
    value, expected = cross_entropies(ours, labels), functional.cross_entropy(theirs, labels, reduction="none")
    assert torch.equal(value, expected)
    assert torch.equal(log_probabilities(given), functional.log_softmax(given, dim=1))
    for one, other in zip(
        torch.autograd.grad(value.sum(), ours), torch.autograd.grad(expected.sum(), theirs), strict=True
    ):
        assert torch.equal(one, other)


def test_a_probability_that_underflows_has_the_gradient_of_double_precision():
    """TRADES' and MART's divergence, with clean logits 120 apart."""
    clean, adversarial, labels = torch.tensor([[120.0, 0, 0]]), torch.tensor([[0.0, 1, 0]]), torch.tensor([1])
    for loss in (lambda c, a: divergences(c, a), lambda c, a: weighted_divergence(c, a, labels)):
        gradients = []
        for dtype in (torch.float32, torch.float64):
            leaves = (clean.to(dtype).requires_grad_(), adversarial.to(dtype).requires_grad_())
            gradients.append(torch.autograd.grad(loss(*leaves).sum(), leaves))
        for single, double in zip(*gradients, strict=True):
            torch.testing.assert_close(single, double.float(), atol=1e-5, rtol=1e-5)


def test_an_outlier_keeps_its_gradient():
    """Beyond the floor as before it: probabilities less the label's."""
    found = torch.tensor([[3e38, -3e38, 0.0]]).requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropies(found, torch.tensor([1])).sum(), found)
    assert gradient.tolist() == [[1, -1, 0]]


def test_a_representation_of_zeros_has_no_direction_and_no_gradient():
    points = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]]).requires_grad_()
    loss, anchors = discrimination_loss(points, torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.bool), 0.5)
    assert anchors == 1
    (gradient,) = torch.autograd.grad(loss, points)
    assert gradient[0].tolist() == [0, 0]
    assert 0 < gradient.abs().max() < 10


NOT_FINITE = [[torch.nan, 0, 0], [torch.inf, 0, 0], [0, torch.inf, 0], [-torch.inf, 0, 9], [torch.nan] * 3]


@pytest.mark.parametrize("row", NOT_FINITE)
@pytest.mark.parametrize("alpha", [0.0, 1.0, torch.inf])
def test_weights_of_what_is_not_finite_are_those_of_a_sample_that_is_wrong_for_certain(row: list[float], alpha: float):
    given = torch.tensor([row])
    for label in range(3):
        labels = torch.tensor([label])
        assert poisoning_scores(given, labels).item() == 1
        weight = poisoning_weights(given, labels, torch.tensor([True]), alpha)
        assert weight.item() == pytest.approx(float(torch.tensor(-alpha).exp()))
        assert poisoning_weights(given, labels, torch.tensor([False]), alpha).item() == 1
