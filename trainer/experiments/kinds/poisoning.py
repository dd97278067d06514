"""Figure 3: atypical training samples that are mistaken for another class under attack, next to that class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from memscore.arrays import Bools, Indices
from memscore.datasets.resemblance import closest
from trainer.evaluation import SampleRecords
from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import Picture, gallery
from trainer.experiments.inputs import Panel, StudyMaterial
from trainer.experiments.item import Item
from trainer.experiments.run import CONTENDERS, ExperimentRun, compared
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, above, untestable
from trainer.interval import share, shares_apart

CHECKPOINT = "best-adversarial"
"""As in the paper, a network that has fitted few atypical samples yet: just after the first drop of the rate."""

POISONING = 0.8
"""The paper's bound: an atypical sample with a higher score is poisoning."""

ROWS, BESIDE = 6, 3
"""Number of samples shown, and of typical samples of each class next to them."""

WRONG = "Poisoning atypical samples look like the class they are taken for"
RATHER = "They do so more than atypical samples that withstand the attack"


@dataclass(frozen=True)
class AtypicalUnderAttack:
    """The atypical samples that a run was trained on, under PGD.

    index: position in the dataset. score: poisoning score. taken_for: the wrong class with the highest probability.
    own, wrong: the most similar typical training images of the sample's own class and of that one, [n, BESIDE], -1
    where there are fewer; nearer_wrong: whether the most similar of all has the wrong class. withstands: whether the
    sample is classified correctly. known: whether there are typical images of both classes.
    """

    index: Indices
    score: npt.NDArray[np.float32]
    taken_for: Indices
    own: Indices
    wrong: Indices
    nearer_wrong: Bools
    withstands: Bools
    known: Bools

    @classmethod
    def of(cls, study: StudyMaterial, samples: SampleRecords) -> AtypicalUnderAttack:
        """Extract them from the samples of the training split."""
        index = np.flatnonzero(study.sets.train_atypical & samples["trained"].filled(False))
        score, taken_for = (samples[name].data[index] for name in ("poisoning_score", "poisoning_class"))
        labels, typical = study.dataset.y_train[index].astype(np.int64), study.sets.train_typical
        own, alike_own = closest(study.dataset, index, labels, typical, BESIDE)
        wrong, alike_wrong = closest(study.dataset, index, taken_for, typical, BESIDE)
        known = np.isfinite(alike_own[:, 0]) & np.isfinite(alike_wrong[:, 0])
        nearer = alike_wrong[:, 0] > alike_own[:, 0]
        return cls(index, score, taken_for, own, wrong, nearer, samples["correct_pgd"].data[index], known)

    @property
    def poisoning(self) -> Bools:
        """Which samples are poisoning, by the paper's bound."""
        return self.score > POISONING


class Poisoning:
    """Poisoning samples from one run of PGD training on all samples."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """The run with the first seed."""
        return [compared(setting, CONTENDERS[0], seeds[0])]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """The samples with the highest poisoning scores, next to typical ones of the class they are taken for."""
        figures: dict[str, Figure] = {}
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        for panel in panels:
            (run,) = self.runs(panel.setting, panel.seeds)
            atypical = AtypicalUnderAttack.of(panel.study, panel.finished(run).samples("train", CHECKPOINT))
            if len(atypical.index):
                figures[f"{item.name}-{panel.setting.dataset}"] = _drawn(panel.study, atypical)
            numbers += _rows(panel, atypical)
            verdicts += _verdicts(panel, atypical)
        caption = (
            f"PGD adversarial training, one network, from the epoch with the highest adversarial accuracy: the {ROWS} "
            "atypical training samples with the highest poisoning scores, the probability of a wrong class under "
            f"PGD-20 (the paper's q; poisoning above {POISONING:g}). Next to each, the typical training images whose "
            "pixels correlate most with it: from its own class, and from the class that it is taken for."
        )
        notes = [
            "Images are compared without the attack, by the correlation of their pixels, without any network; people "
            "may see more.",
            "Samples held out for selecting checkpoints are left out: the network was not trained on them.",
        ]
        return Artifact(caption, figures, numbers, verdicts, notes=notes)


def _drawn(study: StudyMaterial, atypical: AtypicalUnderAttack) -> Figure:
    dataset, mem = study.dataset, study.scores["mem"]
    shown = np.argsort(-atypical.score, kind="stable")[:ROWS]

    scored = zip(atypical.index[shown], atypical.score[shown], strict=True)

    def picture(index: int, more: str = "") -> Picture | None:
        name = dataset.class_names[dataset.y_train[index]]
        return Picture(dataset.x_train[index], f"{name}\n{more}mem {mem[index]:.2f}") if index >= 0 else None

    return gallery(
        [
            ("atypical", [[picture(int(one), f"poisoning {score:.2f}\n")] for one, score in scored]),
            ("typical of its class", [[picture(one) for one in row] for row in atypical.own[shown].tolist()]),
            (
                "typical of the class it is taken for",
                [[picture(one) for one in row] for row in atypical.wrong[shown].tolist()],
            ),
        ]
    )


def _verdicts(panel: Panel, atypical: AtypicalUnderAttack) -> list[Verdict]:
    described = panel.setting.described
    poisoning = atypical.nearer_wrong[atypical.poisoning & atypical.known]
    others = atypical.nearer_wrong[atypical.withstands & atypical.known]
    above_bound = atypical.poisoning.sum()
    about = f"{above_bound:,} of {len(atypical.index):,} atypical samples have a poisoning score above {POISONING:g}"
    if not len(poisoning):
        return [untestable(finding, described, about) for finding in (WRONG, RATHER)]
    of_poisoning = share(poisoning, seeds=1)
    measure = "the most similar typical image has the class they are taken for, not their own,"
    wrong = above(WRONG, described, f"{about}; {measure} for {of_poisoning.points()} % of them", of_poisoning, 0.5)
    if not len(others):
        return [wrong, untestable(RATHER, described, "no atypical sample withstands the attack")]
    gap = shares_apart(others, poisoning, seeds=1)
    numbers = (
        f"{measure} for {of_poisoning.points()} % of the {len(poisoning):,} poisoning samples, and for "
        f"{share(others).points()} % of the {len(others):,} that withstand PGD-20 (for their likeliest wrong class); "
        f"the difference is {gap.points('+')} points"
    )
    return [wrong, above(RATHER, described, numbers, gap)]


def _rows(panel: Panel, atypical: AtypicalUnderAttack) -> list[dict[str, Any]]:
    dataset, mem = panel.study.dataset, panel.study.scores["mem"]
    return [
        {
            "setting": panel.setting.described,
            "training sample": int(index),
            "class": dataset.class_names[dataset.y_train[index]],
            "taken for": dataset.class_names[atypical.taken_for[place]],
            "poisoning score": float(atypical.score[place]),
            "mem": float(mem[index]),
            "withstands PGD": bool(atypical.withstands[place]),
            "most alike typical image of its class": int(atypical.own[place, 0]),
            "and of the other": int(atypical.wrong[place, 0]),
            "nearer to the other": bool(atypical.nearer_wrong[place]),
        }
        for place, index in enumerate(atypical.index)
    ]
