"""Curves show every seed, and the legend says what their band is."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.experiments.figure import COLOURS, band, legend_below, panels_beside
from trainer.interval import estimate, over_seeds


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_are_thin_lines_and_the_band_is_named(seeds: int):
    random = np.random.default_rng(0)
    right = random.random((4, seeds, 50)) < 0.6
    figure, ((axes,),) = panels_beside(1)
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
    figure, ((axes,),) = panels_beside(1)
    band(axes, [(0, over_seeds(np.array([0.5]))), (1, over_seeds(np.array([0.6])))], COLOURS[0], "-", "PGD", unit=1)
    legend_below(figure, axes, seeds=1, over="seeds")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["PGD"]
