"""How one model is trained adversarially."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memscore.spec import Frozen
from trainer.attacks.attack import Attack


class TrainConfig(Frozen):
    """A training run. The defaults suit 8x8 digits; docs/training.md gives the paper's settings.

    alpha, beta, tau and sigma are those of BAT (paper, section 4); the other methods ignore them.
    """

    method: Literal["pgd", "bat"]
    epochs: int = Field(default=20, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.1, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    milestones: tuple[float, ...] = Field(
        default=(0.5, 0.75),
        strict=False,
        description="shares of the epochs after which the learning rate falls to a tenth",
    )
    epsilon: float = Field(default=0.1, ge=0, le=1)
    attack_steps: int = Field(default=10, ge=1)
    evaluation_steps: int = Field(default=20, ge=1)
    alpha: float = Field(default=1.0, ge=0)
    beta: float = Field(default=0.2, ge=0)
    tau: float = Field(default=0.5, gt=0)
    sigma: float = Field(default=0.15, ge=-1, le=1, description="mem above it is atypical")
    width: int = Field(default=16, ge=1, description="channels of the first stage of the small CNN")
    seed: int = Field(default=0, ge=0)

    @property
    def training_attack(self) -> Attack:
        """Random start and steps of a quarter of epsilon: 2/255 at the paper's 8/255."""
        return Attack(epsilon=self.epsilon, step_size=self.epsilon / 4, steps=self.attack_steps)

    @property
    def evaluation_attack(self) -> Attack:
        """PGD-20 from the image itself, with the same step size."""
        return Attack(epsilon=self.epsilon, step_size=self.epsilon / 4, steps=self.evaluation_steps, random_start=False)
