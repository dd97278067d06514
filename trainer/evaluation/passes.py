"""The progress of an evaluation, in passes over samples, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

from trainer.attacks import autoattack
from trainer.attacks.registry import AUTOATTACK, named
from trainer.evaluation.config import EvaluationConfig, Split
from trainer.evaluation.probing import SWEEP, sweep_radii
from trainer.evaluation.split_attacks import Advance

OnProgress = Callable[[int, int, str], None]
"""Called with the passes over samples that are done, their total, and a label."""


def counter(
    counts: dict[Split, int],
    watched: Split,
    classes: int,
    widest: float,
    config: EvaluationConfig,
    on_progress: OnProgress | None,
    corrupted: int = 0,
) -> Advance:
    """A counter of the passes planned for `counts` samples of each split; an attack that ends early needs fewer.

    The alarms use the split `watched`, and radii up to `widest`. `corrupted` images are classified besides.
    """
    total, done = corrupted, 0
    for split, count in counts.items():
        total += count
        for name in config.attacks:
            if name == AUTOATTACK:
                passes = sum(autoattack.PASSES[part] for part in autoattack.parts(classes))
                total += passes * min(count, config.autoattack_samples)
            else:
                total += named(name).passes * count
        if split == watched:
            probed = min(count, config.alarm_samples)
            total += probed * (1 + SWEEP.passes * len(sweep_radii(config.epsilon, widest)))

    def advance(passes: int, what: str) -> None:
        nonlocal done
        done += passes
        if on_progress is not None:
            on_progress(min(done, total), total, what)

    return advance
