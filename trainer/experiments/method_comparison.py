"""Compare methods: the networks shown of each, a table with the paper's numbers, and verdicts on one against others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from memscore.arrays import Bools
from trainer.evaluation import SampleRecords
from trainer.experiments.inputs import Panel
from trainer.experiments.run import APGD, AVERAGED, CONTENDERS, Contender, compared
from trainer.experiments.verdict import Verdict, above, no_loss
from trainer.interval import Estimate, difference, estimate, weakest

ATTACKS = {
    "clean": "clean",
    "fgsm": "FGSM",
    "pgd": "PGD-20",
    "cw": "CW",
    APGD: "APGD",
    "autoattack": "AutoAttack",
}
GROUPS = ("all", "typical", "atypical", "control")
BEST_ADVERSARIAL, BEST_CLEAN = "PGD, best adv.", "PGD, best clean"
BATS = tuple(one.label for one in CONTENDERS if one.method == "bat")
COMPARED = (*CONTENDERS, *AVERAGED)
MARGIN = 0.01
"""Largest loss of accuracy that counts as comparable."""

Column = tuple[str, str]
"""A group of test samples, and an attack."""

Rights = dict[str, dict[Column, Any]]
"""By method and column: correctness bool [seeds, samples]."""


def checkpoints_of(contender: Contender) -> tuple[str, ...]:
    """The checkpoints shown: the best under attack and the last of every method, and the best clean one of PGD."""
    if contender in AVERAGED:
        return ("averaged-best-adversarial", "averaged-last")
    return ("best-adversarial", *(["best-clean"] if contender == CONTENDERS[0] else []), "last")


def label_of(contender: Contender, checkpoint: str) -> str:
    """The name of a contender's network. The paper shows the best ones of PGD, and the last of all other methods."""
    if checkpoint.endswith("last"):
        return "PGD, last" if contender == CONTENDERS[0] else contender.label
    return f"{contender.label}, {'best clean' if checkpoint == 'best-clean' else 'best adv.'}"


def shown(panel: Panel, *, attacked: bool) -> dict[str, list[SampleRecords]]:
    """Test samples of each seed, by the label of method and checkpoint; `attacked`: under the slow attacks too."""
    found: dict[str, list[SampleRecords]] = {}
    for contender in COMPARED:
        runs = [panel.finished(compared(panel.setting, contender, seed)) for seed in panel.seeds]
        for checkpoint in checkpoints_of(contender):
            found[label_of(contender, checkpoint)] = [
                run.attacked(checkpoint) if attacked else run.samples("test", checkpoint) for run in runs
            ]
    return found


def groups(panel: Panel) -> dict[str, Bools]:
    """Masks of all, typical and atypical test samples, and of others that held-out models find as hard as the last."""
    sets = panel.study.sets
    every = np.ones_like(sets.test_typical)
    return dict(zip(GROUPS, (every, sets.test_typical, sets.test_atypical, panel.study.control), strict=True))


def table(title: str, found: dict[str, dict[Column, Estimate]], paper: dict[tuple[str, str], float]) -> str:
    """A Markdown table: mean ± standard deviation over seeds, in per cent, with the paper's number in brackets."""
    columns = list(next(iter(found.values())))
    heads = [f"{group}, {ATTACKS[attack]}" for group, attack in columns]
    lines = [[title, *heads], ["---"] * (1 + len(columns))]
    for label, estimates in found.items():
        numbers = [paper.get((label, f"{group} {attack}")) for group, attack in columns]
        lines.append([label, *(_cell(estimates[one], number) for one, number in zip(columns, numbers, strict=True))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@dataclass(frozen=True)
class Contest:
    """Compares one method with others on the same samples. described: the setting, in words."""

    described: str
    rights: Rights

    def higher(self, one: str, other: str, column: Column) -> Verdict:
        """Whether a method's accuracy is above another's."""
        return above(
            f"{one} has higher {_words(column)} than {other}", self.described, *self._pair(one, [other], column)
        )

    def comparable(self, one: str, other: str, column: Column) -> Verdict:
        """Whether a method's accuracy is at most MARGIN below another's."""
        finding = f"{one} has {_words(column)} comparable to that of {other}"
        return no_loss(finding, self.described, *self._pair(one, [other], column), MARGIN)

    def highest(self, one: str, column: Column) -> Verdict:
        """Whether a method's accuracy is above every baseline's; the weakest difference decides."""
        finding = f"{one} has higher {_words(column)} than every baseline"
        return above(finding, self.described, *self._pair(one, self._others(), column))

    def comparable_to_all(self, one: str, column: Column) -> Verdict:
        """Whether a method's accuracy is at most MARGIN below every baseline's."""
        finding = f"{one} has {_words(column)} comparable to that of every baseline"
        return no_loss(finding, self.described, *self._pair(one, self._others(), column, -MARGIN), MARGIN)

    def _others(self) -> list[str]:
        return [label for label in self.rights if not label.startswith(BATS)]

    def _pair(self, one: str, others: Sequence[str], column: Column, bound: float = 0.0) -> tuple[str, Estimate]:
        """A description of the comparison, and the difference that decides whether all exceed `bound`."""
        own = self.rights[one][column]
        differences = {other: difference(self.rights[other][column], own) for other in others}
        other = weakest(differences, bound)
        found, against = differences[other], estimate(self.rights[other][column])
        which = "the difference" if len(others) == 1 else "the deciding difference"
        return (
            f"{estimate(own).points()} % against {against.points()} % of {other}; {which} is {found.points('+')} points"
        ), found


def _words(column: Column) -> str:
    group, attack = column
    what = "clean accuracy" if attack == "clean" else f"adversarial accuracy ({ATTACKS[attack]})"
    return f"{what} on {group} test samples"


def _cell(found: Estimate, paper: float | None) -> str:
    if isnan(found.value):
        return "-"
    spread = "" if isnan(found.deviation) else f" ± {100 * found.deviation:.1f}"
    return f"{100 * found.value:.1f}{spread}" + ("" if paper is None else f" ({paper:.1f})")
