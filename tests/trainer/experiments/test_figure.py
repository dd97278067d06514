"""Curves show every seed, and the legend says what their band is."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.experiments.figure import COLOURS, WIDTH, band, legend_below, panels_in_rows
from trainer.interval import estimate, over_seeds


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (2, 1), (3, 2), (4, 2), (16, 8)])
def test_panels_are_two_by_two_and_as_wide_as_a_page(count: int, rows: int):
    figure, axes = panels_in_rows(count, height=2)
    assert len(axes) == len(figure.axes) == count, "no empty panel"
    assert figure.get_size_inches() == pytest.approx((WIDTH, 2 * rows + 0.7))
    figure.draw_without_rendering()
    places = [(round(one.get_position().x0, 3), round(one.get_position().y0, 3)) for one in axes]
    assert len({x for x, _ in places}) == min(count, 2)
    assert len({y for _, y in places}) == rows
    assert sorted(places, key=lambda place: (-place[1], place[0])) == places, "row by row"


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_are_thin_lines_and_the_band_is_named(seeds: int):
    random = np.random.default_rng(0)
    right = random.random((4, seeds, 50)) < 0.6
    figure, (axes,) = panels_in_rows(1)
    band(axes, [(epoch, estimate(moment)) for epoch, moment in enumerate(right)], COLOURS[0], "-", "PGD")
    thick, *thin = axes.get_lines()
    assert len(thin) == (0 if seeds == 1 else seeds)
    for seed, line in enumerate(thin):
        assert line.get_ydata() == pytest.approx(100 * right[:, seed].mean(axis=1))
        assert line.get_linewidth() < thick.get_linewidth()
    legend_below(figure, axes, seeds=seeds, over="seeds and samples")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    several = ["95 % interval over seeds and samples", "each of 3 seeds"]
    assert texts == ["PGD", *(several if seeds > 1 else ["95 % interval over samples; one seed"])]


def test_one_seed_has_no_interval_over_seeds_to_be_named():
    figure, (axes,) = panels_in_rows(1)
    band(axes, [(0, over_seeds(np.array([0.5]))), (1, over_seeds(np.array([0.6])))], COLOURS[0], "-", "PGD", unit=1)
    legend_below(figure, axes, seeds=1, over="seeds")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["PGD"]
