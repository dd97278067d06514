"""Golden values: losses and weights of small examples, in double precision, from the formulas of the sources.

They were computed independently of this code, from the formulas only, and are given to six decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from trainer.attacks import Attack
from trainer.methods import BAT, GAIRAT, MART, TRADES, Batch, Crafted, Method, Step
from trainer.methods.bat import BATOptions, discrimination_loss, poisoning_scores, poisoning_weights
from trainer.methods.gairat import GAIRATOptions, geometry_weights
from trainer.methods.mart import MARTOptions, boosted_cross_entropy
from trainer.methods.trades import TRADESOptions, divergences
from trainer.model import Model
from trainer.step_draws import Draws
from trainer.verification.check import VerificationCheck

Compute = Callable[[torch.device], Tensor]

TOLERANCE = 5e-7
SIGMA = 0.15
STEP = Step(Attack(epsilon=0.1, step_size=0.01, steps=10), Draws(seed=0, epoch=0, step=0), progress=1.0)


class Verbatim(nn.Module):
    """Returns the images as its logits and its representation, so that a loss can be given any logits."""

    def forward(self, images: Tensor) -> Tensor:
        """The images."""
        return images

    def represent(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The images, twice."""
        return images, images


def checks(device: torch.device) -> list[VerificationCheck]:
    """All golden checks, on a device."""
    return [_check(name, expected, compute, device) for name, expected, compute in GOLDEN]


def _check(name: str, expected: tuple[float, ...], compute: Compute, device: torch.device) -> VerificationCheck:
    def look() -> tuple[str, bool]:
        found = compute(device).detach().flatten()
        assert found.dtype == torch.float64
        wanted = torch.tensor(expected, dtype=torch.float64, device=device)
        return _decimals(found.tolist()), torch.allclose(found, wanted, atol=TOLERANCE, rtol=0)

    return VerificationCheck(f"{name} ({device.type})", _decimals(expected), look)


def _decimals(values: tuple[float, ...] | list[float]) -> str:
    return ", ".join(f"{value:.6f}" for value in values)


def _logits(device: torch.device) -> Tensor:
    """Three samples: a misclassified atypical one, an atypical one, a misclassified typical one."""
    return torch.tensor([[0, 2, -1], [3, 0, 0], [1, 0, 2]], dtype=torch.float64, device=device)


def _labels(device: torch.device) -> Tensor:
    return torch.tensor([0, 0, 1], device=device)


def _mem(device: torch.device) -> Tensor:
    return torch.tensor([0.5, 0.5, 0.1], device=device)


def _pair(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Clean logits, adversarial logits and labels of two samples, the second one misclassified under attack."""
    clean = torch.tensor([[2, 0, 0], [0, 1, 0]], dtype=torch.float64, device=device)
    adversarial = torch.tensor([[1, 0.5, 0], [1, 0, 0]], dtype=torch.float64, device=device)
    return clean, adversarial, torch.tensor([0, 1], device=device)


def _loss(method: Method, clean: Tensor, adversarial: Tensor, labels: Tensor, geometry: Tensor | None = None) -> Tensor:
    """The loss of a training step with these logits."""
    batch = Batch(clean, labels, _mem(labels.device)[: len(labels)])
    return method.loss(cast("Model", Verbatim()), batch, Crafted(adversarial, geometry), STEP).value


def _q(device: torch.device) -> Tensor:
    return poisoning_scores(_logits(device), _labels(device))


def _weights(alpha: float) -> Compute:
    return lambda device: poisoning_weights(_logits(device), _labels(device), _mem(device) > SIGMA, alpha)


def _bat(alpha: float) -> Compute:
    method = BAT(BATOptions(alpha=alpha, beta=0, sigma=SIGMA))
    return lambda device: _loss(method, _logits(device), _logits(device), _labels(device))


def _bat_gradient(device: torch.device) -> Tensor:
    """The gradient with respect to the logits of the poisoning sample."""
    logits = _logits(device).requires_grad_()
    _loss(BAT(BATOptions(alpha=2, beta=0, sigma=SIGMA)), logits, logits, _labels(device)).backward()
    assert logits.grad is not None
    return logits.grad[0]


def _discrimination(tau: float) -> Compute:
    def compute(device: torch.device) -> Tensor:
        points = torch.tensor([[1, 0], [1, 1], [0, 1], [-1, 1]], dtype=torch.float64, device=device)
        classes = torch.tensor([0, 0, 1, 1], device=device)
        return discrimination_loss(points, classes, torch.ones_like(classes, dtype=torch.bool), tau)[0]

    return compute


def _trades(device: torch.device) -> Tensor:
    return _loss(TRADES(TRADESOptions(beta=6)), *_pair(device))


def _divergences(device: torch.device) -> Tensor:
    clean, adversarial, _ = _pair(device)
    return divergences(clean, adversarial)


def _boosted(device: torch.device) -> Tensor:
    _, adversarial, labels = _pair(device)
    return boosted_cross_entropy(adversarial, labels).mean()


def _mart(device: torch.device) -> Tensor:
    return _loss(MART(MARTOptions(strength=5)), *_pair(device))


def _kappa(device: torch.device) -> Tensor:
    return torch.tensor([0, 5, 10], device=device)


def _geometry(device: torch.device) -> Tensor:
    return geometry_weights(_kappa(device), STEP.attack.steps, -1)


def _gairat(device: torch.device) -> Tensor:
    method = GAIRAT(GAIRATOptions(shift=-1, burn_in=0))
    return _loss(method, _logits(device), _logits(device), _labels(device), _kappa(device))


GOLDEN: tuple[tuple[str, tuple[float, ...], Compute], ...] = (
    ("BAT: q, equation 4", (0.843795, 0.045279, 0.665241), _q),
    ("BAT: weights, alpha 1", (0.430075, 1, 1), _weights(1)),
    ("BAT: weights, alpha 2", (0.184965, 1, 1), _weights(2)),
    ("BAT: loss, alpha 1", (1.413835,), _bat(1)),
    ("BAT: loss, alpha 2", (1.329026,), _bat(2)),
    ("BAT: gradient, alpha 2, weights detached", (-0.074986, 0.071430, 0.003556), _bat_gradient),
    ("BAT: discrimination loss, tau 0.5", (-0.489485,), _discrimination(0.5)),
    ("BAT: discrimination loss, tau 0.1", (-3.534685,), _discrimination(0.1)),
    ("TRADES: divergences", (0.174457, 0.364175), _divergences),
    ("TRADES: loss, beta 6", (2.011393,), _trades),
    ("MART: boosted cross-entropy", (1.728320,), _boosted),
    ("MART: loss, lambda 5", (2.207144,), _mart),
    ("GAIRAT: weights, lambda -1, kappa 0, 5, 10", (0.999665, 0.119203, 0.000006), _geometry),
    ("GAIRAT: loss, lambda -1", (1.948789,), _gairat),
)
