"""Scatter plot of two tables' scores of the same samples."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from memscore.counted import counted
from memscore.report.figures import BLUE, GREY, ORANGE
from memscore.scores.comparison import TableComparison, shared_samples
from memscore.scores.tables import ScoreTable

MANY = 3000
"""Samples above which the plot shows density; it does so with fewer if most of them coincide."""


def scatter(a: ScoreTable, b: ScoreTable, comparison: TableComparison, names: tuple[str, str], format: str) -> bytes:
    """Plot mem in table b against mem in table a as svg, png or pdf, with marginal distributions."""
    shared = shared_samples(a, b)
    x, y = a["mem"][shared], b["mem"][shared]
    low = min(-0.05, float(x.min()) - 0.02, float(y.min()) - 0.02)
    limits = (low, 1.03)
    figure = Figure(figsize=(6.4, 6.8), layout="constrained")
    main = figure.add_subplot()
    top = main.inset_axes((0, 1.02, 1, 0.16), sharex=main)
    side = main.inset_axes((1.02, 0, 0.16, 1), sharey=main)
    distinct = len(np.unique(np.stack([x, y]), axis=1).T)
    if len(x) >= MANY or distinct < len(x) / 2:
        extent = (*limits, *limits)
        cells = main.hexbin(x, y, gridsize=60, bins="log", mincnt=1, cmap="viridis", extent=extent, linewidths=0.1)
        bar = figure.colorbar(cells, ax=main, location="bottom", shrink=0.6, pad=0.02, aspect=40)
        bar.set_label("samples in a cell")
    else:
        main.scatter(x, y, s=14, color=BLUE, alpha=0.45, linewidths=0)
    main.plot(limits, limits, color=ORANGE, linewidth=1.2, label="equal")
    for line in (main.axvline, main.axhline):
        line(comparison.threshold, color=GREY, linewidth=0.8, linestyle=":")
    main.plot([], [], color=GREY, linewidth=0.8, linestyle=":", label=f"atypical above {comparison.threshold:g}")
    edges = np.linspace(*limits, 44).tolist()
    top.hist(x, edges, color=BLUE)
    side.hist(y, edges, color=BLUE, orientation="horizontal")
    most = 2 * max(np.histogram(values, edges)[0].max() for values in (x, y))
    top.set(yscale="log", ylim=(0.7, most), ylabel="samples")
    side.set(xscale="log", xlim=(0.7, most), xlabel="samples")
    top.tick_params(axis="x", labelbottom=False)
    side.tick_params(axis="y", labelleft=False)
    for margin in (top, side):
        margin.spines[["top", "right"]].set_visible(False)
        margin.tick_params(labelsize="small")
        margin.minorticks_off()
    main.set(xlim=limits, ylim=limits, aspect="equal", xlabel=f"mem, {names[0]}", ylabel=f"mem, {names[1]}")
    main.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", title=_summary(comparison), ncols=2, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=format, dpi=150)
    return buffer.getvalue()


def _summary(comparison: TableComparison) -> str:
    def shown(value: float | None) -> str:
        return "undefined" if value is None else f"{value:.3f}"

    corrected = (
        f" (corrected for estimation errors {comparison.corrected:.3f})" if comparison.corrected is not None else ""
    )
    return (
        f"{counted(comparison.samples, 'sample')}: Pearson {shown(comparison.pearson)}{corrected}, "
        f"Spearman {shown(comparison.spearman)}"
    )
