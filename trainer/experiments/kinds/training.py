"""Figure 4: clean and adversarial accuracy of every method during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, bars, legend_below, mean, panels_in_rows, sources
from trainer.experiments.inputs import Panel, correct, curves
from trainer.experiments.item import Item
from trainer.experiments.method_comparison import ATTACKS, MARGIN
from trainer.experiments.preconditions import loses
from trainer.experiments.run import CONTENDERS, Contender, ExperimentRun, compared
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import LAST_ALONE, Verdict, above, no_loss, untestable
from trainer.interval import best_of, difference, estimate

SHOWN = {"clean": "clean accuracy", "pgd": f"adversarial accuracy ({ATTACKS['pgd']})"}

PLAIN = CONTENDERS[0]
"""PGD training, against which all others are shown."""

Curve = list[tuple[int, Any]]
"""Epochs, each with correctness bool [seeds, samples]."""


class Training:
    """All contenders on all samples."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each contender and seed."""
        return [compared(setting, contender, seed) for contender in CONTENDERS for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of clean and of adversarial accuracy on all test samples, and below them their differences to PGD."""
        figure, areas = panels_in_rows(2 * len(SHOWN) * len(panels), shared=False)
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        for place, panel in enumerate(panels):
            of_all = {contender.label: _curves(panel, contender) for contender in CONTENDERS}
            own = areas[2 * len(SHOWN) * place :]
            for attack, upper, lower in zip(SHOWN, own, own[len(SHOWN) :], strict=False):
                numbers += _drawn(
                    upper, lower, panel.setting, attack, {label: one[attack] for label, one in of_all.items()}
                )
            described, plain = panel.setting.described, of_all[PLAIN.label]["pgd"]
            verdicts += [
                _verdict(described, one, attack, of_all[one.label][attack]) for one in CONTENDERS for attack in SHOWN
            ]
            verdicts += [
                _prevented(described, one, plain, of_all[one.label]["pgd"]) for one in CONTENDERS if one.method == "bat"
            ]
        legend_below(figure, areas[0], 3, seeds=len(panels[0].seeds), over="seeds and samples", bars=True)
        caption = (
            "Above: accuracy on all test samples during training, mean over seeds. Below: the same minus that of "
            f"{PLAIN.label}, paired, with the 95 % interval over {sources(panels[0].seeds)}: methods differ "
            "where it excludes 0. The best of the kept epochs is chosen on one half of the test samples and measured "
            "on the other, so that the choice adds no bias."
        )
        return Artifact(caption, {item.name: figure}, numbers, verdicts)


def _drawn(upper: Axes, lower: Axes, setting: Setting, attack: str, curves: dict[str, Curve]) -> list[dict[str, Any]]:
    """Draw accuracies under an attack above, and below them those minus PGD's; their numbers."""
    numbers: list[dict[str, Any]] = []
    for place, (label, curve) in enumerate(curves.items()):
        line = [(epoch, estimate(right)) for epoch, right in curve]
        about = {"setting": setting.described, "method": label, "attack": attack}
        mean(upper, line, COLOURS[place], "-", label)
        numbers += [{**about, "minus": "", "epoch": epoch, **one.columns()} for epoch, one in line]
        if label != PLAIN.label:
            pairs = zip(curve, curves[PLAIN.label], strict=True)
            line = [(epoch, difference(plain, right)) for (epoch, right), (_, plain) in pairs]
            bars(lower, line, COLOURS[place], aside=setting.along * 0.1 * (place - len(curves) / 2))
            numbers += [{**about, "minus": PLAIN.label, "epoch": epoch, **one.columns()} for epoch, one in line]
    upper.set(ylabel=f"{SHOWN[attack]}, %", title=setting.title)
    lower.axhline(0, color=COLOURS[list(curves).index(PLAIN.label)], linewidth=1)
    lower.set(xlabel="epoch", ylabel=f"points against {PLAIN.label}")
    return numbers


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
