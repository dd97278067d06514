"""Figure 8: pairs of training and test samples with high influence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from memscore.arrays import Bools, Float64, Indices
from memscore.datasets.resemblance import correlations
from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import Picture, gallery
from trainer.experiments.inputs import Panel, StudyMaterial
from trainer.experiments.item import FromStudy, Item, for_each_dataset
from trainer.experiments.verdict import Verdict, above, untestable
from trainer.interval import share

FALSE_DISCOVERIES = 0.05
NEAREST = 0.05
"""Share of a class's atypical images that count as the nearest."""
ACROSS, DOWN = 3, 4
"""Columns and rows of pairs shown."""

ALIKE = "Pairs of high influence are more similar than other pairs of their class"
VERY = f"They are very similar: the training image is mostly among the nearest {100 * NEAREST:.0f} % of its class"
FAIL = "Without the training image the model mostly fails on the test image"


@dataclass(frozen=True)
class Chosen:
    """Significant pairs within a class, with infl and mem above the atypical threshold, strongest first.

    candidates: number before the significance test. place: position in the pairs table. correlation: of the pixels of
    both images. rank: share of the class's other atypical training images that correlate less with the test image, NaN
    if there are none. p_without: share of the trials without the training image that classify the test image correctly.
    counted: pairs that share no image with a stronger counted pair.
    """

    candidates: int
    place: Indices
    correlation: Float64
    rank: Float64
    p_without: Float64
    counted: Bools

    @classmethod
    def of(cls, study: StudyMaterial) -> Chosen:
        """The pairs of a study."""
        pairs, threshold = study.pairs, np.float32(study.sets.thresholds.atypical)
        of_class = study.dataset.y_train[pairs["train_index"]] == study.dataset.y_test[pairs["test_index"]]
        strong = of_class & (pairs["infl"] > threshold) & (pairs["mem"] > threshold)
        place = np.flatnonzero(strong & ~(pairs["q_value"] >= FALSE_DISCOVERIES))
        train, test = pairs["train_index"][place], pairs["test_index"][place]
        correlation, rank = _alike(study, train, test)
        n_in, n_out = study.scores["n_in"][train], study.scores["n_out"][train]
        with np.errstate(invalid="ignore"):  # the trials behind imported scores are unknown
            p_without = study.scores["test_p"][test] - n_in / (n_in + n_out) * pairs["infl"][place]
        return cls(int(strong.sum()), place, correlation, rank, p_without, _once(train, test))


class InfluentialPairs(FromStudy):
    """Pairs from a study, without training runs."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Pairs side by side, and how similar they are."""
        panels = for_each_dataset(panels)
        figures: dict[str, Figure] = {}
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        table = [
            f"| dataset | pairs | significant (q < {FALSE_DISCOVERIES:g}) | without common images |",
            "| --- | --- | --- | --- |",
        ]
        for panel in panels:
            chosen = Chosen.of(panel.study)
            if chosen.counted.any():
                figures[f"{item.name}-{panel.setting.dataset}"] = _drawn(panel.study, chosen)
            numbers += _rows(panel.study, chosen)
            counts = (chosen.candidates, len(chosen.place), int(chosen.counted.sum()))
            table.append(f"| {panel.study.described} | {' | '.join(f'{count:,}' for count in counts)} |")
            verdicts += _verdicts(panel.study, chosen)
        caption = (
            "Pairs of a training image (left, with its mem) and a test image (right, with infl and the q-value of the "
            f"pair) of one class: the strongest with mem and infl above {panels[0].study.sets.thresholds.atypical:g} "
            f"at a false-discovery rate of {100 * FALSE_DISCOVERIES:.0f} %; each image is in one pair."
        )
        notes = [
            "Similarity is the correlation of pixels, which a shift lowers even if two images look the same. Each "
            "image counts once, in its strongest pair, so that pairs are independent."
        ]
        return Artifact(caption, figures, numbers, verdicts, ["\n".join(table)], notes)


def _alike(study: StudyMaterial, train: Indices, test: Indices) -> tuple[Float64, Float64]:
    """Correlation of each pair, and its rank among the test image's with the class's atypical training images."""
    dataset = study.dataset
    correlation, rank = np.full(len(train), np.nan), np.full(len(train), np.nan)
    for label in np.unique(dataset.y_test[test]):
        places = np.flatnonzero(dataset.y_test[test] == label)
        images, row = np.unique(test[places], return_inverse=True)
        peers = np.flatnonzero(study.sets.train_atypical & (dataset.y_train == label))
        matrix = correlations(dataset.x_test[images], dataset.x_train[peers])
        own = matrix[row, np.searchsorted(peers, train[places])]
        below = (matrix[row] < own[:, None]).sum(axis=1) + ((matrix[row] == own[:, None]).sum(axis=1) - 1) / 2
        correlation[places] = own
        if len(peers) > 1:
            rank[places] = below / (len(peers) - 1)
    return correlation, rank


def _once(train: Indices, test: Indices) -> Bools:
    """Which pairs, in order, share no image with an earlier pair that is taken: bool [n]."""
    seen_train, seen_test = set[int](), set[int]()
    taken = np.zeros(len(train), np.bool_)
    for place, (i, j) in enumerate(zip(train.tolist(), test.tolist(), strict=True)):
        taken[place] = i not in seen_train and j not in seen_test
        if taken[place]:
            seen_train.add(i)
            seen_test.add(j)
    return taken


def _drawn(study: StudyMaterial, chosen: Chosen) -> Figure:
    dataset, pairs = study.dataset, study.pairs
    pictures: list[Sequence[Picture | None]] = []
    for place in chosen.place[chosen.counted][: ACROSS * DOWN]:
        i, j = pairs["train_index"][place], pairs["test_index"][place]
        name, q = dataset.class_names[dataset.y_train[i]], pairs["q_value"][place]
        significance = "" if np.isnan(q) else ", q < 0.001" if q < 0.001 else f", q {q:.3f}"
        pictures.append(
            [
                Picture(dataset.x_train[i], f"{name}\nmem {pairs['mem'][place]:.2f}"),
                Picture(dataset.x_test[j], f"{name}\ninfl {pairs['infl'][place]:.2f}{significance}"),
            ]
        )
    pictures += [[None, None] for _ in range(-len(pictures) % ACROSS)]
    return gallery([("training, test", pictures[start::ACROSS]) for start in range(ACROSS)])


def _verdicts(study: StudyMaterial, chosen: Chosen) -> list[Verdict]:
    rank, p_without = chosen.rank[chosen.counted], chosen.p_without[chosen.counted]
    rank, p_without = rank[np.isfinite(rank)], p_without[np.isfinite(p_without)]
    verdicts: list[Verdict] = []
    near, peers = f"{100 * NEAREST:.0f} %", "the atypical ones of its class"
    for finding, holds, claim in (
        (ALIKE, rank > 0.5, f"the training image is more similar than the median of {peers} (by chance: 50 %)"),
        (VERY, rank >= 1 - NEAREST, f"the training image is among the nearest {near} of {peers} (by chance: {near})"),
        (FAIL, p_without < 0.5, "most models that were not trained on the training image get the test image wrong"),
    ):
        if len(holds):
            part = share(holds)
            numbers = f"in {part.points()} % of {len(holds):,} pairs without common images {claim}"
            verdicts.append(above(finding, study.described, numbers, part, 0.5))
        else:
            verdicts.append(untestable(finding, study.described, "there is no pair to measure"))
    return verdicts


def _rows(study: StudyMaterial, chosen: Chosen) -> list[dict[str, Any]]:
    pairs, dataset = study.pairs, study.dataset
    names = {"infl": "infl", "se": "standard error", "q_value": "q", "mem": "mem"}
    return [
        {
            "study": study.described,
            "training sample": int(pairs["train_index"][place]),
            "test sample": int(pairs["test_index"][place]),
            "class": dataset.class_names[dataset.y_train[pairs["train_index"][place]]],
            **{shown: float(pairs[name][place]) for name, shown in names.items()},
            "correlation": float(chosen.correlation[at]),
            "rank": float(chosen.rank[at]),
            "right without": float(chosen.p_without[at]),
            "counted": bool(chosen.counted[at]),
        }
        for at, place in enumerate(chosen.place)
    ]
