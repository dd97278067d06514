"""Figure 6: samples with memorization values near 0, 0.5 and 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from memscore.arrays import Indices
from memscore.datasets.resemblance import closest
from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import Picture, gallery
from trainer.experiments.inputs import Panel
from trainer.experiments.item import FromStudy, Item, for_each_dataset
from trainer.experiments.verdict import Verdict, above, untestable
from trainer.interval import share, shares_apart

LEVELS = (0.0, 0.5, 1.0)
AROUND = 0.1
"""Largest distance of a sample's mem from its level."""
EACH, CLASSES = 2, 5
"""Number of pictures for each class and level, and number of classes."""

FINDING = "Memorized images are unlike the main distribution of their class"


class Examples(FromStudy):
    """Examples from a study, without training runs."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Pictures at each level, from several classes."""
        panels = for_each_dataset(panels)
        figures: dict[str, Figure] = {}
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        for panel in panels:
            shown = [[_near(panel, level, label) for level in LEVELS] for label in _classes(panel)]
            columns = [
                (f"mem near {level:g}", [_pictures(panel, of_class[place]) for of_class in shown])
                for place, level in enumerate(LEVELS)
            ]
            figures[f"{item.name}-{panel.setting.dataset}"] = gallery(columns)
            numbers += [_row(panel, int(one)) for of_class in shown for chosen in of_class for one in chosen]
            verdicts.append(_verdict(panel))
        datasets = "; ".join(panel.study.described for panel in panels)
        caption = (
            f"Training images of several classes ({datasets}) whose mem is nearest to 0, 0.5 and 1, and within "
            f"{AROUND:g} of it; ties go to the first in the dataset. Below each: its class and mem."
        )
        notes = [
            "How unusual an image looks is a matter of judgement. The verdict uses what can be measured: the class of "
            "the typical image whose pixels correlate most with it."
        ]
        return Artifact(caption, figures, numbers, verdicts, notes=notes)


def _near(panel: Panel, level: float, label: int) -> Indices:
    """The training samples of a class whose mem is nearest to a level, within AROUND."""
    scores = panel.study.scores
    distance = np.abs(scores["mem"] - level)
    usable = np.flatnonzero((scores["label"] == label) & (distance <= AROUND))
    return usable[np.argsort(distance[usable], kind="stable")[:EACH]]


def _classes(panel: Panel) -> list[int]:
    """The classes to show: those with samples at the most levels, ties in class order."""
    lacking = [sum(not len(_near(panel, level, one)) for level in LEVELS) for one in range(panel.study.dataset.classes)]
    return sorted(np.argsort(lacking, kind="stable")[:CLASSES].tolist())


def _pictures(panel: Panel, chosen: Indices) -> list[Picture | None]:
    dataset, scores = panel.study.dataset, panel.study.scores
    shown: list[Picture | None] = [
        Picture(dataset.x_train[one], f"{dataset.class_names[dataset.y_train[one]]}\nmem {scores['mem'][one]:.2f}")
        for one in chosen
    ]
    return shown + [None] * (EACH - len(shown))


def _verdict(panel: Panel) -> Verdict:
    """Whether the most similar typical image has another class more often at mem near 1 than near 0."""
    dataset, mem = panel.study.dataset, panel.study.scores["mem"]
    low, high = (np.flatnonzero(np.abs(mem - level) <= AROUND) for level in (LEVELS[0], LEVELS[-1]))
    typical = panel.study.sets.train_typical
    if not (len(low) and len(high) and typical.any()):
        return untestable(FINDING, panel.study.described, "no samples at both ends, or no typical ones")
    elsewhere = [_nearest_class(panel, chosen) != dataset.y_train[chosen] for chosen in (low, high)]
    few, many = (share(one).points() for one in elsewhere)
    gap = shares_apart(*elsewhere)
    numbers = (
        f"the most similar typical image has another class for {few} % of the {len(low):,} "
        f"samples with mem within {AROUND:g} of 0, and for {many} % of the {len(high):,} within {AROUND:g} of 1; "
        f"the difference is {gap.points('+')} points"
    )
    return above(FINDING, panel.study.described, numbers, gap)


def _nearest_class(panel: Panel, chosen: Indices) -> Indices:
    """The class of the most similar typical training image."""
    dataset, typical = panel.study.dataset, panel.study.sets.train_typical
    alike = [closest(dataset, chosen, np.full(len(chosen), one), typical)[1][:, 0] for one in range(dataset.classes)]
    return np.argmax(alike, axis=0)


def _row(panel: Panel, index: int) -> dict[str, Any]:
    dataset, scores = panel.study.dataset, panel.study.scores
    return {
        "study": panel.study.described,
        "training sample": index,
        "class": dataset.class_names[dataset.y_train[index]],
        "mem": float(scores["mem"][index]),
        "standard error": float(scores["se"][index]),
    }
