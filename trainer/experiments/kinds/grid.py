"""Figure 5: accuracies of BAT over its alpha and beta, and over the temperature that the paper does not name."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import COLOURS, STYLES, label_rows, legend_below, panels_in_rows, sources
from trainer.experiments.inputs import Panel, correct
from trainer.experiments.item import Item
from trainer.experiments.method_comparison import ATTACKS
from trainer.experiments.run import CONTENDERS, Contender, ExperimentRun, compared
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, above
from trainer.interval import Estimate, best_of, difference, estimate
from trainer.methods.bat import BATOptions

ALPHAS, BETAS = (0, 1, 2, 3), (0, 0.1, 0.2, 0.3)
PLAIN, LARGEST = (0, 0), (3, 0.3)
OPTIMA = ((1, 0.2), (2, 0.2))
"""The paper's best points."""
TAUS = (0.1, 0.25, 0.5, 1.0)
"""Temperatures at the first of these points."""
TAU: float = BATOptions.model_fields["tau"].default
SHOWN = {"clean": "clean accuracy", "pgd": f"adversarial accuracy ({ATTACKS['pgd']})"}

Point = tuple[float, float]
Rights = dict[str, dict[Point, Any]]
"""Correctness bool [seeds, samples] by attack and point."""


class Grid:
    """BAT at every point of the grid, and one over temperatures; alpha = beta = 0 is PGD training, bit for bit."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each point and seed, shared with other items where possible."""
        points = [_run(setting, alpha, beta, seed) for alpha in ALPHAS for beta in BETAS for seed in seeds]
        return points + [_run_at(setting, tau, seed) for tau in TAUS if tau != TAU for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Heat maps of clean and adversarial accuracy, and curves over temperatures."""
        maps, charts = panels_in_rows(len(SHOWN) * len(panels), shared=False)
        curves, areas = panels_in_rows(len(panels))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        for place, panel in enumerate(panels):
            rights = _rights(panel)
            numbers += _over_tau(areas[place], panel, {attack: rights[attack][OPTIMA[0]] for attack in SHOWN})
            for number, (attack, what) in enumerate(SHOWN.items()):
                means = {point: estimate(right) for point, right in rights[attack].items()}
                _map(charts[place * len(SHOWN) + number], means, f"{panel.setting.title}\n{what}, %")
                numbers += [
                    {
                        "setting": panel.setting.described,
                        "alpha": alpha,
                        "beta": beta,
                        "tau": TAU,
                        "attack": attack,
                        **one.columns(),
                    }
                    for (alpha, beta), one in means.items()
                ]
            verdicts += _verdicts(panel.setting.described, rights)
        caption = (
            "Accuracy of the last network on all test samples, mean over seeds with half its 95 % interval over "
            f"{sources(panels[0].seeds)}, for BAT's "
            "alpha (reweighting) and beta (discrimination loss); alpha = beta = 0 is PGD adversarial training. Bold: "
            f"the paper's best points. The curves show {_named(*OPTIMA[0])} over tau, the temperature of the "
            f"discrimination loss, for which the paper gives no value; the maps have {TAU:g}. Bars: 95 % intervals."
        )
        label_rows(areas, "accuracy, %")
        legend_below(curves, areas[0])
        figures = {item.name: maps, f"{item.name}-tau": curves}
        return Artifact(caption, figures, numbers, verdicts)


def _run(setting: Setting, alpha: float, beta: float, seed: int) -> ExperimentRun:
    if not alpha and not beta:
        return compared(setting, CONTENDERS[0], seed)
    contender = Contender("bat", {"alpha": alpha, "beta": beta})
    shared = any(one.method == "bat" and one.point == contender.point for one in CONTENDERS)
    return compared(setting, contender, seed, along=shared)


def _run_at(setting: Setting, tau: float, seed: int) -> ExperimentRun:
    """The run of the paper's first best point at another temperature."""
    alpha, beta = OPTIMA[0]
    if tau == TAU:
        return _run(setting, alpha, beta, seed)
    return compared(setting, Contender("bat", {"alpha": alpha, "beta": beta, "tau": tau}), seed, along=False)


def _over_tau(area: Axes, panel: Panel, usual: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw the accuracies over temperatures, `usual` at the default one, and return them."""
    every = np.ones_like(panel.study.sets.test_typical)
    numbers: list[dict[str, Any]] = []
    for (attack, what), colour in zip(SHOWN.items(), COLOURS, strict=False):
        means: list[Estimate] = []
        for tau in TAUS:
            samples = [panel.finished(_run_at(panel.setting, tau, seed)).samples("test") for seed in panel.seeds]
            means.append(estimate(usual[attack] if tau == TAU else correct(samples, attack, every)))
        alpha, beta = OPTIMA[0]
        about = {"setting": panel.setting.described, "alpha": alpha, "beta": beta}
        numbers += [
            {**about, "tau": tau, "attack": attack, **one.columns()}
            for tau, one in zip(TAUS, means, strict=True)
            if tau != TAU
        ]
        value, low, high = (100 * np.array([getattr(one, name) for one in means]) for name in ("value", "low", "high"))
        area.errorbar(TAUS, value, (value - low, high - value), color=colour, fmt=f"o{STYLES[attack]}", label=what)
    area.set_xscale("log")
    area.set_xticks(TAUS, [f"{tau:g}" for tau in TAUS])
    area.minorticks_off()
    area.set(xlabel="tau", title=panel.setting.title)
    return numbers


def _rights(panel: Panel) -> Rights:
    """Correctness of the last networks on all test samples."""
    every = np.ones_like(panel.study.sets.test_typical)
    found: Rights = {attack: {} for attack in SHOWN}
    for alpha, beta in product(ALPHAS, BETAS):
        samples = [panel.finished(_run(panel.setting, alpha, beta, seed)).samples("test") for seed in panel.seeds]
        for attack, points in found.items():
            points[alpha, beta] = correct(samples, attack, every)
    return found


def _verdicts(described: str, rights: Rights) -> list[Verdict]:
    """Whether both parts help at the paper's best points, and whether too much of them hurts."""
    found: list[Verdict] = []
    for (alpha, beta), (attack, what) in product(OPTIMA, SHOWN.items()):
        claims = {
            "Both parts help": PLAIN,
            "Reweighting adds to the discrimination loss": (0, beta),
            "The discrimination loss adds to reweighting": (alpha, 0),
        }
        for claim, other in claims.items():
            finding = f"{claim}: {_named(alpha, beta)} has higher {what} than {_named(*other)}"
            found.append(above(finding, described, *_compared(rights[attack][other], rights[attack][alpha, beta])))
    clean = rights["clean"]
    best = best_of([right for point, right in clean.items() if point != LARGEST])
    finding = f"Too much of both hurts: {_named(*LARGEST)} has lower clean accuracy than the best point"
    text, loss = _compared(clean[LARGEST], best)
    return [
        *found,
        above(finding, described, f"{text}; the best point is chosen and measured on different samples", loss),
    ]


def _named(alpha: float, beta: float) -> str:
    return f"alpha {alpha:g}, beta {beta:g}"


def _compared(less: Any, more: Any) -> tuple[str, Estimate]:
    """A description of the comparison, and the difference."""
    found = difference(less, more)
    ends = f"{estimate(more).points()} % against {estimate(less).points()} %"
    return f"{ends}; the difference is {found.points('+')} points", found


def _map(area: Axes, means: dict[Point, Estimate], title: str) -> None:
    """A heat map with numbers and half their intervals, with alpha on the horizontal axis."""
    shown = 100 * np.array([[means[alpha, beta].value for beta in BETAS] for alpha in ALPHAS])
    area.imshow(shown.T, origin="lower", cmap="cividis", aspect="auto")
    middle = (shown.min() + shown.max()) / 2
    for (x, alpha), (y, beta) in product(enumerate(ALPHAS), enumerate(BETAS)):
        weight = "bold" if (alpha, beta) in OPTIMA else "normal"
        colour = "black" if shown[x, y] > middle else "white"
        half = 50 * (means[alpha, beta].high - means[alpha, beta].low)
        text = f"{shown[x, y]:.1f}" + (f"\n± {half:.1f}" if np.isfinite(half) else "")
        area.text(x, y, text, ha="center", va="center", color=colour, weight=weight, fontsize=8)
    area.set(xlabel="alpha", ylabel="beta", title=title)
    area.set_xticks(range(len(ALPHAS)), [str(one) for one in ALPHAS])
    area.set_yticks(range(len(BETAS)), [str(one) for one in BETAS])
    area.grid(visible=False)
