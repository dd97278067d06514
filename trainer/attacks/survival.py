"""Which samples survive an attack: a sample is lost as soon as any iterate is misclassified.

The image itself is the first iterate, so a sample that is misclassified without an attack survives none, and accuracy
under attack never exceeds clean accuracy. A sample with logits that are not finite counts as misclassified. Lost
samples leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from memscore.learning.correctness import is_correct
from trainer.attacks.ascent import ascend, uniform_start
from trainer.attacks.attack import Attack
from trainer.attacks.crafting import crafting
from trainer.attacks.entry import anywhere, require_pixels
from trainer.attacks.objectives import Objective


@anywhere
def survives(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    objective: Callable[[Tensor], Objective],
    attack: Attack,
    starts: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Which of the images [B, C, H, W] are classified correctly at every iterate from all `starts`, bool [B].

    `objective` builds the objective from labels, as `cross_entropy` does. The first start is the image itself unless
    the attack has a random start; `generator` draws all others from the ball. Raises InvalidInput unless the images
    lie in [0, 1].
    """
    require_pixels(images)
    survived = correct(network, images, labels)
    for number in range(starts):
        active = survived.nonzero().squeeze(1)
        if not len(active):
            break
        inside = images[active]
        at_random = attack.random_start or number > 0
        start = uniform_start(inside, attack.epsilon, generator, attack.norm) if at_random else inside.clone()
        truth = labels[active]
        survived[active] = _withstands(network, inside, truth, start, _of(objective, truth), attack)
    return survived


def withstands_all_steps(
    network: nn.Module, images: Tensor, labels: Tensor, objective: Objective, attack: Attack
) -> Tensor:
    """What `survives` says from the images themselves, bool [B], with the same work whatever the images.

    Nothing depends on which samples are lost, so that it can be recorded.
    """
    survived = torch.ones_like(labels, dtype=torch.bool)

    def observe(logits: Tensor) -> None:
        survived.logical_and_(is_correct(logits, labels))

    adversarial = ascend(network, images, images, objective, attack, observe)
    return survived & correct(network, adversarial, labels)


@anywhere
def survives_targets(network: nn.Module, images: Tensor, labels: Tensor, attack: Attack, targets: int) -> Tensor:
    """Which images [B, C, H, W] are right at every iterate of PGD towards each of several wrong classes, bool [B].

    The objective is the target's logit less the true one (Gowal et al. 2019). The targets are the `targets` classes
    that the network finds likeliest for the image itself, besides the true one. Every start is the image. Raises
    InvalidInput unless the images lie in [0, 1].
    """
    require_pixels(images)
    with torch.no_grad(), crafting(network):
        logits = network(images)
    survived = is_correct(logits, labels)
    rivals = logits.scatter(1, labels[:, None], -torch.inf).argsort(dim=1, descending=True)
    for place in range(min(targets, logits.shape[1] - 1)):
        active = survived.nonzero().squeeze(1)
        if not len(active):
            break
        inside, truth, goals = images[active], labels[active], rivals[active, place]
        survived[active] = _withstands(network, inside, truth, inside.clone(), _lead(truth, goals), attack)
    return survived


def correct(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Which images are classified correctly in eval mode, bool [B]."""
    with torch.no_grad(), crafting(network):
        return is_correct(network(images), labels)


def _of(objective: Callable[[Tensor], Objective], labels: Tensor) -> Callable[[Tensor], Objective]:
    """The objective of the samples at some places, from one that takes labels."""
    return lambda places: objective(labels[places])


def _lead(labels: Tensor, goals: Tensor) -> Callable[[Tensor], Objective]:
    """The logit of each sample's goal less that of its label, for the samples at some places."""

    def of(places: Tensor) -> Objective:
        pair = torch.stack([goals[places], labels[places]], dim=1)

        def lead(logits: Tensor) -> Tensor:
            goal, true = logits.to(torch.promote_types(logits.dtype, torch.float32)).gather(1, pair).unbind(dim=1)
            return goal - true

        return lead

    return of


def _withstands(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    start: Tensor,
    objective: Callable[[Tensor], Objective],
    attack: Attack,
) -> Tensor:
    """Whether each image is right at every iterate from `start`, bool [B].

    `objective` gives that of the images at some places, int64.
    """
    active = torch.arange(len(labels), device=labels.device)
    one_step = attack.model_copy(update={"steps": 1})
    adversarial = start
    for _ in range(attack.steps):
        # The pass that a step takes its gradient from also says whether the iterate before it was still right.
        logits: list[Tensor] = []
        truth = labels[active]
        stepped = ascend(network, images[active], adversarial, objective(active), one_step, logits.append)
        kept = is_correct(logits[0], truth)
        active, adversarial = active[kept], stepped[kept]
        if not len(active):
            break
    withstood = torch.zeros(len(labels), dtype=torch.bool, device=labels.device)
    if len(active):
        withstood[active] = correct(network, adversarial, labels[active])
    return withstood
