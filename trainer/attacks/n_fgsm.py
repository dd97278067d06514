"""N-FGSM (de Jorge et al. 2022): one gradient step from a noisy image, not projected onto the ball."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.attacks.attack import Attack
from trainer.attacks.crafting import crafting
from trainer.attacks.objectives import Objective

NOISE = 2.0
"""The authors' k: noise is uniform within k epsilon."""


def n_fgsm(network: nn.Module, noisy: Tensor, objective: Objective, attack: Attack) -> Tensor:
    """`noisy` images clipped to [0, 1], moved by `attack.epsilon` along the sign of the gradient, and clipped again.

    For training only: the result may lie outside the ball.
    """
    noisy = noisy.detach().clamp(0, 1).requires_grad_()
    with crafting(network, attack.mode), torch.enable_grad():
        (gradient,) = torch.autograd.grad(objective(network(noisy)).sum(), noisy)
    return noisy.detach().add(gradient.sign(), alpha=attack.epsilon).clamp_(0, 1)
