"""Plots: matplotlib axes, of pyplot only if no axes are given."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox

from memscore.datasets.columns import SampleColumns
from memscore.datasets.dataset import build_dataset
from memscore.errors import InvalidInput
from memscore.notebook.studies import Study
from memscore.settings import Settings
from tests.memscore.notebook.conftest import HOSTILE, store_study

PLOTS = ("histogram", "gallery", "pairs", "reliability")


@pytest.fixture(autouse=True)
def _no_figures() -> Generator[None]:
    mpl.use("Agg")
    pyplot.close("all")
    yield
    pyplot.close("all")


def drawn(axes: Axes) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.savefig("/dev/null", format="png")


def texts(axes: Axes) -> str:
    return "\n".join(one.get_text() for one in axes.texts)


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_draws_where_it_is_told(named_study: Study, name: str):
    axes = Figure().add_subplot()
    assert getattr(named_study.plot, name)(ax=axes) is axes
    assert pyplot.get_fignums() == []
    assert axes.has_data() or axes.texts
    drawn(axes)


@pytest.mark.parametrize("name", PLOTS)
def test_without_axes_a_plot_makes_a_figure_of_pyplot(study: Study, name: str):
    axes = getattr(study.plot, name)()
    assert pyplot.get_fignums() == [axes.figure.number]


def test_the_gallery_shows_the_most_memorized_or_what_is_asked_for(study: Study):
    axes = study.plot.gallery(4)
    best = np.argsort(-study.scores()["mem"].astype(float), kind="stable")[:4]
    assert [f"train {index}" in texts(axes) for index in best] == [True] * 4
    assert sum(isinstance(one, AnnotationBbox) for one in axes.artists) == 4
    assert "train 17" in texts(study.plot.gallery(indices=[17]))
    with pytest.raises(InvalidInput, match="indices must lie in 0 to 59"):
        study.plot.gallery(indices=[60])
    mask = np.arange(60) == 23
    assert "train 23" in texts(study.plot.gallery(indices=mask))
    suspects = study.suspects(3)
    shown = texts(study.plot.gallery(indices=suspects))
    assert all(f"train {index}" in shown for index in suspects.indices)
    with pytest.raises(InvalidInput, match="There is no sample to show"):
        study.plot.gallery(indices=[])


def test_a_wrong_argument_is_one_sentence(study: Study):
    plot: Any = study.plot
    for draw in (plot.histogram, plot.gallery, plot.pairs, plot.reliability):
        with pytest.raises(InvalidInput, match=r"^ax must be a matplotlib Axes, not 3\.$"):
            draw(ax=3)
    for draw in (plot.gallery, plot.pairs):
        with pytest.raises(InvalidInput, match=r"^count must be a whole number, not '12'\.$"):
            draw("12")
        for count in (0, -1):
            with pytest.raises(InvalidInput, match=rf"^count must be at least 1, not {count}\.$"):
                draw(count)
    for indices, said in (
        ("ab", "indices must be a list or a Suspects, not 'ab'"),
        (3, "indices must be a list or a Suspects, not 3"),
        (["a"], "The items of indices must be whole numbers, not 'a'"),
        ([1.5], r"The items of indices must be whole numbers, not 1\.5"),
        (np.array([1.5]), "indices must be indices, or a mask with one value for each of the 60 samples"),
    ):
        with pytest.raises(InvalidInput, match=f"^{said}"):
            plot.gallery(indices=indices)
    assert pyplot.get_fignums() == []


def test_texts_are_drawn_in_place_of_pictures_and_are_no_formulas(settings_of_sqlite: Settings):
    random = np.random.default_rng(0)
    texts_ = [np.array([f"{HOSTILE} costs $5 and ${place}$" for place in range(count)]) for count in (60, 20)]
    dataset = build_dataset(
        random.normal(size=(60, 5)),
        np.arange(60) % 3,
        random.normal(size=(20, 5)),
        np.arange(20) % 3,
        source="made up",
        columns=SampleColumns({"text": texts_[0]}, {"text": texts_[1]}),
    )
    shown = store_study(settings_of_sqlite, dataset, "texts")
    for axes in (shown.plot.gallery(3), shown.plot.pairs(2)):
        assert "costs $5" in " ".join(texts(axes).split())
        assert not any(isinstance(one, AnnotationBbox) for one in axes.artists)
        drawn(axes)
