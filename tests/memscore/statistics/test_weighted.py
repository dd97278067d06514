"""Weighted Benjamini-Hochberg on a histogram against the same on all p-values."""

import numpy as np
import pytest

from memscore.statistics.significance import benjamini_hochberg
from memscore.statistics.weighted import WeightedTest


def test_q_values_are_those_of_weighted_p_values_within_a_thousandth():
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(5000), 10.0 ** rng.uniform(-30, -2, 200), [1e-300, 0.0, 1.0]])
    weight = rng.choice([0.02, 0.5, 3, 150], len(p), p=[0.5, 0.3, 0.19, 0.01])
    weight /= weight.mean()
    test = WeightedTest()
    cells = test.cells(p, weight)
    test.add(cells[:1000])
    test.add(cells[1000:])
    exact = benjamini_hochberg(np.maximum(p / weight, 2.0**-128))
    found = test.q_values()[cells]
    assert (found >= exact * (1 - 1e-12)).all()
    assert found == pytest.approx(exact, rel=1.01e-3)


def test_hypotheses_that_are_not_counted_are_as_if_their_p_values_were_one():
    test, all_counted = WeightedTest(), WeightedTest()
    p, one = np.array([1e-6, 1e-4]), np.ones(1)
    test.add(test.cells(p, one))
    all_counted.add(test.cells(np.concatenate([p, np.ones(98)]), one))
    cells = test.cells(p, one)
    assert (test.q_values(100)[cells] == all_counted.q_values()[cells]).all()
