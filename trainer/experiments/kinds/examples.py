"""Figure 6: samples whose memorization values are near 0, a half and 1."""

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
from trainer.experiments.interval import share, shares_apart
from trainer.experiments.item import FromStudy, Item, for_each_dataset
from trainer.experiments.verdict import Verdict, above, untestable

LEVELS = (0.0, 0.5, 1.0)
AROUND = 0.1
"""How far from its level a sample's mem may be."""
EACH, CLASSES = 2, 5
"""Pictures of each class and level, and classes, that are shown."""

FINDING = "Images that are memorized are unlike the main distribution of their class"


class Examples(FromStudy):
    """Of a study alone."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Pictures of each, from several classes."""
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
            f"Training images of several classes ({datasets}) whose mem is nearest to 0, a half and 1, and within "
            f"{AROUND:g} of it; of equal ones, the first of the dataset. Below each: its class and mem."
        )
        notes = [
            "How unusual an image is in meaning is for the eye. The verdict asks what can be measured: of which class "
            "the typical image is whose pixels correlate most with it."
        ]
        return Artifact(caption, figures, numbers, verdicts, notes=notes)


def _near(panel: Panel, level: float, label: int) -> Indices:
    """The training samples of a class whose mem is nearest to a level, and near enough."""
    scores = panel.study.scores
    distance = np.abs(scores["mem"] - level)
    usable = np.flatnonzero((scores["label"] == label) & (distance <= AROUND))
    return usable[np.argsort(distance[usable], kind="stable")[:EACH]]


def _classes(panel: Panel) -> list[int]:
    """Classes that have samples at most levels come first, else in their order."""
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
    """Whether the most alike typical image is of another class more often at mem near 1 than at mem near 0."""
    dataset, mem = panel.study.dataset, panel.study.scores["mem"]
    low, high = (np.flatnonzero(np.abs(mem - level) <= AROUND) for level in (LEVELS[0], LEVELS[-1]))
    typical = panel.study.sets.train_typical
    if not (len(low) and len(high) and typical.any()):
        return untestable(FINDING, f"{panel.study.described}: no samples at both ends, or no typical ones")
    elsewhere = [_nearest_class(panel, chosen) != dataset.y_train[chosen] for chosen in (low, high)]
    few, many = (share(one).points() for one in elsewhere)
    gap = shares_apart(*elsewhere)
    numbers = (
        f"{panel.study.described}: the most alike typical image is of another class for {few} % of the {len(low):,} "
        f"samples with mem within {AROUND:g} of 0, and for {many} % of the {len(high):,} within {AROUND:g} of 1; "
        f"the difference is {gap.points('+')} points"
    )
    return above(FINDING, numbers, gap)


def _nearest_class(panel: Panel, chosen: Indices) -> Indices:
    """The class of the most alike typical training image, of all classes."""
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
