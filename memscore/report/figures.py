"""Figures and images as text that fits into an HTML page."""

from __future__ import annotations

import base64
import io
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from memscore.sets import Thresholds
from memscore.tables import is_atypical, is_typical

# Okabe and Ito's palette, which the colour-blind can tell apart.
BAR = 0.025  # least width of a histogram's bar, in units of mem
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


def histogram(mem: npt.NDArray[Any], thresholds: Thresholds, held_out: int) -> str:
    """Histogram of mem as SVG, with the thresholds of the typical and atypical sets.

    `held_out`, the trials that held a sample out (0: unknown), gives the steps in which most values lie, 1 / held_out:
    a bar covers a whole number of them.
    """
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    defined = mem[np.isfinite(mem)]
    step = np.ceil(BAR * held_out) / held_out if held_out else BAR
    first = np.floor(min(-0.1, float(defined.min())) / step)
    edges = step * (np.arange(first, np.ceil(1 / step) + 2) - 0.5)
    counts, edges = np.histogram(defined, edges)
    middles = (edges[:-1] + edges[1:]) / 2
    low, high = thresholds.typical, thresholds.atypical
    typical, atypical = is_typical(defined, low), is_atypical(defined, high)
    below = np.zeros(len(middles))
    for name, colour, chosen in (
        (f"typical, mem < {low:g}", BLUE, typical),
        ("in between", GREY, ~typical & ~atypical),
        (f"atypical, mem > {high:g}", ORANGE, atypical),
    ):
        part, _ = np.histogram(defined[chosen], edges)
        axes.bar(middles, part, width=0.88 * step, bottom=below, color=colour, label=f"{name}: {part.sum():,}")
        below = below + part
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(0, counts.max() * 1.5)
    axes.set_yticks([tick for tick in (0, 5, 10, 100, 1000, 10_000, 100_000) if tick <= counts.max() * 1.5])
    axes.set_xlim(edges[0], edges[-1])
    axes.legend(frameon=False, loc="upper right")
    axes.set_xlabel("memorization value mem")
    axes.set_ylabel("training samples")
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter("{x:g}")
    return _svg(figure)


def agreement_chart(even: npt.NDArray[Any], odd: npt.NDArray[Any], names: tuple[str, str]) -> str:
    """mem from one half of the trials against mem from the other, float32 [n] each, as SVG; darker where more lie."""
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    defined = np.isfinite(even) & np.isfinite(odd)
    low = min(-0.1, float(even[defined].min()), float(odd[defined].min())) - 0.02
    axes.plot([low, 1.02], [low, 1.02], color=GREY, linewidth=1, zorder=0)
    drawn = axes.hexbin(
        even[defined], odd[defined], gridsize=44, extent=(low, 1.02, low, 1.02), norm="log", mincnt=1, cmap="cividis_r"
    )
    figure.colorbar(drawn, ax=axes, label="training samples", shrink=0.8)
    axes.set_xlim(low, 1.02)
    axes.set_ylim(low, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def comparison_chart(groups: list[str], methods: dict[str, list[tuple[float | None, float | None]]]) -> str:
    """Bars of clean (pale) and adversarial (solid) accuracy of each group and method, as SVG."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(methods)
    for number, ((method, values), colour) in enumerate(zip(methods.items(), (BLUE, ORANGE, GREEN), strict=False)):
        at = np.arange(len(groups)) + (number - (len(methods) - 1) / 2) * width
        clean, adversarial = (np.array([100 * (pair[side] or 0) for pair in values]) for side in (0, 1))
        axes.bar(at, clean, width * 0.94, color=colour, alpha=0.35, label=f"{method}, clean")
        axes.bar(at, adversarial, width * 0.94, color=colour, label=f"{method}, PGD-20")
    axes.set_xticks(np.arange(len(groups)), [group.replace(" ", "\n", 1) for group in groups])
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(0, 102)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=2 * len(methods), frameon=False)
    return _svg(figure)


def image_uri(image: npt.NDArray[np.uint8]) -> str:
    """An image uint8 [H, W, C] as a data URI of a PNG."""
    pixels = image[:, :, 0] if image.shape[2] == 1 else image[:, :, :3]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "memscore", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
