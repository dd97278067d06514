"""Charts of the report: distribution of mem, agreement of halves, calibration, accuracies of methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from memscore.report.figures import BLUE, GREEN, GREY, ORANGE
from memscore.scores.quality import Calibration
from memscore.scores.sets import Thresholds
from memscore.scores.tables import is_atypical, is_typical

BAR = 0.025  # minimum width of a histogram bar, in units of mem
DENSITY = LinearSegmentedColormap.from_list("density", ["#9ccbe8", "#4a9ccc", BLUE, "#00507c"])
SQUARE = (4.8, 4.2)  # inches


def histogram(mem: npt.NDArray[Any], thresholds: Thresholds, held_out: int, width: float) -> Figure:
    """Histogram of the defined values of mem, with the thresholds of the typical and atypical sets.

    `held_out` is the number of trials that held a sample out (0: unknown). Most values are multiples of 1 / held_out,
    so each bar covers a whole number of these steps, and no value falls on an edge.
    """
    figure = Figure(figsize=(width, 3.5), layout="constrained")
    draw_histogram(figure.add_subplot(), mem, thresholds, held_out)
    figure.legend(frameon=False, loc="outside upper center", ncols=3, columnspacing=1, handlelength=1)
    return figure


def draw_histogram(axes: Axes, mem: npt.NDArray[Any], thresholds: Thresholds, held_out: int) -> None:
    """Draw the bars, thresholds and labels of `histogram`, without a legend."""
    unit = 1 / held_out if held_out else BAR
    step = unit * np.ceil(BAR / unit - 1e-9)
    first = np.floor(min(-0.05, float(mem.min())) / step)
    edges = step * np.arange(first, np.ceil(1 / step) + 2) - unit / 2
    counts, edges = np.histogram(mem, edges)
    middles = (edges[:-1] + edges[1:]) / 2
    low, high = thresholds.typical, thresholds.atypical
    typical, atypical = is_typical(mem, low), is_atypical(mem, high)
    below = np.zeros(len(middles))
    for name, colour, chosen in (
        ("typical", BLUE, typical),
        ("in between", GREY, ~typical & ~atypical),
        ("atypical", ORANGE, atypical),
    ):
        part, _ = np.histogram(mem[chosen], edges)
        axes.bar(middles, part, width=0.88 * step, bottom=below, color=colour, label=f"{name}: {part.sum():,}")
        below = below + part
    top = counts.max() * 4
    for threshold, side, gap in ((low, "right", -0.008), (high, "left", 0.008)):
        axes.axvline(threshold, color="black", linewidth=1, linestyle=(0, (4, 3)))
        axes.text(threshold + gap, top * 0.86, f"{threshold:g}", va="top", ha=side)
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(0, top)
    axes.set_yticks([tick for tick in (0, 5, 10, 100, 1000, 10_000, 100_000, 1_000_000) if tick <= counts.max() * 1.5])
    filled = np.flatnonzero(counts)
    axes.set_xlim(min(-0.06, float(edges[filled[0]])), max(1.02, float(edges[filled[-1] + 1])))
    axes.set_xlabel("memorization value mem")
    axes.set_ylabel("training samples (log scale)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter("{x:,.0f}")


def agreement(even: npt.NDArray[Any], odd: npt.NDArray[Any]) -> Figure:
    """Density plot of mem from the odd blocks against mem from the even blocks, float32 [k] each without NaN."""
    figure = Figure(figsize=SQUARE, layout="constrained")
    draw_agreement(figure.add_subplot(), even, odd)
    return figure


def draw_agreement(axes: Axes, even: npt.NDArray[Any], odd: npt.NDArray[Any]) -> None:
    """Draw `agreement` into axes, with a colour bar beside them."""
    low = min(-0.1, float(even.min()), float(odd.min())) - 0.02
    axes.plot([low, 1.02], [low, 1.02], color=ORANGE, linewidth=1, zorder=0)
    extent = (low, 1.02, low, 1.02)
    drawn = axes.hexbin(even, odd, gridsize=36, extent=extent, norm="log", mincnt=1, cmap=DENSITY)
    axes.figure.colorbar(drawn, ax=axes, label="training samples", shrink=0.8, format="{x:,.0f}")
    axes.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal")
    axes.set(xlabel="mem from the even blocks", ylabel="mem from the odd blocks")
    axes.spines[["top", "right"]].set_visible(False)


def calibration(points: Calibration) -> Figure:
    """Observed against predicted differences between two halves of the trials, with 95 % intervals."""
    figure = Figure(figsize=SQUARE, layout="constrained")
    axes = figure.add_subplot()
    x, low, middle, high = (np.array(part) for part in (points.predicted, points.low, points.observed, points.high))
    most = 1.08 * max(float(x.max()), float(high.max()))
    axes.plot([0, most], [0, most], color=ORANGE, linewidth=1, label="right")
    axes.errorbar(x, middle, (middle - low, high - middle), fmt="o", color=BLUE, markersize=5, linewidth=1.2)
    axes.set(xlim=(0, most), ylim=(0, most), aspect="equal")
    axes.set(xlabel="difference the standard errors predict", ylabel="difference between the halves")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def comparison(groups: list[str], methods: dict[str, list[tuple[float | None, float | None]]], width: float) -> Figure:
    """Bars of clean (pale) and adversarial (solid) accuracy of each group and method."""
    figure = Figure(figsize=(width, 3.4), layout="constrained")
    axes = figure.add_subplot()
    bar = 0.8 / len(methods)
    for number, ((method, values), colour) in enumerate(zip(methods.items(), (BLUE, ORANGE, GREEN), strict=False)):
        at = np.arange(len(groups)) + (number - (len(methods) - 1) / 2) * bar
        clean, adversarial = (np.array([100 * (pair[side] or 0) for pair in values]) for side in (0, 1))
        axes.bar(at, clean, bar * 0.94, color=colour, alpha=0.35, label=f"{method}, clean")
        axes.bar(at, adversarial, bar * 0.94, color=colour, label=f"{method}, PGD-20")
    lines = -1 if width < 6 else 1  # line breaks: after every word in a narrow figure
    axes.set_xticks(np.arange(len(groups)), [group.replace(" ", "\n", lines) for group in groups])
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(0, 102)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2 if width < 6 else 2 * len(methods), frameon=False)
    return figure
