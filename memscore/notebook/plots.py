"""Plots of a study as matplotlib axes, for notebooks and papers."""

# pyright: reportUnknownMemberType=false
# matplotlib leaves the keyword arguments of its methods untyped.

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from memscore.arguments import indices_of, require_at_least_one
from memscore.arrays import Indices
from memscore.datasets.columns import Split
from memscore.errors import InvalidInput
from memscore.notebook.arguments import in_python
from memscore.notebook.listings import Suspects
from memscore.notebook.samples import Samples
from memscore.report import charts
from memscore.report.figures import GREY
from memscore.scores.html import first_pairs
from memscore.scores.quality import differences
from memscore.scores.sets import Thresholds

if TYPE_CHECKING:
    from memscore.notebook.studies import Study

CELL = 1.35  # inches of a cell of a gallery
WIDE = 2.2  # of one with words in place of a picture
PICTURE = 0.62  # share of a cell's height that its picture takes
IN_WORDS = 26  # characters of a line


class Plots:
    """Plots of one study. Each draws into `ax`, or into a new figure of pyplot, which notebooks show by themselves."""

    def __init__(self, study: Study) -> None:
        self._study = study

    @in_python
    def histogram(self, ax: Axes | None = None) -> Axes:
        """The distribution of mem, with the typical and atypical samples. Raises NoScoresYet."""
        scores = self._study.scores()
        mem = scores["mem"][np.isfinite(scores["mem"])]
        _require(len(mem), "No sample has a score yet")
        axes = _axes(ax, 7.0, 3.5)
        charts.draw_histogram(axes, mem, Thresholds(), int(np.median(scores["n_out"])))
        axes.legend(frameon=False, loc="upper right", fontsize="small")
        return axes

    @in_python
    def gallery(
        self, count: int = 12, indices: Sequence[int] | Indices | Suspects | None = None, ax: Axes | None = None
    ) -> Axes:
        """The `count` most memorized training samples, or those with these `indices`, with their classes and mem.

        `indices` may be a mask or suspects too. Raises NoScoresYet, and InvalidInput for an index outside the dataset.
        """
        require_at_least_one("count", count)
        scores, samples = self._study.scores(), self._study.samples
        mem = scores["mem"].astype(np.float64)
        if indices is None:
            chosen = np.argsort(np.where(np.isfinite(mem), -mem, np.inf), kind="stable")[:count]
        else:
            listed = indices.indices if isinstance(indices, Suspects) else indices
            chosen = indices_of("indices", listed, len(scores))
        _require(len(chosen), "There is no sample to show")
        columns = min(6, len(chosen))
        rows = -(-len(chosen) // columns)
        width = CELL if samples.image("train", int(chosen[0])) is not None else WIDE
        axes = _grid(ax, columns, rows, width)
        for place, index in enumerate(chosen.tolist()):
            x, y = place % columns, rows - 1 - place // columns
            label = samples.class_name(int(scores["label"][index]))
            text = f"{samples.name('train', index)}\nlabel {label}\nmem {_number(float(mem[index]))}"
            _draw(axes, samples, "train", index, x + 0.5, y + 0.38, text)
        return axes

    @in_python
    def pairs(self, count: int = 8, ax: Axes | None = None) -> Axes:
        """The first pairs: training samples, and below them the test samples that they influence.

        Pairs that hold at a false-discovery rate of 5 % come first. Raises NoScoresYet.
        """
        require_at_least_one("count", count)
        table, samples = self._study.pairs(), self._study.samples
        rows = first_pairs(table, count)
        _require(len(rows), "There is no pair to show")
        width = CELL if samples.image("train", int(table["train_index"][rows[0]])) is not None else WIDE
        axes = _grid(ax, len(rows), 2, width)
        for place, row in enumerate(rows):
            train, test = int(table["train_index"][row]), int(table["test_index"][row])
            infl, error = float(table["infl"][row]), float(table["se"][row])
            within = "" if np.isnan(error) else f" ± {1.96 * error:.2f}"
            _draw(axes, samples, "train", train, place + 0.5, 1.5, samples.name("train", train))
            _draw(
                axes, samples, "test", test, place + 0.5, 0.38, f"infl {infl:.2f}{within}\n{samples.name('test', test)}"
            )
        return axes

    @in_python
    def reliability(self, ax: Axes | None = None) -> Axes:
        """mem from one half of the trials against mem from the other; on the line, both agree.

        Raises NoScoresYet, and InvalidInput before both halves have trials.
        """
        scores = self._study.scores()
        even, odd = scores["mem_even"], scores["mem_odd"]
        both = np.isfinite(even) & np.isfinite(odd)
        _require(int(both.sum()), "The halves of the trials cannot be compared yet: run 20 or more trials")
        axes = _axes(ax, *charts.SQUARE)
        charts.draw_agreement(axes, even[both], odd[both])
        reliability: dict[str, Any] = scores.meta.get("checks", {})
        value, compared = reliability.get("split_half_reliability"), differences(scores)
        if value is not None and len(compared.predicted):
            axes.set_title(f"reliability {value:.3f} ({scores.trials:,} trials)", fontsize="medium")
        return axes


def _require(found: int, otherwise: str) -> None:
    if not found:
        raise InvalidInput(f"{otherwise}.")


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    """The given axes, or those of a new figure of pyplot."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    figure: Figure = pyplot.figure(figsize=(width, height), layout="constrained")
    return figure.add_subplot()


def _grid(ax: Axes | None, columns: int, rows: int, width: float) -> Axes:
    """Axes without ticks in which a cell is 1 wide and 1 high."""
    axes = _axes(ax, width * columns + 0.2, CELL * 1.25 * rows + 0.2)
    axes.set(xlim=(0, columns), ylim=(0, rows))
    axes.set_axis_off()
    return axes


def _draw(axes: Axes, samples: Samples, split: Split, index: int, x: float, y: float, text: str) -> None:
    """Draw a sample around (x, y), with a text above it."""
    image = samples.image(split, index)
    lines = "\n".join(textwrap.shorten(line, IN_WORDS, placeholder="…") for line in text.splitlines())
    axes.text(x, y + 0.36, lines, ha="center", va="bottom", fontsize="x-small", parse_math=False)
    if image is None:
        words = textwrap.fill(samples.words(split, index), IN_WORDS, max_lines=5, placeholder="…")
        axes.text(x, y + 0.3, words, ha="center", va="top", fontsize="x-small", color=GREY, parse_math=False)
        return
    axes.add_artist(_picture(axes, image, x, y))


def _picture(axes: Axes, image: npt.NDArray[np.uint8], x: float, y: float) -> AnnotationBbox:
    """The image at (x, y), as high as its share of a cell."""
    pixels = image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)
    zoom = PICTURE * CELL * 72 / max(image.shape[:2])
    box = OffsetImage(pixels, zoom=zoom, interpolation="nearest", resample=True)
    return AnnotationBbox(box, (x, y), frameon=False, pad=0)


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"
