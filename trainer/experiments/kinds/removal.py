"""Figures 2 and 15 to 20: typical test samples as training includes more atypical samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, STYLES, band, legend_below, panels_beside
from trainer.experiments.inputs import Panel, correct, curves
from trainer.experiments.interval import Estimate, difference, estimate
from trainer.experiments.item import Item
from trainer.experiments.paper_numbers import published
from trainer.experiments.run import ExperimentRun, preliminary
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, above, no_loss

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
        """A run for each share and seed, and the control of equal size."""
        return [preliminary(setting, self.method, seed, **point) for point in CONDITIONS.values() for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Curves of accuracy on the typical test samples, and the cost of atypical samples at the end."""
        attacks = {name: shown for name, shown in ATTACKS.items() if name == "clean" or self.method != "erm"}
        figure, axes = panels_beside(len(panels) * len(attacks))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        tables: list[str] = []
        for place, panel in enumerate(panels):
            areas = dict(zip(attacks, (area for (area,) in axes[place * len(attacks) :]), strict=False))
            ends: dict[tuple[str, str], Any] = {}
            for number, (condition, point) in enumerate(CONDITIONS.items()):
                runs = [panel.finished(preliminary(panel.setting, self.method, seed, **point)) for seed in panel.seeds]
                moments = curves(runs, "test")
                for attack, area in areas.items():
                    line: list[tuple[int, Estimate]] = []
                    for epoch, samples in moments:
                        right = correct(samples, attack, panel.study.sets.test_typical)
                        line.append((epoch, estimate(right)))
                        ends[condition, attack] = right
                    band(area, line, COLOURS[number], STYLES[attack], condition)
                    numbers += [_row(panel, condition, attack, epoch, one) for epoch, one in line]
            for attack, area in areas.items():
                area.set(xlabel="epoch", title=f"{panel.setting.described}: {attacks[attack]}")
            verdicts += self._verdicts(panel, ends, attacks)
            tables.append(_ends(panel.setting, ends, published(item.name, panel.setting)))
        axes[0][0].set_ylabel("accuracy on typical test samples, %")
        legend_below(figure, axes[0][0])
        trained = "ERM" if self.method == "erm" else "PGD adversarial training"
        caption = (
            f"{trained} on the typical samples (mem < 0.02) and a share of the atypical ones (mem > 0.15): accuracy on "
            "the typical test samples, mean and 95 % interval over seeds and samples. Removing atypical samples also "
            "leaves fewer samples to train on; the fourth curve trains on that smaller number, drawn from the set with "
            "all atypical samples."
        )
        return Artifact(caption, {item.name: figure}, numbers, verdicts, tables)

    def _verdicts(self, panel: Panel, ends: dict[tuple[str, str], Any], attacks: dict[str, str]) -> list[Verdict]:
        found: list[Verdict] = []
        for control in (EVERY, MATCHED):
            size = "" if control == EVERY else ", at equal size"
            for attack, shown in attacks.items():
                effect = difference(ends[control, attack], ends[NONE, attack])
                without, those_with = (estimate(ends[one, attack]).points() for one in (NONE, control))
                numbers = (
                    f"{panel.setting.described}: {without} % without, {those_with} % with them; "
                    f"the difference is {effect.points('+')} points"
                )
                if self.method == "erm":
                    loss = difference(ends[NONE, attack], ends[control, attack])
                    claim = f"Under ERM atypical samples do not cost typical test samples accuracy ({shown}{size})"
                    found.append(no_loss(claim, numbers, loss, MARGIN))
                else:
                    claim = f"Under PGD training atypical samples cost typical test samples accuracy ({shown}{size})"
                    found.append(above(claim, numbers, effect))
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
