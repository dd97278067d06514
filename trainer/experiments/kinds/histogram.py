"""Figure 7: the distribution of memorization values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from memscore.arrays import Bools, Float32
from memscore.report.figures import BLUE, GREY, ORANGE
from memscore.scores.tables import is_atypical, is_typical
from trainer.experiments.artifact import Artifact
from trainer.experiments.figure import label_rows, panels_in_rows
from trainer.experiments.inputs import Panel
from trainer.experiments.item import FromStudy, Item, for_each_dataset
from trainer.experiments.scales import CIFAR10, CIFAR100, REGISTERED, TINY
from trainer.experiments.verdict import Verdict, above, untestable
from trainer.interval import share

BINS = 20
EDGES = np.arange(BINS + 1) / BINS
NEAR_1, TAIL = 0.9, 0.01
"""The mem above which a sample counts as near 1, and the share of such samples that makes a tail."""

PUBLISHED = {CIFAR10: ("CIFAR-10", 0.1), CIFAR100: ("CIFAR-100", 0.4), TINY: ("Tiny ImageNet", 0.5)}
"""The names of the paper's datasets, and the share that their atypical samples exceed."""

Groups = dict[str, Bools]


class MemHistogram(FromStudy):
    """The histogram of a study, without training runs."""

    def make(self, item: Item, panels: Sequence[Panel]) -> Artifact:
        """The histogram of mem, with the shares of typical and atypical samples."""
        panels = for_each_dataset(panels)
        figure, axes = panels_in_rows(len(panels))
        numbers: list[dict[str, Any]] = []
        verdicts: list[Verdict] = []
        table = [
            "| dataset | the paper's | atypical | typical | atypical in the paper |",
            "| --- | --- | --- | --- | --- |",
        ]
        for panel, area in zip(panels, axes, strict=True):
            mem, groups = _groups(panel)
            counts = {name: _binned(mem[mask]) for name, mask in groups.items()}
            _draw(area, panel, {name: 100 * one / len(mem) for name, one in counts.items()})
            numbers += [
                {
                    "study": panel.study.described,
                    "from": low,
                    "to": high,
                    **{name: int(one[place]) for name, one in counts.items()},
                    "share": sum(int(one[place]) for one in counts.values()) / len(mem),
                }
                for place, (low, high) in enumerate(pairwise(EDGES.tolist()))
            ]
            subject, least = PUBLISHED[panel.setting.paper_setting[0]]
            atypical, typical = (share(groups[name]).points() for name in ("atypical", "typical"))
            cells = (panel.study.described, subject, f"{atypical} %", f"{typical} %", f"over {100 * least:.0f} %")
            table.append(f"| {' | '.join(cells)} |")
            verdicts += _verdicts(panel, mem, groups["atypical"])
        axes[0].set_ylim(0, 1.08 * max(area.dataLim.y1 for area in axes))  # of all, which share it
        label_rows(axes, "training samples, %")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        caption = (
            f"mem of every training sample in bins of {1 / BINS:g}; estimates below 0 are in the first. Dotted: the "
            "bounds of typical and atypical samples. Intervals (95 %) treat the samples as a random sample."
        )
        errors = ", ".join(f"{np.nanmedian(one.study.scores['se']):.3f} on {one.setting.dataset}" for one in panels)
        notes = [f"Errors of estimation widen the histogram: their median is {errors}."]
        return Artifact(caption, {item.name: figure}, numbers, verdicts, ["\n".join(table)], notes)


def _groups(panel: Panel) -> tuple[Float32, Groups]:
    """mem where it is defined, and masks of typical, atypical and other samples."""
    mem = panel.study.scores["mem"]
    mem = mem[np.isfinite(mem)]
    typical = is_typical(mem, panel.study.sets.thresholds.typical)
    atypical = is_atypical(mem, panel.study.sets.thresholds.atypical)
    return mem, {"typical": typical, "between": ~typical & ~atypical, "atypical": atypical}


def _binned(mem: Float32) -> npt.NDArray[np.int64]:
    return np.histogram(np.clip(mem, 0, 1), EDGES)[0]


def _draw(area: Axes, panel: Panel, shares: dict[str, npt.NDArray[np.float64]]) -> None:
    """Shares in per cent as bars, one group above the other."""
    bottom = np.zeros(BINS)
    for (name, heights), colour, hatch in zip(shares.items(), (BLUE, GREY, ORANGE), ("", "//", ".."), strict=True):
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0.4}
        area.bar(EDGES[:-1], heights, 1 / BINS, bottom, align="edge", label=name, **look)
        bottom += heights
    for bound in (panel.study.sets.thresholds.typical, panel.study.sets.thresholds.atypical):
        area.axvline(bound, color="black", linestyle=":", linewidth=1)
    text = "\n".join(f"{name} {shares[name].sum():.0f} %" for name in ("typical", "atypical"))
    area.text(0.95, 0.95, text, transform=area.transAxes, ha="right", va="top", bbox={"color": "white", "pad": 1})
    area.set_axisbelow(True)
    area.set(xlabel="memorization value mem", title=panel.study.described, xlim=(0, 1))


def _verdicts(panel: Panel, mem: Float32, atypical: Bools) -> list[Verdict]:
    described, counts = panel.study.described, _binned(mem)
    rival = 1 + int(counts[1:].argmax())
    lowest = share(np.arange(counts[0] + counts[rival]) < counts[0])
    span = f"{EDGES[rival]:.2f} to {EDGES[rival + 1]:.2f}"
    numbers = (
        f"{counts[0]:,} of {len(mem):,} samples are below {EDGES[1]:g} and {counts[rival]:,} in the "
        f"largest other bin, {span}; of both together, {lowest.points()} % are below {EDGES[1]:g}"
    )
    mass = above(
        "More memorization values lie near 0 than anywhere else: the lowest bin is the largest",
        described,
        numbers,
        lowest,
        0.5,
    )
    top = share(mem > np.float32(NEAR_1))
    numbers = f"{top.points()} % of the samples have mem above {NEAR_1:g}"
    tail = above(f"The tail reaches up to 1: over {100 * TAIL:.0f} % of the samples", described, numbers, top, TAIL)
    subject = panel.setting.paper_setting[0]
    name, least = PUBLISHED[subject]
    found = share(atypical)
    claim = f"Over {100 * least:.0f} % of {name}'s training samples are atypical"
    numbers = f"{found.points()} % have mem above {panel.study.sets.thresholds.atypical:g}"
    if panel.setting.dataset == REGISTERED[subject]:
        return [above(claim, described, numbers, found, least), mass, tail]
    return [untestable(claim, described, f"{numbers}, but this is another dataset"), mass, tail]
