"""The pictures of docs/results/evidence: `python benchmarks/evidence_pictures.py [--cache FOLDER]`.

From the bed of benchmarks/heads.py, as benchmarks/evidence.py: estimates from blocks drawn at random, the truth from
the correctness bits of all other trials. Some minutes of CPU where the bed is filled.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import margins
from benchmarks.evidence import FEATURES, Truth, evidence_of, similarities_of
from benchmarks.heads import BLOCK, DESIGN, THRESHOLD, Bed, Trials, blocks_in, default_cache, load_bed, load_trials
from memscore.arrays import Float64
from memscore.report.figures import BLUE, GREY, ORANGE
from memscore.scores.sets import Rule, Thresholds, split
from memscore.scores.table_builder import Provenance, build_tables
from memscore.statistics.counts import Counts, class_groups
from memscore.statistics.estimates import wilson
from memscore.statistics.margin_estimates import margin_memorization
from memscore.statistics.similarity import Similarity
from memscore.study.randomness import random_order

FOLDER = Path(__file__).parents[1] / "docs/results/evidence"
ERRORS = (20, 30, 50, 70, 100, 150, 200, 300, 400)  # trials
SETS = (50, 100, 200, 400)
CALIBRATED = 100
EDGES = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0])
SIZE = (6.0, 3.6)  # inches

Named = dict[tuple[int, Rule], tuple[float, float]]
"""By trials and rule: members of the test-atypical set that are right, and all."""


def errors(by_block: margins.Bed, splits: int) -> tuple[Float64, Float64]:
    """The root of the mean squared error of mem by bits and by margins, [trials] each."""
    squares = np.zeros((2, len(ERRORS), splits))
    for at, trials in enumerate(ERRORS):
        for seed in range(splits):
            blocks, rest = by_block.split(trials, seed)
            truth = by_block.bits(rest)
            for row, one in enumerate((by_block.bits(blocks), margin_memorization(by_block.model(blocks)))):
                error = (one.estimate - truth.estimate) ** 2 - truth.standard_error**2
                squares[row, at, seed] = np.nanmean(error)
    bits, margin = np.sqrt(squares.mean(axis=2))
    return bits, margin


def draw_errors(bits: Float64, margin: Float64) -> Figure:
    """Errors by trials, on scales that make a fall with the root of the number of trials a straight line."""
    figure, axes = _axes("trials", "error of mem (root mean square)")
    for values, colour, name in ((bits, GREY, "correctness alone"), (margin, BLUE, "with margins")):
        axes.plot(ERRORS, values, "o-", color=colour, markersize=4, label=name)
    at = ERRORS.index(100)
    same = float(np.exp(np.interp(-np.log(margin[at]), -np.log(bits), np.log(ERRORS))))
    axes.annotate(
        "",
        xy=(same, margin[at]),
        xytext=(100, margin[at]),
        arrowprops={"arrowstyle": "->", "color": "black", "linewidth": 1},
    )
    axes.text(same * 1.05, margin[at], f"as precise as {same:.0f} trials", ha="left", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(ERRORS, [str(one) for one in ERRORS])
    axes.set_yticks([0.02, 0.03, 0.05, 0.07, 0.1, 0.15], ["0.02", "0.03", "0.05", "0.07", "0.1", "0.15"])
    axes.minorticks_off()
    axes.legend(frameon=False)
    return figure


def pairs_and_sets(bed: Bed, trials: Trials, alike: Similarity, splits: int) -> tuple[Float64, Named]:
    """Of pairs by probability at CALIBRATED trials: [bins, 3], how many, sum of probabilities, came true; and sets."""
    groups = class_groups(bed.y_train, bed.y_test)
    total = len(trials.membership)
    bins = np.zeros((len(EDGES) - 1, 3))
    named: Named = {}
    for count in SETS:
        for seed in range(splits):
            order = random_order(total // BLOCK, "margins", seed)
            every = (order[:, None] * BLOCK + np.arange(BLOCK)).ravel()
            truth = Truth(trials, every[count:], groups)
            counts = Counts.of(evidence_of(trials, every[:count]), bed.y_train, bed.y_test, DESIGN)
            scores, pairs = build_tables(counts, Provenance("bed", "f" * 64, {}, {}), alike)
            rules: tuple[Rule, ...] = ("raw", "posterior")
            for rule in rules:
                found = split(scores, pairs, Thresholds(rule=rule)).test_atypical
                right, size = named.get((count, rule), (0.0, 0.0))
                right += (found & truth.atypical).sum() / splits
                named[count, rule] = float(right), float(size + found.sum() / splits)
            if count == CALIBRATED:
                p = pairs["p_strong"].astype(np.float64)
                strong = truth.infl[pairs["train_index"], pairs["test_index"]] >= THRESHOLD
                bin_of = np.digitize(p, EDGES[:-1]) - 1
                for k in range(len(bins)):
                    bins[k] += (bin_of == k).sum(), p[bin_of == k].sum(), strong[bin_of == k].sum()
    return bins, named


def draw_posteriors(bins: Float64) -> Figure:
    """Which share of the pairs of each range of probabilities came true."""
    figure, axes = _axes("posterior probability of infl above 0.15", "share that came true")
    count, total, came_true = bins[bins[:, 0] > 0].T
    low, high = wilson(came_true.astype(np.int64), count.astype(np.int64))
    share = came_true / count
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(total / count, share, [share - low, high - share], fmt="o", color=BLUE, capsize=3)
    for x, y, pairs in zip(total / count, high, count, strict=True):
        axes.text(x, min(y, 0.97) + 0.015, f"{pairs:,.0f}", ha="center", va="bottom", fontsize=8, color="#555555")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.09)
    axes.text(0.98, 0.04, "numbers of pairs, over four draws of 100 trials", ha="right", fontsize=8, color="#555555")
    return figure


def draw_sets(named: Named, there: int) -> Figure:
    """How many of the test samples that each rule names are right."""
    figure, axes = _axes("trials", "test samples named atypical")
    for at, count in enumerate(SETS):
        rules: tuple[Rule, ...] = ("raw", "posterior")
        for rule, x in zip(rules, (at - 0.2, at + 0.2), strict=True):
            right, size = named[count, rule]
            axes.bar(x, right, 0.36, color=BLUE, label="right" if not at and rule == "raw" else None)
            axes.bar(
                x, size - right, 0.36, bottom=right, color=ORANGE, label="wrong" if not at and rule == "raw" else None
            )
            axes.text(x, size + 6, f"{right / max(1, size):.0%} right", ha="center", fontsize=8)
            axes.text(x, -14, "raw" if rule == "raw" else "posterior", ha="center", va="top", fontsize=8)
    axes.axhline(there, color="black", linewidth=1, linestyle=(0, (4, 3)), label=f"{there} are atypical")
    axes.set_xticks(range(len(SETS)), [str(one) for one in SETS])
    axes.tick_params(axis="x", length=0, pad=16)
    axes.legend(frameon=False)
    return figure


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def main() -> None:
    """Write the pictures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--cache", type=Path, default=default_cache(), help="folder of the bed")
    arguments.add_argument("--splits", type=int, default=4, help="random splits into estimates and truth")
    chosen = arguments.parse_args()
    bed, trials = load_bed(chosen.cache), load_trials(chosen.cache, blocks_in(chosen.cache))
    alike = similarities_of(bed, [])[FEATURES]
    there = int(Truth(trials, np.arange(len(trials.membership)), class_groups(bed.y_train, bed.y_test)).atypical.sum())
    bins, named = pairs_and_sets(bed, trials, alike, chosen.splits)
    pictures = {
        "errors": draw_errors(*errors(margins.Bed(trials), chosen.splits)),
        "posteriors": draw_posteriors(bins),
        "sets": draw_sets(named, there),
    }
    for name, figure in pictures.items():
        figure.savefig(FOLDER / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
