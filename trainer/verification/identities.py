"""Identities: settings in which one method must equal another, bit for bit, after some training steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from memscore.counted import counted
from memscore.learning.networks import SmallCNN
from trainer.attacks import pgd
from trainer.config import TrainConfig
from trainer.learner import Learner
from trainer.methods import MART, Batch, Crafted, Loss, Step
from trainer.methods.mart import boosted_cross_entropy
from trainer.model import Model
from trainer.step_draws import Draws
from trainer.verification.check import VerificationCheck
from trainer.verification.material import Material

STEPS = 5
BATCH = 24
EXPECTED = f"equal weights after {STEPS} steps"


class BoostedCrossEntropy(MART):
    """MART with only its first term."""

    def loss(self, model: Model, batch: Batch, crafted: Crafted, step: Step) -> Loss:  # noqa: ARG002 -- one process
        """The mean boosted cross-entropy."""
        return Loss(boosted_cross_entropy(model(crafted.adversarial), batch.labels).mean())


def checks(material: Material) -> list[VerificationCheck]:
    """All identity checks, on the CPU."""
    return [
        _same("BAT(alpha 0, beta 0) = PGD", learner("bat", alpha=0.0, beta=0.0), learner("pgd")),
        _same("GAIRAT(lambda infinite) = PGD", learner("gairat", shift="infinite", burn_in=0.0), learner("pgd")),
        _same("DPLS(strength 0) = PGD", learner("dpls", strength=0.0), learner("pgd")),
        _same("TRADES(beta 0) = ERM", learner("trades", beta=0.0), learner("erm")),
        _same("MART(lambda 0) = its boosted cross-entropy", learner("mart", strength=0.0), _boosted()),
        _nothing_allowed(material),
    ]


def learner(method: str, **options: Any) -> Learner:
    """A learner for this method, with the same small network each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = SmallCNN(1, 10, 8)
    return Learner(network, TrainConfig(method=method, options=options, attack_steps=3))


def _boosted() -> Learner:
    taught = learner("mart")
    taught.method = BoostedCrossEntropy()
    return taught


def _same(name: str, one: Learner, other: Learner) -> VerificationCheck:
    def look() -> tuple[str, bool]:
        ours, theirs = _learned(one), _learned(other)
        distance = max((ours[key].double() - theirs[key].double()).abs().max().item() for key in theirs)
        return ("equal weights", True) if not distance else (f"weights differ, by up to {distance:.2g}", False)

    return VerificationCheck(name, EXPECTED, look)


def _learned(learner: Learner) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    for number in range(STEPS):
        images = torch.rand(BATCH, 1, 8, 8, generator=generator)
        labels = torch.randint(0, 10, (BATCH,), generator=generator)
        mem = torch.rand(BATCH, generator=generator)
        step = Step(learner.config.training_attack, Draws(0, 0, number), progress=1.0)
        learner.learn(Batch(images, labels, mem), step, 0.1)
    return learner.network.state_dict()


def _nothing_allowed(material: Material) -> VerificationCheck:
    def look() -> tuple[str, bool]:
        attack = material.attack.model_copy(update={"epsilon": 0.0})
        crafted = pgd(material.network, material.images, material.labels, attack)
        changed = int((crafted != material.images).sum())
        return f"{counted(changed, 'pixel')} changed", not changed

    return VerificationCheck("PGD(epsilon 0) = the clean images", "0 pixels changed", look)
