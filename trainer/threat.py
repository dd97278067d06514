"""Warn of a run's likely mistakes in its threat model, from the configuration, before it starts."""

from __future__ import annotations

from trainer.attacks import Attack
from trainer.config import TrainConfig
from trainer.evaluation.lint import near_common
from trainer.presets import ORIGINAL


def warnings_of(config: TrainConfig) -> list[str]:
    """A sentence on each likely mistake, with its numbers and what to change."""
    found: list[str] = []
    near = near_common(config.epsilon)
    if near and not _as_authors(config):
        nearest = near.rpartition(" ")[2]
        found.append(f"epsilon {config.epsilon:.6g} is {near}, a different threat model: use --epsilon {nearest}.")
    iterates = config.inner == "pgd" and config.build_method().crafts
    if iterates:
        found += _reach("The training attack", config.training_attack, "attack_steps")
    found += _reach("The attack that selects checkpoints", config.evaluation_attack, "evaluation_steps")
    step_size = config.evaluation_attack.step_size
    if config.epsilon and step_size > 2 * config.epsilon:
        found.append(
            f"step_size {step_size:.6g} is more than twice epsilon ({config.epsilon:.6g}), so every step crosses the "
            "whole ball: leave step_size out to use a quarter of epsilon."
        )
    return found


def _reach(which: str, attack: Attack, steps: str) -> list[str]:
    """A warning if all steps together are shorter than epsilon."""
    reach = attack.steps * attack.step_size
    if reach >= attack.epsilon * (1 - 1e-9):
        return []
    return [
        f"{which} takes {attack.steps} step{'s' * (attack.steps > 1)} of {attack.step_size:.6g}, which cover only "
        f"{reach / attack.epsilon:.2g} of epsilon ({attack.epsilon:.6g}): raise {steps} or step_size."
    ]


def _as_authors(config: TrainConfig) -> bool:
    """Whether radius and step size are those of the method's authors, who used 0.031 deliberately."""
    authors = ORIGINAL.get(config.method, {})
    return (config.epsilon, config.step_size) == (authors.get("epsilon"), authors.get("step_size"))
