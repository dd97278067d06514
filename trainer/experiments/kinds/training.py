"""Figure 4: clean and adversarial accuracy of every method during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, band, legend_below, panels_beside
from trainer.experiments.inputs import Panel, correct, curves
from trainer.experiments.item import Item
from trainer.experiments.method_comparison import ATTACKS, MARGIN
from trainer.experiments.preconditions import loses
from trainer.experiments.run import CONTENDERS, Contender, ExperimentRun, compared
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import LAST_ALONE, Verdict, above, no_loss, untestable
from trainer.interval import best_of, difference, estimate

SHOWN = {"clean": "clean accuracy", "pgd": f"adversarial accuracy ({ATTACKS['pgd']})"}

Curve = list[tuple[int, Any]]
"""Epochs, each with correctness bool [seeds, samples]."""


class Training:
    """All contenders on all samples."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each contender and seed."""
        return [compared(setting, contender, seed) for contender in CONTENDERS for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of clean and of adversarial accuracy on all test samples."""
        figure, columns = panels_beside(len(SHOWN), len(panels), shared=False)
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        for place, panel in enumerate(panels):
            of_all = {contender.label: _curves(panel, contender) for contender in CONTENDERS}
            for contender, colour in zip(CONTENDERS, COLOURS, strict=False):
                found = of_all[contender.label]
                for (attack, curve), areas in zip(found.items(), columns, strict=True):
                    line = [(epoch, estimate(right)) for epoch, right in curve]
                    band(areas[place], line, colour, "-", contender.label)
                    about = {"setting": panel.setting.described, "method": contender.label, "attack": attack}
                    numbers += [{**about, "epoch": epoch, **one.columns()} for epoch, one in line]
                    verdicts.append(_verdict(panel.setting.described, contender, attack, curve))
            plain = of_all[CONTENDERS[0].label]["pgd"]
            verdicts += [
                _prevented(panel.setting.described, one, plain, of_all[one.label]["pgd"])
                for one in CONTENDERS
                if one.method == "bat"
            ]
            for what, areas in zip(SHOWN.values(), columns, strict=True):
                areas[place].set(xlabel="epoch", ylabel=f"{what}, %", title=panel.setting.described)
        legend_below(figure, columns[0][0], 3, seeds=len(panels[0].seeds), over="seeds and samples")
        caption = (
            "Accuracy on all test samples during training, mean and 95 % interval over seeds and samples. The best of "
            "the kept epochs is chosen on one half of the test samples and measured on the other, so that the choice "
            "adds no bias."
        )
        return Artifact(caption, {item.name: figure}, numbers, verdicts)


def _curves(panel: Panel, contender: Contender) -> dict[str, Curve]:
    """Curves on all test samples, by attack."""
    runs = [panel.finished(compared(panel.setting, contender, seed)) for seed in panel.seeds]
    every = np.ones_like(panel.study.sets.test_typical)
    moments = curves(runs, "test")
    return {attack: [(epoch, correct(samples, attack, every)) for epoch, samples in moments] for attack in SHOWN}


def _verdict(described: str, contender: Contender, attack: str, curve: Curve) -> Verdict:
    """The paper's claim: every method has its best clean accuracy at the end, and only BAT its best adversarial one."""
    falls = attack == "pgd" and contender.method != "bat"
    finding = (
        f"{contender.label} loses {SHOWN[attack]} from its best epoch to its last"
        if falls
        else f"{contender.label} keeps its best {SHOWN[attack]} to the last epoch"
    )
    if len(curve) == 1:
        return untestable(finding, described, LAST_ALONE)
    best, last = best_of([right for _, right in curve]), curve[-1][1]
    highest = max(curve, key=lambda moment: float(moment[1].mean()))[0]
    change = difference(best, last)
    numbers = (
        f"{estimate(best).points()} % at its best, near epoch {highest}, {estimate(last).points()} % "
        f"after epoch {curve[-1][0]}; the change is {change.points('+')} points"
    )
    if falls:
        return above(finding, described, numbers, difference(last, best))
    return no_loss(finding, described, numbers, change, MARGIN)


def _prevented(described: str, contender: Contender, plain: Curve, curve: Curve) -> Verdict:
    """Whether a method loses less adversarial accuracy than PGD, from its best epoch: a difference of differences."""
    finding = f"{contender.label} loses less {SHOWN['pgd']} from its best epoch to its last than PGD"
    if len(curve) == 1:
        return untestable(finding, described, LAST_ALONE)
    losses: list[Any] = []
    for one in (plain, curve):
        best = best_of([right for _, right in one])
        losses.append(np.subtract(best, one[-1][1], dtype=np.float64))
    less = estimate(losses[0] - losses[1])
    numbers = (
        f"PGD loses {estimate(losses[0]).points()} points, BAT {estimate(losses[1]).points()}; the difference is "
        f"{less.points('+')} points"
    )
    needs = loses("PGD", SHOWN["pgd"], best_of([right for _, right in plain]), plain[-1][1])
    return above(finding, described, numbers, less, needs=needs)
