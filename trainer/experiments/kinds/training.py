"""Figure 4: clean and adversarial accuracy of every method during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, band, legend_below, panels_beside
from trainer.experiments.inputs import Panel, correct, curves
from trainer.experiments.interval import best_of, difference, estimate
from trainer.experiments.item import Item
from trainer.experiments.method_comparison import ATTACKS, MARGIN
from trainer.experiments.run import CONTENDERS, Contender, ExperimentRun, compared
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, above, no_loss, untestable

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
            for contender, colour in zip(CONTENDERS, COLOURS, strict=False):
                found = _curves(panel, contender)
                for (attack, curve), areas in zip(found.items(), columns, strict=True):
                    line = [(epoch, estimate(right)) for epoch, right in curve]
                    band(areas[place], line, colour, "-", contender.label)
                    about = {"setting": panel.setting.described, "method": contender.label, "attack": attack}
                    numbers += [{**about, "epoch": epoch, **one.columns()} for epoch, one in line]
                    verdicts.append(_verdict(panel.setting.described, contender, attack, curve))
            for what, areas in zip(SHOWN.values(), columns, strict=True):
                areas[place].set(xlabel="epoch", ylabel=f"{what}, %", title=panel.setting.described)
        legend_below(figure, columns[0][0], 3)
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
        return untestable(finding, f"{described}: only the last network was kept")
    best, last = best_of([right for _, right in curve]), curve[-1][1]
    highest = max(curve, key=lambda moment: float(moment[1].mean()))[0]
    change = difference(best, last)
    numbers = (
        f"{described}: {estimate(best).points()} % at its best, near epoch {highest}, {estimate(last).points()} % "
        f"after epoch {curve[-1][0]}; the change is {change.points('+')} points"
    )
    return above(finding, numbers, difference(last, best)) if falls else no_loss(finding, numbers, change, MARGIN)
