"""The normal distribution on arrays, without SciPy.

Only additions, products, divisions, square roots and comparisons are used, which round alike on all processors, so
that tables made from these functions have the same bits everywhere; `numpy.exp` has not.
"""

from __future__ import annotations

from math import factorial, pi, sqrt

import numpy as np

from memscore.arrays import Float64

# Cody (1969), Rational Chebyshev approximations for the error function; coefficients as in his CALERF.
_SMALL = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
_MIDDLE = (
    (
        2.15311535474403846e-8,
        5.64188496988670089e-1,
        8.88314979438837594,
        6.61191906371416295e1,
        2.98635138197400131e2,
        8.81952221241769090e2,
        1.71204761263407058e3,
        2.05107837782607147e3,
        1.23033935479799725e3,
    ),
    (
        1.0,
        1.57449261107098347e1,
        1.17693950891312499e2,
        5.37181101862009858e2,
        1.62138957456669019e3,
        3.29079923573345963e3,
        4.36261909014324716e3,
        3.43936767414372164e3,
        1.23033935480374942e3,
    ),
)
_LARGE = (
    (
        1.63153871373020978e-2,
        3.05326634961232344e-1,
        3.60344899949804439e-1,
        1.25781726111229246e-1,
        1.60837851487422766e-2,
        6.58749161529837803e-4,
    ),
    (
        1.0,
        2.56852019228982242,
        1.87295284992346725,
        5.27905102951428412e-1,
        6.05183413124413191e-2,
        2.33520497626869185e-3,
    ),
)
_LOG_2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)  # its upper bits and the rest
_EXPONENTIAL = tuple(1.0 / factorial(power) for power in range(13, -1, -1))  # of the series, on [-0.35, 0.35]
FARTHEST = 38.0
"""Standard deviations beyond which a tail counts as 0."""


def cdf(z: Float64) -> Float64:
    """Phi(z): the share of a standard normal variable below z, to 1e-13 of the smaller tail (3e-15 within 8).

    z [...] may be infinite; NaN gives NaN.
    """
    x = np.minimum(np.abs(z), FARTHEST) / sqrt(2)
    # Each range computes on the values clipped to it: no overflow, and no fancy indexing.
    small, middle, large = np.minimum(x, 0.46875), np.clip(x, 0.46875, 4), np.maximum(x, 4)
    tail = _exp(-x * x)
    squared = small * small
    inverse = 1 / (large * large)
    far = (1 / sqrt(pi) - inverse * _ratio(_LARGE, inverse)) / large
    upper = np.where(
        x <= 0.46875,
        1 - small * _ratio(_SMALL, squared),
        tail * np.where(x <= 4, _ratio(_MIDDLE, middle), far),
    )
    upper = np.where(np.abs(z) >= FARTHEST, 0.0, upper / 2)
    return np.where(z > 0, 1 - upper, np.where(np.isnan(z), np.nan, upper))


def density(z: Float64) -> Float64:
    """The density of a standard normal variable at z [...]."""
    x = np.minimum(np.abs(z), FARTHEST)
    return _exp(-x * x / 2) / sqrt(2 * pi)


def _exp(x: Float64) -> Float64:
    """e^x for x in [-745, 0], with rounding that is the same everywhere."""
    whole = np.rint(x / _LOG_2[0])
    rest = (x - whole * _LOG_2[0]) - whole * _LOG_2[1]
    whole = np.where(np.isnan(whole), 0, whole)
    return np.ldexp(_polynomial(_EXPONENTIAL, rest), whole.astype(np.int32))


def _ratio(terms: tuple[tuple[float, ...], tuple[float, ...]], x: Float64) -> Float64:
    return _polynomial(terms[0], x) / _polynomial(terms[1], x)


def _polynomial(factors: tuple[float, ...], x: Float64) -> Float64:
    """The polynomial with these factors, that of the highest power first."""
    value = np.full(np.shape(x), factors[0])
    for factor in factors[1:]:
        value = value * x + factor
    return value
