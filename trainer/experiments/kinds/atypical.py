"""Figures 1 and 9 to 14: atypical samples of both splits during training on all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import BLUE, GREEN, GREY, ORANGE, STYLES, band, legend_below, panels_beside
from trainer.experiments.inputs import Panel, correct, curves
from trainer.experiments.interval import apart, difference, estimate
from trainer.experiments.item import Item
from trainer.experiments.kinds.removal import ATTACKS, CONDITIONS, EVERY, MATCHED, NONE
from trainer.experiments.paper_numbers import published
from trainer.experiments.run import ExperimentRun, preliminary
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, above, no_loss, untestable

TRAIN, TEST, TYPICAL = "atypical training samples", "atypical test samples", "typical test samples"
CONTROL = "test samples as hard as the atypical ones"
SHOWN = {
    "erm": ((TRAIN, "clean"), (TEST, "clean")),
    "pgd": ((TRAIN, "clean"), (TRAIN, "pgd"), (TEST, "clean"), (TEST, "pgd"), (TYPICAL, "pgd"), (CONTROL, "pgd")),
}
COLOURS = {TRAIN: BLUE, TEST: ORANGE, TYPICAL: GREY, CONTROL: GREEN}
CAUSAL = (NONE, EVERY, MATCHED)
FAR = 0.10
"""Difference of adversarial accuracies above which one is far below the other."""
RISE = 0.02
"""Largest rise of adversarial accuracy that counts as none."""
WHOLLY = 0.95
"""Clean accuracy above which nearly all training samples count as memorized."""

Curve = list[tuple[int, Any]]
"""Epochs, each with correctness bool [seeds, samples]."""

Curves = dict[tuple[str, str], Curve]
"""Curves by samples and attack."""


@dataclass(frozen=True)
class Atypical:
    """Training by `method`, erm or pgd, on all samples."""

    method: str

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each seed; for ERM also figure 15's, which test whether atypical samples are the cause."""
        causal = CAUSAL if self.method == "erm" else ()
        points = [dict[str, float](), *(CONDITIONS[condition] for condition in causal)]
        return [preliminary(setting, self.method, seed, **point) for point in points for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of accuracy on the atypical training and test samples."""
        figure, axes = panels_beside(len(panels))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        for panel, (area,) in zip(panels, axes, strict=True):
            found = self._curves(panel)
            for (samples, attack), moments in found.items():
                line = [(epoch, estimate(right)) for epoch, right in moments]
                band(area, line, COLOURS[samples], STYLES[attack], f"{samples}, {ATTACKS[attack]}")
                about = {"setting": panel.setting.described, "samples": samples, "attack": attack}
                numbers += [{**about, "epoch": epoch, **one.columns()} for epoch, one in line]
            area.set(xlabel="epoch", ylabel="accuracy, %", title=panel.setting.described)
            verdicts += self._verdicts(panel, found)
            if paper := published(item.name, panel.setting):
                tables.append(_ends(panel.setting, found, paper))
            if self.method == "erm":
                verdicts += _causes(panel)
        legend_below(figure, axes[0][0])
        caption = (
            f"{'ERM' if self.method == 'erm' else 'PGD adversarial training'} on all samples: accuracy on the atypical "
            "samples of both splits (training: mem > 0.15; test: infl > 0.15 from one of them), mean and 95 % interval "
            "over seeds and samples. Training samples that any seed held out are not included."
        )
        notes = [note for panel in panels for note in panel.study.notes_on_sets()]
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables, notes)

    def _curves(self, panel: Panel) -> Curves:
        sets = panel.study.sets
        runs = [panel.finished(preliminary(panel.setting, self.method, seed)) for seed in panel.seeds]
        found: Curves = {
            (group, attack): [] for group, attack in SHOWN[self.method] if group != CONTROL or panel.study.control.any()
        }
        for split in ("train", "test"):
            for epoch, samples in curves(runs, split):
                if split == "train":
                    trained = np.logical_and.reduce([one["trained"].filled(True) for one in samples])
                    masks = {TRAIN: sets.train_atypical & trained}
                else:
                    masks = {TEST: sets.test_atypical, TYPICAL: sets.test_typical, CONTROL: panel.study.control}
                for (group, attack), moments in found.items():
                    if group in masks:
                        moments.append((epoch, correct(samples, attack, masks[group])))
        return found

    def _verdicts(self, panel: Panel, found: Curves) -> list[Verdict]:
        described = panel.setting.described
        fitted, helped = (
            _rises("Atypical training samples are fitted during training (clean)", described, found[TRAIN, "clean"]),
            _rises("Accuracy on atypical test samples rises during training (clean)", described, found[TEST, "clean"]),
        )
        memorized = _memorized(described, found[TRAIN, "clean"])
        if self.method == "erm":
            return [fitted, memorized, helped]
        robust = _rises(
            "Atypical training samples are fitted under attack too (PGD-20)", described, found[TRAIN, "pgd"]
        )
        unmoved = _rises_not(
            "Adversarial accuracy on atypical test samples does not rise during training (PGD-20)",
            described,
            found[TEST, "pgd"],
        )
        if robust.verdict == "not confirmed":
            reason = "atypical training samples are not fitted under attack here, so nothing could carry over"
            unmoved = untestable(unmoved.finding, f"{_course(described, found[TEST, 'pgd'])}; {reason}")
        far = _far(described, found[TEST, "pgd"], found[TYPICAL, "pgd"], found.get((CONTROL, "pgd")))
        return [fitted, memorized, robust, helped, unmoved, far]


def _rises(finding: str, described: str, curve: Curve) -> Verdict:
    """Whether accuracy rises from the first kept epoch to the last."""
    if len(curve) == 1:
        return untestable(finding, f"{described}: only the last network was kept")
    return above(finding, _course(described, curve), difference(curve[0][1], curve[-1][1]))


def _rises_not(finding: str, described: str, curve: Curve) -> Verdict:
    """Whether a rise by more than RISE can be excluded."""
    if len(curve) == 1:
        return untestable(finding, f"{described}: only the last network was kept")
    return no_loss(finding, _course(described, curve), difference(curve[-1][1], curve[0][1]), RISE)


def _course(described: str, curve: Curve) -> str:
    (first, before), (last, after) = curve[0], curve[-1]
    return (
        f"{described}: {estimate(before).points()} % after epoch {first}, {estimate(after).points()} % after epoch "
        f"{last}; the rise is {difference(before, after).points('+')} points"
    )


def _memorized(described: str, curve: Curve) -> Verdict:
    """Whether accuracy ends above WHOLLY."""
    finding = f"Nearly all atypical training samples are memorized (clean accuracy above {100 * WHOLLY:g} %)"
    epoch, right = curve[-1]
    end = estimate(right)
    return above(finding, f"{described}: {end.points()} % after epoch {epoch}", end, WHOLLY)


def _far(described: str, atypical: Curve, typical: Curve, control: Curve | None) -> Verdict:
    """Whether accuracy on atypical samples ends more than FAR below that on typical ones; the control's beside it."""
    finding = "Adversarial accuracy on atypical test samples ends far below that on typical ones (PGD-20)"
    (epoch, low), (_, high) = atypical[-1], typical[-1]
    gap = apart(low, high)
    numbers = (
        f"{described}, after epoch {epoch}: {estimate(low).points()} % of the atypical, {estimate(high).points()} % "
        f"of the typical ones; the difference is {gap.points('+')} points, where far means more than {100 * FAR:g}"
    )
    if control:
        right = control[-1][1]
        numbers += (
            f"; {right.shape[1]:,} others as hard for held-out models have {estimate(right).points()} %, "
            f"{apart(low, right).points('+')} points from the atypical ones"
        )
    return above(finding, numbers, gap, FAR)


def _causes(panel: Panel) -> list[Verdict]:
    """Whether networks trained with atypical samples do better on atypical test samples than those without."""
    rights: dict[str, Any] = {}
    for condition in CAUSAL:
        runs = [
            panel.finished(preliminary(panel.setting, "erm", seed, **CONDITIONS[condition])) for seed in panel.seeds
        ]
        rights[condition] = correct([run.samples("test") for run in runs], "clean", panel.study.sets.test_atypical)
    found: list[Verdict] = []
    for control, size in ((EVERY, ""), (MATCHED, ", at equal size")):
        effect = difference(rights[NONE], rights[control])
        without, those_with = (estimate(rights[one]).points() for one in (NONE, control))
        numbers = (
            f"{panel.setting.described}: {without} % without, {those_with} % with them; "
            f"the difference is {effect.points('+')} points"
        )
        finding = f"Training on atypical samples helps atypical test samples (ERM, clean{size})"
        found.append(above(finding, numbers, effect))
    return found


def _ends(setting: Setting, found: Curves, paper: dict[tuple[str, str], float]) -> str:
    """The last epoch next to the paper's numbers, in Markdown."""
    lines = [f"| last epoch, accuracy in % | {setting.described} | the paper, about |", "| --- | --- | --- |"]
    for (samples, attack), moments in found.items():
        number = paper.get((samples, attack))
        shown = "-" if number is None else f"{number:g}"
        lines.append(f"| {samples}, {ATTACKS[attack]} | {estimate(moments[-1][1]).points()} | {shown} |")
    return "\n".join(lines)
