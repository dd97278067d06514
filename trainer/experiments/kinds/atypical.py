"""Figures 1 and 9 to 14: atypical samples of both splits during training on all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    STYLES,
    band,
    label_rows,
    legend_below,
    panels_in_rows,
    sources,
)
from trainer.experiments.inputs import Finished, Panel, correct, curves
from trainer.experiments.item import Item
from trainer.experiments.kinds.removal import ATTACKS, CONDITIONS, EVERY, MATCHED, NONE, under
from trainer.experiments.paper_numbers import published
from trainer.experiments.preconditions import fitted
from trainer.experiments.run import ExperimentRun, preliminary
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import LAST_ALONE, Precondition, Verdict, above, no_loss, untestable
from trainer.interval import apart, difference, estimate

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
        figure, axes = panels_in_rows(len(panels))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        for panel, area in zip(panels, axes, strict=True):
            trained = [panel.finished(preliminary(panel.setting, self.method, seed)) for seed in panel.seeds]
            found = self._curves(panel, trained)
            for (samples, attack), moments in found.items():
                line = [(epoch, estimate(right)) for epoch, right in moments]
                band(area, line, COLOURS[samples], STYLES[attack], f"{samples}, {ATTACKS[attack]}")
                about = {"setting": panel.setting.described, "samples": samples, "attack": attack}
                numbers += [{**about, "epoch": epoch, **one.columns()} for epoch, one in line]
            area.set(xlabel="epoch", title=panel.setting.title)
            verdicts += self._verdicts(panel, trained, found)
            if paper := published(item.name, panel.setting):
                tables.append(_ends(panel.setting, found, paper))
            if self.method == "erm":
                verdicts += _causes(panel)
        label_rows(axes, "accuracy, %")
        legend_below(figure, axes[0], seeds=len(panels[0].seeds), over="seeds and samples")
        caption = (
            f"{'ERM' if self.method == 'erm' else 'PGD adversarial training'} on all samples: accuracy on the atypical "
            "samples of both splits (training: mem > 0.15; test: infl > 0.15 from one of them), mean and 95 % interval "
            f"over {sources(panels[0].seeds)}. Training samples that any seed held out are not included."
        )
        notes = [note for panel in panels for note in panel.study.notes_on_sets()]
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables, notes)

    def _curves(self, panel: Panel, runs: Sequence[Finished]) -> Curves:
        sets = panel.study.sets
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

    def _verdicts(self, panel: Panel, runs: Sequence[Finished], found: Curves) -> list[Verdict]:
        described, training = panel.setting.described, f"{self.method.upper()} training"
        fits, helped = (
            _rises(f"{finding} during {training} (clean)", described, found[samples, "clean"])
            for finding, samples in (
                ("Atypical training samples are fitted", TRAIN),
                ("Accuracy on atypical test samples rises", TEST),
            )
        )
        memorized = _memorized(described, training, found[TRAIN, "clean"])
        if self.method == "erm":
            return [fits, memorized, helped]
        robust = _rises(
            "Atypical training samples are fitted under attack too (PGD-20)", described, found[TRAIN, "pgd"]
        )
        needs = fitted(runs, panel.study.sets.train_atypical, attacked=True)
        unmoved = _rises_not(described, found[TEST, "pgd"], needs)
        less = _rises_less(described, found[TEST, "clean"], found[TEST, "pgd"], needs)
        far = _far(described, found[TEST, "pgd"], found[TYPICAL, "pgd"], found.get((CONTROL, "pgd")))
        return [fits, memorized, robust, helped, unmoved, less, far]


def _rises(finding: str, described: str, curve: Curve) -> Verdict:
    """Whether accuracy rises from the first kept epoch to the last."""
    if len(curve) == 1:
        return untestable(finding, described, LAST_ALONE)
    return above(finding, described, _course(curve), difference(curve[0][1], curve[-1][1]))


def _rises_not(described: str, curve: Curve, needs: Precondition) -> Verdict:
    """Whether a rise by more than RISE can be excluded."""
    finding = "Adversarial accuracy on atypical test samples does not rise during training (PGD-20)"
    if len(curve) == 1:
        return untestable(finding, described, LAST_ALONE)
    change = difference(curve[-1][1], curve[0][1])
    return no_loss(finding, described, _course(curve), change, RISE, needs=needs)


def _rises_less(described: str, clean: Curve, attacked: Curve, needs: Precondition) -> Verdict:
    """Whether clean accuracy gains more than adversarial accuracy does: a difference of differences."""
    finding = "Accuracy on atypical test samples rises more without the attack than under it (PGD-20)"
    if len(clean) == 1:
        return untestable(finding, described, LAST_ALONE)
    gains = [np.subtract(curve[-1][1], curve[0][1], dtype=np.float64) for curve in (clean, attacked)]
    rises = [estimate(gain).points("+") for gain in gains]
    more = estimate(gains[0] - gains[1])
    numbers = (
        f"{rises[0]} points without the attack, {rises[1]} under it, from epoch {clean[0][0]} to epoch {clean[-1][0]}; "
        f"the difference is {more.points('+')} points"
    )
    return above(finding, described, numbers, more, needs=needs)


def _course(curve: Curve) -> str:
    (first, before), (last, after) = curve[0], curve[-1]
    return (
        f"{estimate(before).points()} % after epoch {first}, {estimate(after).points()} % after epoch "
        f"{last}; the rise is {difference(before, after).points('+')} points"
    )


def _memorized(described: str, training: str, curve: Curve) -> Verdict:
    """Whether accuracy ends above WHOLLY."""
    finding = (
        f"Nearly all atypical training samples are memorized by {training} (clean accuracy above {100 * WHOLLY:g} %)"
    )
    epoch, right = curve[-1]
    end = estimate(right)
    return above(finding, described, f"{end.points()} % after epoch {epoch}", end, WHOLLY)


def _far(described: str, atypical: Curve, typical: Curve, control: Curve | None) -> Verdict:
    """Whether accuracy on atypical samples ends more than FAR below that on typical ones; the control's beside it."""
    finding = "Adversarial accuracy on atypical test samples ends far below that on typical ones (PGD-20)"
    (epoch, low), (_, high) = atypical[-1], typical[-1]
    gap = apart(low, high)
    numbers = (
        f"after epoch {epoch} {estimate(low).points()} % of the atypical, {estimate(high).points()} % "
        f"of the typical ones; the difference is {gap.points('+')} points, where far means more than {100 * FAR:g}"
    )
    if control:
        right = control[-1][1]
        numbers += (
            f"; {right.shape[1]:,} others as hard for held-out models have {estimate(right).points()} %, "
            f"{apart(low, right).points('+')} points from the atypical ones"
        )
    return above(finding, described, numbers, gap, FAR)


def _causes(panel: Panel) -> list[Verdict]:
    """Whether networks trained with atypical samples do better on atypical test samples than those without."""
    rights: dict[str, Any] = {}
    for condition in CAUSAL:
        samples = [run.samples("test") for run in under(panel, "erm", condition)]
        rights[condition] = correct(samples, "clean", panel.study.sets.test_atypical)
    found: list[Verdict] = []
    for control, size in ((EVERY, ""), (MATCHED, ", at equal size")):
        effect = difference(rights[NONE], rights[control])
        without, those_with = (estimate(rights[one]).points() for one in (NONE, control))
        numbers = f"{without} % without, {those_with} % with them; the difference is {effect.points('+')} points"
        finding = f"Training on atypical samples helps atypical test samples (ERM, clean{size})"
        found.append(above(finding, panel.setting.described, numbers, effect))
    return found


def _ends(setting: Setting, found: Curves, paper: dict[tuple[str, str], float]) -> str:
    """The last epoch next to the paper's numbers, in Markdown."""
    lines = [f"| last epoch, accuracy in % | {setting.described} | the paper, about |", "| --- | --- | --- |"]
    for (samples, attack), moments in found.items():
        number = paper.get((samples, attack))
        shown = "-" if number is None else f"{number:g}"
        lines.append(f"| {samples}, {ATTACKS[attack]} | {estimate(moments[-1][1]).points()} | {shown} |")
    return "\n".join(lines)
