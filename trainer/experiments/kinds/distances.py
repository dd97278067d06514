"""Table 1 and figures 21 to 23: distances between the representations of typical samples of different classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from trainer.evaluation import Evaluation
from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, MARKERS, band, label_rows, legend_below, panels_in_rows
from trainer.experiments.inputs import Panel
from trainer.experiments.item import Item
from trainer.experiments.kinds.removal import CONDITIONS, EVERY, MATCHED, NONE, fits, under
from trainer.experiments.paper_numbers import published
from trainer.experiments.run import ExperimentRun, preliminary
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Precondition, Verdict, above, untestable
from trainer.interval import Estimate, over_seeds, weakest

SOME = "20 %"
PUBLISHED = {NONE: "0 %", SOME: "20 %", EVERY: "100 %"}
METHODS = {"pgd": "adversarial training", "erm": "ERM"}
APART = 0.02
"""Largest loss of distance under ERM that counts as none."""
SPLITS = {"train": "typical training samples", "test": "typical test samples"}

Moments = list[tuple[int, Any]]
"""Epochs, each with a distance for each seed, float64 [seeds]."""

Measured = dict[tuple[str, str], Moments]
"""Distances by condition and split."""


@dataclass(frozen=True)
class Distances:
    """Training on the typical samples and a share of the atypical ones: PGD at its end, or curves of PGD and ERM."""

    curves: bool

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods whose networks are measured."""
        return tuple(METHODS) if self.curves else ("pgd",)

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each method, share and seed, and the controls of equal size: those of figures 2 and 15."""
        return [
            preliminary(setting, method, seed, **point)
            for method in self.methods
            for point in CONDITIONS.values()
            for seed in seeds
        ]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Cosine distances of different classes, for each share."""
        figure, areas = panels_in_rows(len(panels) * len(self.methods))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        attacked: Measured = {}
        for (panel, method), area in zip(product(panels, self.methods), areas, strict=True):
            found, described = _measured(panel, method), f"{panel.setting.described}, {METHODS[method]}"
            attacked = found if method == "pgd" else attacked
            (_curves if self.curves else _ends)(area, found)
            area.set(title=f"{panel.setting.title}, {METHODS[method]}")
            numbers += _rows(described, found)
            paper = published(item.name, panel.setting) if method == "pgd" else {}
            tables.append(_table(described, found, paper))
            verdicts += _closer(panel, found) if method == "pgd" else [_no_closer(panel, found)]
            if self.curves and method == "pgd":
                verdicts.append(_falls(panel, found[EVERY, "train"]))
            if method == "erm":
                verdicts += _contrasts(panel, attacked, found)
        label_rows(areas, "cosine distance of typical samples\nof different classes")
        legend_below(figure, areas[0], seeds=len(panels[0].seeds) if self.curves else 0, over="seeds")
        shown = "in the table" if self.curves else "shown"
        over = "mean and 95 % interval over seeds" if len(panels[0].seeds) > 1 else "in one seed"
        caption = (
            "Training on the typical samples (mem < 0.02) and a share of the atypical ones (mem > 0.15): 1 minus the "
            "mean cosine of the representations (before the last layer) of typical samples of different classes, "
            f"{over}. The paper measures training samples; test samples, which were not fitted, "
            f"are {shown} too."
        )
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables)


def _measured(panel: Panel, method: str) -> Measured:
    """The distances under every condition."""
    found: Measured = {}
    for condition in CONDITIONS:
        moments = list(zip(*(run.moments for run in under(panel, method, condition)), strict=True))
        for split in SPLITS:
            found[condition, split] = [
                (moment[0][0], np.array([_distance(folder, split) for _, folder in moment])) for moment in moments
            ]
    return found


def _distance(folder: Path, split: str) -> float:
    """The distance of a split's typical samples in an evaluation; NaN if they cover fewer than two classes."""
    for row in Evaluation.read_rows(folder):
        if (row.split, row.group) == (split, "typical") and row.cosine_distance is not None:
            return row.cosine_distance
    return float("nan")


def _closer(panel: Panel, found: Measured) -> list[Verdict]:
    """Whether the distance is smaller with more atypical samples, at the last epoch."""
    verdicts: list[Verdict] = []
    needs = {control: fits(panel, "pgd", control) for control in (EVERY, MATCHED)}
    for split, which in SPLITS.items():
        ends = {condition: moments[-1][1] for (condition, of), moments in found.items() if of == split}
        for control, size in ((EVERY, ""), (MATCHED, ", at equal size")):
            numbers = f"{_words(ends[NONE])} without, {_words(ends[control])} with them"
            finding = f"Atypical samples bring {which} of different classes closer together{size}"
            verdicts.append(_smaller(panel, finding, numbers, ends[NONE] - ends[control], needs[control]))
        steps = {(one, more): over_seeds(ends[one] - ends[more]) for one, more in ((NONE, SOME), (SOME, EVERY))}
        one, more = weakest(steps)
        along = ", ".join(f"{_words(ends[condition])} with {share}" for condition, share in PUBLISHED.items())
        numbers = f"{along}; the step from {PUBLISHED[one]} to {PUBLISHED[more]} decides"
        finding = f"The more of them, the closer (0, 20 and 100 %; {which})"
        verdicts.append(_smaller(panel, finding, numbers, ends[one] - ends[more], needs[EVERY]))
    return verdicts


def _no_closer(panel: Panel, found: Measured) -> Verdict:
    """Whether under ERM the distance is not smaller with all atypical samples than without."""
    none, every = (found[condition, "train"][-1][1] for condition in (NONE, EVERY))
    change = over_seeds(every - none)
    numbers = (
        f"{_words(none)} without, {_words(every)} with them; the change is {change.value:+.3f} "
        f"[{change.low:+.3f}, {change.high:+.3f}], where a loss of up to {APART:g} counts as none"
    )
    finding = f"Under ERM atypical samples do not bring {SPLITS['train']} of different classes closer together"
    return above(finding, panel.setting.described, numbers, change, -APART, needs=fits(panel, "erm", EVERY))


def _contrasts(panel: Panel, attacked: Measured, erm: Measured) -> list[Verdict]:
    """Whether atypical samples bring classes closer under attack than under ERM: a difference of differences."""
    found: list[Verdict] = []
    for control, size in ((EVERY, ""), (MATCHED, ", at equal size")):
        closer = [one[NONE, "train"][-1][1] - one[control, "train"][-1][1] for one in (attacked, erm)]
        numbers = f"closer by {_words(closer[0])} under PGD training, by {_words(closer[1])} under ERM"
        finding = f"Atypical samples bring {SPLITS['train']} closer together under attack than under ERM{size}"
        needs = fits(panel, "pgd", control).and_also(fits(panel, "erm", control))
        found.append(_smaller(panel, finding, numbers, closer[0] - closer[1], needs))
    return found


def _falls(panel: Panel, moments: Moments) -> Verdict:
    """Whether the distance falls after the learning rate does, with all atypical samples."""
    finding = "With all atypical samples the distance falls after the first decay of the learning rate"
    config = preliminary(panel.setting, "pgd", panel.seeds[0], keep_atypical=1).config()
    decay = config.milestones[0] * config.epochs if config.milestones else 0
    before = [moment for moment in moments[:-1] if moment[0] <= decay]
    if config.schedule != "steps" or not before:
        return untestable(finding, panel.setting.described, "no network from before a decay was kept")
    (epoch, first), (end, last) = before[-1], moments[-1]
    numbers = f"{_words(first)} after epoch {epoch}, {_words(last)} after epoch {end}"
    return _smaller(panel, finding, numbers, first - last, fits(panel, "pgd", EVERY))


def _smaller(panel: Panel, finding: str, numbers: str, closer: Any, needs: Precondition) -> Verdict:
    """Whether distances [seeds] shrink: `closer` is by how much, for each seed."""
    found = over_seeds(closer)
    numbers += f"; closer by {found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    return above(finding, panel.setting.described, numbers, found, needs=needs)


def _words(values: Any) -> str:
    return f"{values.mean():.3f}"


def _rows(described: str, found: Measured) -> list[dict[str, Any]]:
    return [
        {
            "setting": described,
            "trained on": f"typical and {condition}",
            "samples": f"{split} typical",
            "epoch": epoch,
            **over_seeds(values).columns("cosine distance"),
        }
        for (condition, split), moments in found.items()
        for epoch, values in moments
    ]


def _table(described: str, found: Measured, paper: dict[tuple[str, str], float]) -> str:
    """The last epoch, next to the paper's numbers if it gives any, in Markdown."""
    conditions = list(CONDITIONS)
    lines = [[f"{described}, last epoch", *conditions], ["---"] * (1 + len(conditions))]
    for split in SPLITS:
        estimates = [over_seeds(found[condition, split][-1][1]) for condition in conditions]
        lines.append([SPLITS[split], *map(_cell, estimates)])
    if paper:
        numbers = [paper.get(("cosine distance", PUBLISHED.get(one, ""))) for one in conditions]
        lines.append(["the paper, training samples", *("-" if one is None else f"{one:.2f}" for one in numbers)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(found: Estimate) -> str:
    return f"{found.value:.3f}" + (f" ± {found.deviation:.3f}" if found.seeds > 1 else "")


def _curves(area: Axes, found: Measured) -> None:
    """Distances of training samples over epochs."""
    lines = {condition: moments for (condition, split), moments in found.items() if split == "train"}
    for (condition, moments), colour in zip(lines.items(), COLOURS, strict=False):
        band(area, [(epoch, over_seeds(values)) for epoch, values in moments], colour, "-", condition, unit=1)
    area.set_xlabel("epoch")


def _ends(area: Axes, found: Measured) -> None:
    """Distances at the last epoch: each seed, and their mean with its interval."""
    conditions = list(CONDITIONS)
    for number, split in enumerate(SPLITS):
        places = np.arange(len(conditions)) + 0.16 * (number - 0.5)
        seeds = np.stack([found[condition, split][-1][1] for condition in conditions])
        estimates = [over_seeds(values) for values in seeds]
        half = np.array([one.high - one.value if np.isfinite(one.high) else np.nan for one in estimates])
        look = {"color": COLOURS[number], "marker": MARKERS[number], "capsize": 3}
        mean = [one.value for one in estimates]
        area.errorbar(places, mean, half, linestyle="none", label=SPLITS[split], **look)
        area.plot(places + 0.06, seeds, ".", color=COLOURS[number], markersize=4, alpha=0.5)
    area.set_xticks(range(len(conditions)), [one.replace(", ", ",\n").replace(" of", "\nof") for one in conditions])
