"""The look of the figures: panels two by two, colours safe for the colour-blind, bands for intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from memscore.report.figures import BLUE, GREEN, GREY, ORANGE
from trainer.interval import Estimate

COLOURS = (BLUE, GREEN, ORANGE, "#CC79A7", "#E69F00", "#56B4E9", GREY, "#000000")
"""The palette of Okabe and Ito, in order of use."""

GREYS = ("#000000", "#3f3f3f", "#666666", "#888888", "#a3a3a3", "#bababa")
"""For attacks, with a marker each: colours are those of methods and groups of samples."""

STYLES = {"clean": "-", "pgd": "--"}
"""Line styles of clean and adversarial accuracy, so that no distinction relies on colour alone."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

THIN: dict[str, Any] = {"linewidth": 0.5, "alpha": 0.55}
"""The lines of single seeds."""

SHADE = 0.14
"""Opacity of a band."""

WIDTH = 6.75
"""Width of a figure in inches: that of a page's text in the conferences' styles, so that it prints as drawn."""

ACROSS = 2
"""Panels beside each other."""


def panels_in_rows(count: int, *, height: float = 2.4, shared: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, each `height` inches high, two beside each other, row by row.

    shared: one scale of y for all.
    """
    across = min(count, ACROSS)
    rows = -(-count // across)
    figure = Figure(figsize=(WIDTH, height * rows + 0.7), layout="constrained")
    grid = figure.subplots(rows, across, squeeze=False, sharey=shared)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    for axes in grid.flat[count:]:
        axes.remove()
    return figure, list(grid.flat[:count])


def label_rows(axes: Sequence[Axes], label: str) -> None:
    """One label of y for all panels, beside the first of each row."""
    for first in axes[::ACROSS]:
        first.set_ylabel(label)


def band(
    axes: Axes, line: Sequence[tuple[int, Estimate]], colour: str, style: str, label: str, *, unit: float = 100
) -> None:
    """Draw a curve over epochs, scaled by `unit` (per cent by default), with its interval, if any, as a band.

    Several seeds are thin lines.
    """
    mean(axes, line, colour, style, label, unit=unit)
    low, high = (np.array([unit * getattr(one, name) for _, one in line]) for name in ("low", "high"))
    epochs = [epoch for epoch, _ in line]
    axes.fill_between(epochs, low, high, where=np.isfinite(low), color=colour, alpha=SHADE, linewidth=0)


def mean(
    axes: Axes, line: Sequence[tuple[int, Estimate]], colour: str, style: str, label: str, *, unit: float = 100
) -> None:
    """Draw a curve over epochs without its interval; several seeds are thin lines."""
    epochs = [epoch for epoch, _ in line]
    values = [unit * one.value for _, one in line]
    axes.plot(epochs, values, style, color=colour, label=label, marker=_marker(colour), markersize=3, linewidth=1.3)
    if all(len(one.of_seeds) > 1 for _, one in line):
        seeds = unit * np.array([one.of_seeds for _, one in line])
        axes.plot(epochs, seeds, style, color=colour, **THIN)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def bars(axes: Axes, line: Sequence[tuple[int, Estimate]], colour: str, aside: float) -> None:
    """Draw estimates in per cent over epochs, each with its interval as a bar, `aside` of its epoch."""
    value, low, high = (np.array([100 * getattr(one, name) for _, one in line]) for name in ("value", "low", "high"))
    look: dict[str, Any] = {"marker": _marker(colour), "markersize": 3, "elinewidth": 1, "capsize": 1.5}
    places = [epoch + aside for epoch, _ in line]
    axes.errorbar(places, value, (value - low, high - value), color=colour, linestyle="none", **look)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))


def _marker(colour: str) -> str | None:
    return MARKERS[COLOURS.index(colour) % len(MARKERS)] if colour in COLOURS else None


def sources(seeds: Sequence[int]) -> str:
    """What an interval covers, for captions."""
    return "seeds and samples" if len(seeds) > 1 else "samples (one seed)"


def legend_below(
    figure: Figure, axes: Axes, columns: int = 2, *, seeds: int = 0, over: str = "", bars: bool = False
) -> None:
    """Place the legend of one panel below all of them.

    It also says what `band`, or `bars`, drew for this number of seeds: intervals `over` seeds, or seeds and samples. An
    interval over seeds needs two.
    """
    interval: Any = Patch(color=GREY, alpha=2 * SHADE)
    if bars:
        interval = Line2D([], [], color=GREY, linestyle="none", marker="|", markersize=8)
    handles, labels = axes.get_legend_handles_labels()
    entries: list[tuple[Any, str]] = list(zip(handles, labels, strict=True))
    if seeds > 1:
        entries.append((interval, f"95 % interval over {over}"))
        entries.append((Line2D([], [], color=GREY, **THIN), f"each of {seeds} seeds"))
    elif seeds and over != "seeds":
        entries.append((interval, "95 % interval over samples; one seed"))
    figure.legend(*zip(*entries, strict=True), loc="outside lower center", ncols=columns, frameon=False)


@dataclass(frozen=True)
class Picture:
    """An image uint8 [H, W, C] with the text below it."""

    image: npt.NDArray[np.uint8]
    text: str


def gallery(columns: Sequence[tuple[str, Sequence[Sequence[Picture | None]]]]) -> Figure:
    """Pictures in columns with headings; columns have the same number of rows, and None is a gap."""
    widths = [len(rows[0]) for _, rows in columns]
    height = len(columns[0][1])
    side = min(1.1, (WIDTH - 0.3 * len(widths)) / sum(widths))
    size = (side * sum(widths) + 0.3 * len(widths), (side + 0.35) * height + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    parts = figure.subfigures(1, len(columns), width_ratios=widths, wspace=0.04, squeeze=False)[0]
    for part, (heading, rows), width in zip(parts, columns, widths, strict=True):
        part.suptitle(heading, fontsize=9)
        grid = part.subplots(height, width, squeeze=False)
        for axes, picture in zip(grid.flat, (one for row in rows for one in row), strict=True):
            axes.set_axis_off()
            if picture is not None:
                _show(axes, picture)
    return figure


def _show(axes: Axes, picture: Picture) -> None:
    """Draw a picture pixel by pixel, with its text and without axes."""
    image = picture.image
    grey = image.shape[2] == 1
    axes.imshow(image[:, :, 0] if grey else image[:, :, :3], cmap="gray" if grey else None, vmin=0, vmax=255)
    axes.text(0.5, -0.04, picture.text, transform=axes.transAxes, ha="center", va="top", fontsize=6.5)
