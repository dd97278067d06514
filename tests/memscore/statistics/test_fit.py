"""Whether models fit what they trained on."""

from __future__ import annotations

import numpy as np
import pytest

from memscore.statistics.estimates import SufficientStatistics
from memscore.statistics.fit import has_learned, majority_share, misfit
from memscore.study.recipes import RECIPES

PHOTOS = np.repeat(np.arange(3), (160, 24, 20)).astype(np.int32)


def statistics(in_sample: float) -> SufficientStatistics:
    n_in = np.full(len(PHOTOS), 1_000)
    right = np.full(len(PHOTOS), round(1_000 * in_sample))
    return SufficientStatistics(1_500, n_in, right, right, np.zeros(0, np.int64))


def test_the_most_frequent_class_alone_is_no_learning():
    assert majority_share(PHOTOS) == pytest.approx(160 / 204)
    assert not has_learned(0.785, PHOTOS)
    assert has_learned(0.81, PHOTOS)
    assert not has_learned(0.5, PHOTOS)


def test_models_that_fit_pass():
    assert misfit(statistics(0.995), PHOTOS, RECIPES["digits"], 0.9) is None
    assert misfit(statistics(0.4), PHOTOS, RECIPES["digits"], 0.4) is None


def test_models_that_learned_nothing_get_a_lower_rate():
    said = misfit(statistics(0.784), PHOTOS, RECIPES["digits"], 0.9)
    assert said is not None
    assert "learned nothing" in said
    assert "--set learning_rate=0.01" in said


def test_models_that_learned_a_part_get_more_epochs():
    said = misfit(statistics(0.86), PHOTOS, RECIPES["digits"], 0.9)
    assert said is not None
    assert "0.860, not 0.9" in said
    assert "--set epochs=120" in said
