"""Tables 2 to 7: all methods by groups of samples or by attacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from memscore.counted import counted
from memscore.runs.sample_records import CORRECT
from trainer.evaluation import SampleRecords
from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import GREYS, MARKERS, legend_below, panels_in_rows, sources
from trainer.experiments.inputs import Panel, correct
from trainer.experiments.item import Item
from trainer.experiments.method_comparison import (
    ATTACKS,
    BATS,
    BEST_ADVERSARIAL,
    BEST_CLEAN,
    COMPARED,
    GROUPS,
    MARGIN,
    Column,
    Contest,
    Rights,
    checkpoints_of,
    groups,
    shown,
    table,
)
from trainer.experiments.paper_numbers import published
from trainer.experiments.run import APGD, ExperimentRun, attack_named, compared
from trainer.experiments.scales import WRN
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, no_loss
from trainer.interval import Estimate, difference, estimate, weakest

SELECTED = (
    f"Accuracy minus that of {BEST_ADVERSARIAL}, on the same samples, with the 95 % interval over {{sources}}: "
    "methods differ where it excludes 0. Every method is shown by its last network and by that with the highest "
    "adversarial accuracy on held-out training samples; the paper shows PGD by its best, all others by their last. "
    "Averaged weights are not in the paper. In the table: {shown}, in per cent, with the "
    "paper's number, on its dataset and network, in brackets."
)
WEAKER = ((APGD, "cw"), (APGD, "pgd"), ("cw", "fgsm"), ("pgd", "fgsm"), ("fgsm", "clean"))
"""Attacks, each with a weaker one, which must leave at least as much accuracy."""

Estimates = dict[str, dict[Column, Estimate]]


class ByGroup:
    """Clean and adversarial accuracy by group of test samples: tables 2 and 3."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each contender and seed."""
        return [compared(setting, contender, seed) for contender in COMPARED for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """A row for each contender, next to the paper's numbers."""
        figure, areas = panels_in_rows(len(GROUPS) * len(panels), height=2.9)
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        for place, panel in enumerate(panels):
            rights: Rights = {
                label: {
                    (group, attack): correct(samples, attack, mask)
                    for group, mask in groups(panel).items()
                    for attack in ("clean", "pgd")
                }
                for label, samples in shown(panel, attacked=False).items()
            }
            found = _estimates(rights)
            for group, area in zip(GROUPS, areas[place * len(GROUPS) :], strict=False):
                _forest(area, rights, [(group, "clean"), (group, "pgd")])
                area.set_title(f"{panel.setting.title}:\n{group} samples")
            numbers += _rows(panel, found, rights)
            tables.append(table(panel.setting.described, found, published(item.name, panel.setting)))
            verdicts += _by_group(Contest(panel.setting.described, rights))
        legend_below(figure, areas[0], 2)
        caption = (
            "All, typical and atypical test samples, and a control group (others that held-out models find as hard as "
            f"the atypical ones). {_selected(panels)}"
        )
        notes = [note for panel in panels for note in panel.study.notes_on_sets()]
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables, notes)


class ByAttack:
    """Accuracy on all test samples, clean and under every attack: tables 4 to 7."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """The same runs, with their compared checkpoints also attacked by CW, APGD and AutoAttack."""
        return [
            compared(setting, contender, seed, attacked=checkpoints_of(contender))
            for contender in COMPARED
            for seed in seeds
        ]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """A row for each contender, next to the paper's numbers."""
        figure, areas = panels_in_rows(len(panels), height=5.4)
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        notes: list[str] = []
        for panel, area in zip(panels, areas, strict=True):
            tried, every = shown(panel, attacked=True), groups(panel)["all"]
            classes = panel.study.dataset.classes
            rights: Rights = {
                label: {("all", attack): correct(samples, attack_named(attack, classes), every) for attack in ATTACKS}
                for label, samples in tried.items()
            }
            found = _estimates(rights)
            _forest(area, rights, [("all", attack) for attack in ATTACKS])
            area.set_title(panel.setting.title)
            numbers += _rows(panel, found, rights)
            tables.append(table(panel.setting.described, found, published(item.name, panel.setting)))
            described = panel.setting.described
            verdicts += [_ranking(described, rights), *_by_attack(panel, Contest(described, rights))]
            notes += _subset(panel, rights, tried)
        legend_below(figure, areas[0], len(ATTACKS))
        caption = (
            f"All test samples. {_selected(panels)} APGD is APGD-CE followed by APGD-T, the first two parts of "
            "AutoAttack (with fewer than four classes, by APGD-DLR). It ran on all test samples, AutoAttack itself on "
            "a part, so that findings on AutoAttack are judged by APGD."
        )
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables, notes)


def _selected(panels: Sequence[Panel]) -> str:
    """SELECTED for this number of seeds."""
    seeds = panels[0].seeds
    shown = "mean ± standard deviation over seeds" if len(seeds) > 1 else "accuracy of one seed"
    return SELECTED.format(sources=sources(seeds), shown=shown)


def _by_group(contest: Contest) -> list[Verdict]:
    """The paper's claims on tables 2 and 3."""
    found: list[Verdict] = []
    for bat in BATS:
        found += [
            contest.highest(bat, ("all", "clean")),
            contest.higher(bat, BEST_ADVERSARIAL, ("all", "clean")),
            contest.comparable(bat, BEST_ADVERSARIAL, ("all", "pgd")),
            contest.higher(bat, BEST_ADVERSARIAL, ("atypical", "clean")),
            contest.higher(bat, BEST_CLEAN, ("all", "pgd")),
            contest.higher(bat, BEST_CLEAN, ("typical", "clean")),
            contest.higher(bat, BEST_CLEAN, ("typical", "pgd")),
        ]
    return found


def _by_attack(panel: Panel, contest: Contest) -> list[Verdict]:
    """The paper's claims on tables 4 to 7: comparable robustness, and higher on a wide network.

    The paper's AutoAttack is judged by its first two parts, which ran on all samples.
    """
    wide = panel.setting.paper_setting[1] == WRN
    found: list[Verdict] = []
    for bat in BATS:
        found.append(contest.highest(bat, ("all", "clean")))
        for attack in ("cw", APGD):
            column = ("all", attack)
            found.append((contest.higher if wide else contest.comparable)(bat, BEST_ADVERSARIAL, column))
            found.append((contest.highest if wide else contest.comparable_to_all)(bat, column))
    return found


def _ranking(described: str, rights: Rights) -> Verdict:
    """Whether stronger attacks leave no more accuracy for any method."""
    differences = {
        (label, strong, weak): difference(right["all", strong], right["all", weak])
        for label, right in rights.items()
        for strong, weak in WEAKER
    }
    decisive = weakest(differences, -MARGIN)
    label, strong, weak = decisive
    numbers = (
        f"the deciding difference is that from {ATTACKS[strong]} to {ATTACKS[weak]} "
        f"for {label}: {differences[decisive].points('+')} points"
    )
    finding = "APGD leaves no more accuracy than CW and PGD, these no more than FGSM, and FGSM no more than clean"
    return no_loss(finding, described, numbers, differences[decisive], MARGIN)


def _subset(panel: Panel, rights: Rights, tried_by: dict[str, list[SampleRecords]]) -> list[str]:
    """A note if AutoAttack ran on a part of the samples: the precision there, and what it adds to its first parts."""
    column = ("all", "autoattack")
    plain, best = rights[BEST_ADVERSARIAL][column], rights[BATS[0]][column]
    tried, whole = plain.shape[1], len(panel.study.sets.test_typical)
    if tried == whole:
        return []
    found = difference(plain, best)
    return [
        f"{panel.setting.described}: AutoAttack ran on {tried:,} of the {whole:,} test samples, chosen with the same "
        f"share of every class and group; differences between methods are known to about ± "
        f"{50 * (found.high - found.low):.1f} points there. {_beyond(tried_by, panel.study.dataset.classes)}"
    ]


def _beyond(tried: dict[str, list[SampleRecords]], classes: int) -> str:
    """What AutoAttack does to samples that its first two parts leave, over all methods and seeds."""
    left = lost = 0
    for samples in (one for of_method in tried.values() for one in of_method):
        both = [samples[f"{CORRECT}{attack_named(attack, classes)}"] for attack in (APGD, "autoattack")]
        attacked = ~np.logical_or.reduce([np.ma.getmaskarray(one) for one in both])
        strong, all_parts = (one.data[attacked] for one in both)
        left += int(strong.sum())
        lost += int((strong & ~all_parts).sum())
    times = counted(lost, "time")
    return f"Of {left:,} times that a network withstands APGD on one of them, AutoAttack defeats it {times}."


def _estimates(rights: Rights) -> Estimates:
    return {label: {one: estimate(right) for one, right in columns.items()} for label, columns in rights.items()}


def _rows(panel: Panel, found: Estimates, rights: Rights) -> list[dict[str, Any]]:
    """Accuracies, and their differences to PGD's best network, as the figure shows them."""
    minus = {
        label: {column: difference(rights[BEST_ADVERSARIAL][column], right) for column, right in columns.items()}
        for label, columns in rights.items()
        if label != BEST_ADVERSARIAL
    }
    return [
        {
            "setting": panel.setting.described,
            "method": label,
            "minus": less,
            "samples": group,
            "attack": attack,
            **one.columns(),
        }
        for less, estimates in (("", found), (BEST_ADVERSARIAL, minus))
        for label, columns in estimates.items()
        for (group, attack), one in columns.items()
    ]


def _forest(area: Axes, rights: Rights, columns: Sequence[Column]) -> None:
    """A line for each method, with its difference to PGD's best network in each column."""
    labels = [label for label in rights if label != BEST_ADVERSARIAL]
    area.axvline(0, color="#999999", linewidth=1)
    for number, column in enumerate(columns):
        found = [difference(rights[BEST_ADVERSARIAL][column], rights[label][column]) for label in labels]
        places = np.arange(len(labels)) + 0.14 * (number - (len(columns) - 1) / 2)
        values = [100 * one.value for one in found]
        area.errorbar(values, places, xerr=_bars(found), label=ATTACKS[column[1]], **_look(number))
    area.set_yticks(range(len(labels)), labels)
    area.set_ylim(len(labels) - 0.5, -0.5)
    area.grid(visible=False, axis="y")
    area.grid(axis="x", color="#dddddd", linewidth=0.6)
    area.set_xlabel(f"points against {BEST_ADVERSARIAL}")


def _look(number: int) -> dict[str, Any]:
    colour, marker = GREYS[number], MARKERS[number]
    return {"color": colour, "marker": marker, "markersize": 3.5, "linestyle": "none", "elinewidth": 1, "capsize": 2}


def _bars(estimates: Sequence[Estimate]) -> Any:
    """Lengths of error bars in per cent, [2, n]."""
    return 100 * np.array([[one.value - one.low for one in estimates], [one.high - one.value for one in estimates]])
