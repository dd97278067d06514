"""The posterior of a pair's influence: a nonparametric mixture of effects, fitted within bins of similarity.

An observed shift d with variance s^2 and f degrees of freedom has likelihood (1 + g(x)^2 / f)^(-(f + 1) / 2) g'(x)
under the effect e, with x = (d - e) / s and g Hall's cubic, which takes out the skewness of the outcome (`shifts`). The
mixture of effects that explains all pairs of a bin best, among those that fall from 0 to either side, is nonparametric
otherwise (Stephens, "False discovery rates: a new deal", Biostatistics 2017): a share of no effect, and uniform pieces
from 0 to each effect of a grid. It is approached by a fixed number of steps of EM on a histogram, so that it does not
depend on the order of trials or pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Bools, Float64, Int64, UInt8
from memscore.statistics.similarity import OCTAVE, OCTAVES

EFFECTS = np.array(
    (
        *(-0.4, -0.25, -0.15, -0.09, -0.05, -0.03, -0.015, 0, 0.01, 0.02, 0.03, 0.045, 0.06, 0.075, 0.09, 0.105, 0.12),
        *(0.1425, 0.1575, 0.18, 0.2, 0.225, 0.25, 0.28, 0.32, 0.36, 0.41, 0.46, 0.52, 0.58, 0.65, 0.72, 0.8, 0.9, 1),
    )
)
"""The grid of effects, float64 [35]."""

NONE = 0.98
"""EM starts with this share of the effect 0; the uniform pieces share the rest."""

ROUNDS = 40
"""Steps of EM. More change little."""


def _pieces() -> Float64:
    """No effect, and uniform distributions from 0 to each effect of the grid, by row: float64 [effects, effects]."""
    width = np.gradient(EFFECTS)
    rows = [np.where(np.equal(EFFECTS, 0), 1.0, 0.0)]
    for end in EFFECTS[EFFECTS != 0]:
        within = (np.sign(EFFECTS) == np.sign(end)) & (np.abs(EFFECTS) <= abs(end))
        rows.append(np.where(within, width, 0) / width[within].sum())
    return np.array(rows)


_PIECES = _pieces()

_LEAST = 2.0**-16  # variances below count as this: a standard error of 1 / 256
_DROPPED = 51  # of the 52 bits of a float64's mantissa: the variance keeps one, two classes an octave
_FIRST = int(np.float64(_LEAST).view(np.int64)) >> _DROPPED
_CLASSES = (int(np.float64(1.0).view(np.int64)) >> _DROPPED) - _FIRST + 1
_BEND, _MOST_BENT = 0.02, 4  # classes of the cubic's coefficient, from -4 to 4 times 0.02
_BENDS = 2 * _MOST_BENT + 1
_FINE = 4  # cells a standard error
_BELOW, _ABOVE = 8, 56  # standard errors
_WIDTH = _FINE * (_BELOW + _ABOVE)
_SIZE = _CLASSES * _BENDS * _WIDTH

CELLS = OCTAVES * _SIZE
"""Cells of the histogram: by coarse bin of similarity, classes of variance and skewness, shift in standard errors."""

DECIMALS = 4
"""Decimals that are kept, so that the last bits of exponentials, which differ among machines, do not show."""


_START = (((OCTAVE * _CLASSES - _FIRST) * _BENDS + _MOST_BENT) * _WIDTH + _BELOW * _FINE).astype(np.int32)
"""The cell of each bin of similarity for which the bits of the variance, the bend and the shift are 0."""


def effect_cells(infl: Float64, variance: Float64, bend: Float64, bins: UInt8) -> npt.NDArray[np.int32]:
    """Cells int32 [...] of pairs with the shift `infl`, its variance, the coefficient of the cubic, and their bin.

    All finite; `bend` may broadcast.
    """
    at_least = np.clip(variance, _LEAST, 1.0)
    cells = _START[bins]
    cells += (at_least.view(np.int64) >> _DROPPED).astype(np.int32) * np.int32(_BENDS * _WIDTH)
    bent = np.rint(bend / _BEND)
    cells += np.clip(bent, -_MOST_BENT, _MOST_BENT, out=bent).astype(np.int32) * np.int32(_WIDTH)
    step = np.divide(infl, np.sqrt(at_least, out=at_least), out=at_least)
    step *= _FINE
    np.floor(step, out=step)
    cells += np.clip(step, -_BELOW * _FINE, _ABOVE * _FINE - 1, out=step).astype(np.int32)
    return cells


@dataclass(frozen=True)
class Posterior:
    """The fitted mixture, and what follows for the pairs of each cell.

    mixing float64 [octaves, effects]; strong [cells]: P(infl > threshold); mean [cells]: the expected infl. NaN in
    cells that were not counted.
    """

    threshold: float
    mixing: Float64
    strong: Float64
    mean: Float64


def fit(count: Int64, trials: int, threshold: float) -> Posterior:
    """Fit the mixture to the pairs counted in cells [CELLS], of shifts over `trials` trials."""
    strong, mean = np.full(CELLS, np.nan), np.full(CELLS, np.nan)
    mixing = np.zeros((OCTAVES, len(EFFECTS)))
    above: Bools = np.greater(EFFECTS, threshold)
    for octave in range(OCTAVES):
        start = octave * _SIZE
        held = np.flatnonzero(count[start : start + _SIZE])
        if not len(held):
            continue
        likelihood = _likelihood(held, trials)
        mixing[octave] = mixture = _maximize(likelihood, count[start + held].astype(np.float64))
        share = likelihood * mixture
        share /= share.sum(axis=1, keepdims=True)
        strong[start + held] = np.round(share[:, above].sum(axis=1), DECIMALS)
        mean[start + held] = np.round((share * EFFECTS).sum(axis=1), DECIMALS)
    return Posterior(threshold, mixing, strong, mean)


def strong_of(cells: npt.NDArray[np.int32], mixing: Float64, trials: int, threshold: float) -> Float64:
    """P(infl > threshold) of pairs in these cells [k], as `fit` gives it for its own threshold; NaN where -1.

    mixing [octaves, effects], over shifts of `trials` trials.
    """
    found, place = np.unique(cells, return_inverse=True)
    strong = np.full(len(found), np.nan)
    above: Bools = np.greater(EFFECTS, threshold)
    octaves = found // _SIZE
    for octave in np.unique(octaves[found >= 0]):
        here = octaves == octave
        share = _likelihood(found[here].astype(np.int64) - int(octave) * _SIZE, trials) * mixing[octave]
        share /= share.sum(axis=1, keepdims=True)
        strong[here] = np.round(share[:, above].sum(axis=1), DECIMALS)
    return strong[place]


def _likelihood(held: Int64, trials: int) -> Float64:
    """The likelihood of the effects in cells of one bin, [cells, effects], each row over its largest."""
    rest, step = np.divmod(held, _WIDTH)
    of_variance, of_bend = np.divmod(rest, _BENDS)
    edges = (np.arange(_CLASSES + 1, dtype=np.int64) + _FIRST << _DROPPED).view(np.float64)
    error = np.sqrt((edges[of_variance] + edges[of_variance + 1]) / 2)
    x = ((step + 0.5) / _FINE - _BELOW)[:, None] - EFFECTS / error[:, None]
    bend = ((of_bend - _MOST_BENT) * _BEND)[:, None]
    # The cubic's slope is 0 at -1 / bend: from halfway there it continues straight.
    reach = np.where(bend == 0, np.inf, 0.5 / np.maximum(np.abs(bend), _BEND / 2))
    near = np.clip(x, -reach, reach)
    slope = (1 + bend * near) ** 2
    straight = near + bend * (near**2 - 1) + bend**2 * near**3 / 3 + (x - near) * slope
    freedom = trials - 2
    log = np.log(slope) - (freedom + 1) / 2 * np.log1p(straight**2 / freedom)
    return np.exp(log - log.max(axis=1, keepdims=True))


def _maximize(likelihood: Float64, count: Float64) -> Float64:
    """The mixing [effects] after a fixed number of steps of EM, from likelihoods [cells, effects] of `count` pairs."""
    of_pieces = likelihood @ _PIECES.T
    share = np.full(len(_PIECES), (1 - NONE) / (len(_PIECES) - 1))
    share[0] = NONE
    total = count.sum()
    for _ in range(ROUNDS):
        share = share * ((count / (of_pieces @ share)) @ of_pieces) / total
    return share @ _PIECES
