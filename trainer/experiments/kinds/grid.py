"""Figure 5: accuracies of BAT over its alpha and beta."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import panels_beside
from trainer.experiments.inputs import Panel, correct
from trainer.experiments.item import Item
from trainer.experiments.method_comparison import ATTACKS
from trainer.experiments.run import CONTENDERS, Contender, ExperimentRun, compared
from trainer.experiments.setting import Setting
from trainer.experiments.verdict import Verdict, above
from trainer.interval import Estimate, best_of, difference, estimate

ALPHAS, BETAS = (0, 1, 2, 3), (0, 0.1, 0.2, 0.3)
PLAIN, LARGEST = (0, 0), (3, 0.3)
OPTIMA = ((1, 0.2), (2, 0.2))
"""The paper's best points."""
SHOWN = {"clean": "clean accuracy", "pgd": f"adversarial accuracy ({ATTACKS['pgd']})"}

Point = tuple[float, float]
Rights = dict[str, dict[Point, Any]]
"""Correctness bool [seeds, samples] by attack and point."""


class Grid:
    """BAT at every point of the grid; alpha = beta = 0 is PGD training, bit for bit."""

    def runs(self, setting: Setting, seeds: Sequence[int]) -> list[ExperimentRun]:
        """A run for each point and seed, shared with other items where possible."""
        return [_run(setting, alpha, beta, seed) for alpha in ALPHAS for beta in BETAS for seed in seeds]

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """Surfaces and heat maps of clean and adversarial accuracy."""
        maps, columns = panels_beside(len(SHOWN), len(panels), shared=False)
        surfaces = Figure(figsize=(4.6 * len(SHOWN), 4.4 * len(panels)), layout="constrained")
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        for place, panel in enumerate(panels):
            rights = _rights(panel)
            for number, (attack, what) in enumerate(SHOWN.items()):
                means = {point: estimate(right) for point, right in rights[attack].items()}
                shown = 100 * np.array([[means[alpha, beta].value for beta in BETAS] for alpha in ALPHAS])
                title = f"{panel.setting.described}\n{what}, %"
                _map(columns[number][place], shown, title)
                _surface(surfaces, len(panels), place * len(SHOWN) + number + 1, shown, title)
                numbers += [
                    {
                        "setting": panel.setting.described,
                        "alpha": alpha,
                        "beta": beta,
                        "attack": attack,
                        **one.columns(),
                    }
                    for (alpha, beta), one in means.items()
                ]
            verdicts += _verdicts(panel.setting.described, rights)
        caption = (
            "Accuracy of the last network on all test samples, mean over seeds, for BAT's alpha (reweighting) and beta "
            "(discrimination loss); alpha = beta = 0 is PGD adversarial training. Bold: the paper's best points."
        )
        return Artifact(caption, {item.name: maps, f"{item.name}-surface": surfaces}, numbers, verdicts)


def _run(setting: Setting, alpha: float, beta: float, seed: int) -> ExperimentRun:
    if not alpha and not beta:
        return compared(setting, CONTENDERS[0], seed)
    contender = Contender("bat", {"alpha": alpha, "beta": beta})
    shared = any(one.method == "bat" and one.point == contender.point for one in CONTENDERS)
    return compared(setting, contender, seed, along=shared)


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


def _map(area: Axes, shown: npt.NDArray[Any], title: str) -> None:
    """A heat map with numbers, with alpha on the horizontal axis."""
    area.imshow(shown.T, origin="lower", cmap="cividis", aspect="auto")
    middle = (shown.min() + shown.max()) / 2
    for (x, alpha), (y, beta) in product(enumerate(ALPHAS), enumerate(BETAS)):
        weight = "bold" if (alpha, beta) in OPTIMA else "normal"
        colour = "black" if shown[x, y] > middle else "white"
        area.text(x, y, f"{shown[x, y]:.1f}", ha="center", va="center", color=colour, weight=weight)
    area.set(xlabel="alpha", ylabel="beta", title=title)
    area.set_xticks(range(len(ALPHAS)), [str(one) for one in ALPHAS])
    area.set_yticks(range(len(BETAS)), [str(one) for one in BETAS])
    area.grid(visible=False)


def _surface(figure: Figure, rows: int, place: int, shown: npt.NDArray[Any], title: str) -> None:
    """The same numbers as a surface over alpha and beta."""
    area: Any = figure.add_subplot(rows, len(SHOWN), place, projection="3d")
    alphas, betas = np.meshgrid(ALPHAS, BETAS, indexing="ij")
    area.plot_surface(alphas, betas, shown, cmap="cividis", edgecolor="#444444", linewidth=0.5, alpha=0.9)
    area.set(xlabel="alpha", ylabel="beta", title=title, xticks=ALPHAS, yticks=BETAS)
    area.view_init(elev=28, azim=-128)
