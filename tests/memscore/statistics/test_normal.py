"""The normal distribution against the math module, over its whole range."""

from math import erfc, exp, pi, sqrt

import numpy as np
import pytest

from memscore.statistics.normal import FARTHEST, cdf, density

POINTS = np.linspace(-37.9, 37.9, 7001)


def test_the_distribution_function_is_that_of_the_math_module():
    expected = np.array([erfc(-z / sqrt(2)) / 2 for z in POINTS])
    found = cdf(POINTS)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    near = np.abs(POINTS) < 8
    np.testing.assert_allclose(found[near], expected[near], rtol=3e-15)
    assert (np.diff(found) >= 0).all()


def test_the_density_is_that_of_the_math_module():
    expected = [exp(-z * z / 2) / sqrt(2 * pi) for z in POINTS]
    np.testing.assert_allclose(density(POINTS), expected, rtol=1e-14)


def test_the_ends():
    found = cdf(np.array([-np.inf, -FARTHEST, -0.0, 0.0, FARTHEST, np.inf, np.nan]))
    np.testing.assert_array_equal(found, [0, 0, 0.5, 0.5, 1, 1, np.nan])
    assert density(np.array([np.inf]))[0] == pytest.approx(0, abs=1e-300)


def test_the_bits_are_always_the_same():
    """Recorded once: tables made from them have one digest on all machines."""
    bits = cdf(np.array([-30.0, -5.5, -1.96, -0.3, 0.7, 2.5])).view(np.uint64)
    assert [f"{int(one):x}" for one in bits] == [
        "16f7795ad05ea687",
        "3e5463cfa9c7fcf3",
        "3f99990c58859311",
        "3fd87423a677e90f",
        "3fe841d5715c32a8",
        "3fefcd21635036c6",
    ]
