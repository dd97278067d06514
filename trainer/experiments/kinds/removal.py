"""Figures 2 and 15 to 20: typical test samples as training includes more atypical samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, STYLES, band, label_rows, legend_below, panels_in_rows, sources
from trainer.experiments.inputs import Finished, Panel, correct, curves
from trainer.experiments.item import Item
from trainer.experiments.paper_numbers import published
from trainer.experiments.preconditions import fitted
from trainer.experiments.run import ExperimentRun, preliminary
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Precondition, Verdict, above, no_loss
from trainer.interval import Estimate, difference, estimate

CONDITIONS: dict[str, dict[str, float]] = {
    "0 % of the atypical samples": {"keep_atypical": 0},
    "20 %": {"keep_atypical": 0.2},
    "100 %": {"keep_atypical": 1},
    "100 %, as few samples as with 0 %": {"keep_atypical": 1, "match_size": 0},
}
NONE, _, EVERY, MATCHED = CONDITIONS
ATTACKS = {"clean": "clean", "pgd": "PGD-20"}
MARGIN = 0.01
"""Largest loss of clean accuracy under ERM that counts as none."""


@dataclass(frozen=True)
class Removal:
    """Training by `method` on the typical samples and a share of the atypical ones."""

    method: str

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each share and seed, and the control of equal size; ERM is contrasted with PGD's, too."""
        methods = ("erm", "pgd") if self.method == "erm" else (self.method,)
        return [
            preliminary(setting, method, seed, **point)
            for method in methods
            for point in CONDITIONS.values()
            for seed in seeds
        ]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of accuracy on the typical test samples, and the cost of atypical samples at the end."""
        attacks = {name: shown for name, shown in ATTACKS.items() if name == "clean" or self.method != "erm"}
        figure, axes = panels_in_rows(len(panels) * len(attacks))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        for place, panel in enumerate(panels):
            areas = dict(zip(attacks, axes[place * len(attacks) :], strict=False))
            ends: dict[tuple[str, str], Any] = {}
            for number, condition in enumerate(CONDITIONS):
                moments = curves(under(panel, self.method, condition), "test")
                for attack, area in areas.items():
                    line: list[tuple[int, Estimate]] = []
                    for epoch, samples in moments:
                        right = correct(samples, attack, panel.study.sets.test_typical)
                        line.append((epoch, estimate(right)))
                        ends[condition, attack] = right
                    band(area, line, COLOURS[number], STYLES[attack], condition)
                    numbers += [_row(panel, condition, attack, epoch, one) for epoch, one in line]
            for attack, area in areas.items():
                area.set(xlabel="epoch", title=f"{panel.setting.title}: {attacks[attack]}")
            verdicts += self._verdicts(panel, ends, attacks)
            if self.method == "erm":
                verdicts += _contrasts(panel, ends)
            tables.append(_ends(panel.setting, ends, published(item.name, panel.setting)))
        label_rows(axes, "accuracy on typical test samples, %")
        legend_below(figure, axes[0], seeds=len(panels[0].seeds), over="seeds and samples")
        trained = "ERM" if self.method == "erm" else "PGD adversarial training"
        caption = (
            f"{trained} on the typical samples (mem < 0.02) and a share of the atypical ones (mem > 0.15): accuracy on "
            f"the typical test samples, mean and 95 % interval over {sources(panels[0].seeds)}. Removing atypical "
            "samples also leaves fewer samples to train on; the fourth curve trains on that smaller number, drawn from "
            "the set with all atypical samples."
        )
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables)

    def _verdicts(self, panel: Panel, ends: dict[tuple[str, str], Any], attacks: dict[str, str]) -> list[Verdict]:
        found: list[Verdict] = []
        for control in (EVERY, MATCHED):
            size = "" if control == EVERY else ", at equal size"
            needs = fits(panel, self.method, control)
            for attack, shown in attacks.items():
                effect = difference(ends[control, attack], ends[NONE, attack])
                without, those_with = (estimate(ends[one, attack]).points() for one in (NONE, control))
                numbers = (
                    f"{without} % without, {those_with} % with them; the difference is {effect.points('+')} points"
                )
                if self.method == "erm":
                    loss = difference(ends[NONE, attack], ends[control, attack])
                    claim = f"Under ERM atypical samples do not cost typical test samples accuracy ({shown}{size})"
                    found.append(no_loss(claim, panel.setting.described, numbers, loss, MARGIN, needs=needs))
                else:
                    claim = f"Under PGD training atypical samples cost typical test samples accuracy ({shown}{size})"
                    found.append(above(claim, panel.setting.described, numbers, effect, needs=needs))
        return found


def under(panel: Panel, method: str, condition: str) -> list[Finished]:
    """The runs of a method under one of CONDITIONS."""
    point = CONDITIONS[condition]
    return [panel.finished(preliminary(panel.setting, method, seed, **point)) for seed in panel.seeds]


def fits(panel: Panel, method: str, condition: str) -> Precondition:
    """Whether those runs fit the atypical training samples, under attack too if they train so."""
    return fitted(under(panel, method, condition), panel.study.sets.train_atypical, attacked=method != "erm")


def _contrasts(panel: Panel, ends: dict[tuple[str, str], Any]) -> list[Verdict]:
    """Whether atypical samples cost more under PGD training than under ERM: a difference of differences."""
    found: list[Verdict] = []
    typical = panel.study.sets.test_typical
    for control, size in ((EVERY, ""), (MATCHED, ", at equal size")):
        rights = {
            ("pgd", one): correct([run.samples("test") for run in under(panel, "pgd", one)], "clean", typical)
            for one in (NONE, control)
        }
        rights |= {("erm", one): ends[one, "clean"] for one in (NONE, control)}
        costs = {
            method: np.subtract(rights[method, NONE], rights[method, control], dtype=np.float64)
            for method in ("pgd", "erm")
        }
        more = estimate(costs["pgd"] - costs["erm"])
        numbers = (
            f"they cost {estimate(costs['pgd']).points('+')} points of clean accuracy under PGD training, "
            f"{estimate(costs['erm']).points('+')} under ERM; the difference is {more.points('+')} points"
        )
        claim = (
            f"Atypical samples cost typical test samples more accuracy under PGD training than under ERM (clean{size})"
        )
        needs = fits(panel, "pgd", control).and_also(fits(panel, "erm", control))
        found.append(above(claim, panel.setting.described, numbers, more, needs=needs))
    return found


def _ends(setting: Setting, ends: dict[tuple[str, str], Any], paper: dict[tuple[str, str], float]) -> str:
    """The last epoch, next to the paper's numbers if it gives any, in Markdown."""
    heads = [f"last epoch, accuracy in %, {setting.described}", "here", *(["the paper, about"] if paper else [])]
    lines = [heads, ["---"] * len(heads)]
    for (condition, attack), right in ends.items():
        number = f"{paper[condition, attack]:g}" if (condition, attack) in paper else "-"
        lines.append([f"{condition}, {ATTACKS[attack]}", estimate(right).points(), *([number] if paper else [])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(panel: Panel, condition: str, attack: str, epoch: int, found: Estimate) -> dict[str, Any]:
    return {
        "setting": panel.setting.described,
        "trained on": f"typical and {condition}",
        "attack": attack,
        "epoch": epoch,
        **found.columns(),
    }
