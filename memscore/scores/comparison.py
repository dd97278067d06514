"""Comparison of two score tables of the same dataset: how well they agree, and how well they could."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import atanh, sqrt, tanh
from typing import Any

import numpy as np
import numpy.typing as npt

from memscore.arrays import Float64
from memscore.counted import counted
from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.scores.sets import Thresholds
from memscore.scores.tables import ScoreTable, is_atypical
from memscore.statistics.estimates import Z_95, Difference, average_ranks, reliability, wilson

FEWEST = 3
RANKS = 1.06
"""Variance of Fisher's z of a rank correlation, in that of Pearson's (Fieller, Hartley and Pearson 1957)."""
LIMIT = 1 - 1e-12  # of a correlation, whose z would be infinite

Ends = tuple[float, float]


@dataclass(frozen=True)
class TableComparison:
    """Agreement of two tables, a and b, over the samples that have a score in both.

    pearson, spearman: correlations of mem. reliability_a, reliability_b: the share of the variance of mem that is not
    estimation error, 1 - mean(se^2) / Var(mem). corrected: the Pearson correlation divided by the root of their
    product, an estimate of the correlation without these errors; it can exceed 1 by chance. Each is None if undefined;
    notes give the reason.
    mean_difference: mean of a - b. a_outside_b: share of samples whose mem in a lies outside the 95 % interval of b.
    both, only_a, only_b, neither: how many samples are atypical (mem above the threshold) in both tables, one, or none;
    jaccard: both divided by those atypical in either; kappa: Cohen's kappa, agreement beyond chance.
    *_interval: 95 % intervals over samples, as if others of their kind might have been drawn; None where undefined.
    """

    samples: int
    pearson: float | None
    spearman: float | None
    reliability_a: float | None
    reliability_b: float | None
    corrected: float | None
    mean_difference: float
    a_outside_b: float | None
    b_outside_a: float | None
    threshold: float
    both: int
    only_a: int
    only_b: int
    neither: int
    jaccard: float | None
    kappa: float | None
    pearson_interval: Ends | None = None
    spearman_interval: Ends | None = None
    corrected_interval: Ends | None = None
    mean_difference_interval: Ends | None = None
    jaccard_interval: Ends | None = None
    kappa_interval: Ends | None = None
    notes: list[str] = field(default_factory=list[str])


def compare(a: ScoreTable, b: ScoreTable, threshold: float = Thresholds.atypical) -> TableComparison:
    """Compare two tables of the same dataset.

    Raises FingerprintMismatch if their datasets differ, InvalidInput if fewer than three samples have both scores.
    """
    if a.meta["fingerprint"] != b.meta["fingerprint"]:
        raise FingerprintMismatch(
            f"The tables are of different datasets (fingerprints {str(a.meta['fingerprint'])[:12]} and "
            f"{str(b.meta['fingerprint'])[:12]}); only scores of one dataset can be compared."
        )
    shared = shared_samples(a, b)
    if shared.sum() < FEWEST:
        raise InvalidInput(
            f"The tables share {counted(int(shared.sum()), 'sample')} with a score; {FEWEST} are needed."
        )
    x, y = (one["mem"][shared].astype(np.float64) for one in (a, b))
    reliability_a, reliability_b = _reliability(a, shared), _reliability(b, shared)
    pearson, spearman = _correlation(x, y), _correlation(average_ranks(x), average_ranks(y))
    ends = fisher(pearson, len(x))
    corrected = corrected_ends = None
    independent = a.meta["study"] != b.meta["study"]
    if independent and pearson is not None and reliability_a and reliability_b:
        root = sqrt(reliability_a * reliability_b)
        corrected = pearson / root
        corrected_ends = None if ends is None else (ends[0] / root, ends[1] / root)
    half = Z_95 * float(np.std(x - y, ddof=1)) / sqrt(len(x))
    difference = float(np.mean(x - y))
    return TableComparison(
        samples=len(x),
        pearson=pearson,
        spearman=spearman,
        reliability_a=reliability_a,
        reliability_b=reliability_b,
        corrected=corrected,
        mean_difference=difference,
        pearson_interval=ends,
        spearman_interval=fisher(spearman, len(x), RANKS),
        corrected_interval=corrected_ends,
        mean_difference_interval=(difference - half, difference + half),
        a_outside_b=_outside(a, b, shared),
        b_outside_a=_outside(b, a, shared),
        **_judgements(a, b, shared, threshold),
        notes=_notes(a, b, shared, pearson, reliability_a, reliability_b),
    )


def at_threshold(found: TableComparison, a: ScoreTable, b: ScoreTable, threshold: float) -> TableComparison:
    """The result of `compare` at another threshold, without recomputing the correlations, its slowest part."""
    return replace(found, **_judgements(a, b, shared_samples(a, b), threshold))


def fisher(correlation: float | None, samples: int, variance: float = 1.0) -> Ends | None:
    """The 95 % interval of a correlation over samples by Fisher's z; None of fewer than four, and of equal tables."""
    if correlation is None or samples <= FEWEST or abs(correlation) > LIMIT:
        return None
    z, half = atanh(correlation), Z_95 * sqrt(variance / (samples - 3))
    return tanh(z - half), tanh(z + half)


def kappa_ends(both: int, only_a: int, only_b: int, neither: int) -> Ends | None:
    """The 95 % interval of Cohen's kappa over samples, by its large-sample standard error; None if it is undefined.

    Two agreements and two disagreements more are counted in the error, so that full agreement has one too.
    """
    total = both + only_a + only_b + neither
    value = kappa(both, only_a, only_b, neither)
    if value is None:
        return None
    yes_a, yes_b, same = (both + only_a) / total, (both + only_b) / total, (both + neither + 2) / (total + 4)
    expected = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    half = Z_95 * sqrt(same * (1 - same) / (total + 4)) / (1 - expected)
    return max(value - half, -1.0), min(value + half, 1.0)


def kappa(both: int, only_a: int, only_b: int, neither: int) -> float | None:
    """Cohen's kappa of two binary judgements; None if chance alone gives full agreement."""
    total = both + only_a + only_b + neither
    yes_a, yes_b = (both + only_a) / total, (both + only_b) / total
    expected = yes_a * yes_b + (1 - yes_a) * (1 - yes_b)
    return None if expected == 1 else ((both + neither) / total - expected) / (1 - expected)


def shared_samples(a: ScoreTable, b: ScoreTable) -> npt.NDArray[np.bool_]:
    """Which training samples have a score in both tables, bool [n]."""
    return np.isfinite(a["mem"]) & np.isfinite(b["mem"])


def density(a: ScoreTable, b: ScoreTable, bins: int) -> tuple[Float64, npt.NDArray[np.int64]]:
    """Two-dimensional histogram of mem: edges [bins + 1] for both tables, counts int64 [bins of a, bins of b].

    The edges run in equal steps from 0, or the smallest value if it is negative, to 1. Imported values that exceed 1
    through rounding count as 1.
    """
    shared = shared_samples(a, b)
    mem_a, mem_b = (np.minimum(one["mem"][shared].astype(np.float64), 1.0) for one in (a, b))
    edges = np.linspace(min(0.0, float(mem_a.min()), float(mem_b.min())), 1.0, bins + 1)
    cells = _places(mem_a, edges) * bins + _places(mem_b, edges)
    return edges, np.bincount(cells, minlength=bins * bins).reshape(bins, bins)


def _places(values: Float64, edges: Float64) -> npt.NDArray[np.int64]:
    """The bin of each value, as in np.histogram but without a search, since the steps are equal."""
    last = len(edges) - 2
    found = ((values - edges[0]) * ((last + 1) / (edges[-1] - edges[0]))).astype(np.int64).clip(0, last)
    found -= values < edges[found]  # rounding moved it across an edge
    found += (values >= edges[found + 1]) & (found < last)
    return found


def disagreements(a: ScoreTable, b: ScoreTable, count: int) -> npt.NDArray[np.int64]:
    """Indices of at most `count` samples with a score in both tables, the largest differences in mem first."""
    shared = np.flatnonzero(shared_samples(a, b))
    closeness = -np.abs(a["mem"][shared].astype(np.float64) - b["mem"][shared])
    if 0 < count < len(shared):
        last = np.partition(closeness, count - 1)[count - 1]
        near = np.flatnonzero(closeness <= last)  # includes all ties with the last, so that indices decide
        shared, closeness = shared[near], closeness[near]
    return shared[np.argsort(closeness, kind="stable")][:count]


def _judgements(a: ScoreTable, b: ScoreTable, shared: npt.NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    """The fields of a TableComparison that depend on its threshold."""
    high_a, high_b = (is_atypical(one["mem"], threshold) & shared for one in (a, b))
    both, high = int((high_a & high_b).sum()), int((high_a | high_b).sum())
    only_a, only_b = int(high_a.sum()) - both, int(high_b.sum()) - both
    neither = int(shared.sum()) - high
    return {
        "threshold": threshold,
        "both": both,
        "only_a": only_a,
        "only_b": only_b,
        "neither": neither,
        "jaccard": both / high if high else None,
        "kappa": kappa(both, only_a, only_b, neither),
        "jaccard_interval": _share_ends(both, high),
        "kappa_interval": kappa_ends(both, only_a, only_b, neither),
    }


def _share_ends(count: int, of: int) -> Ends | None:
    if not of:
        return None
    low, high = wilson(np.array([count]), np.array([of]))
    return float(low[0]), float(high[0])


def _reliability(table: ScoreTable, chosen: npt.NDArray[np.bool_]) -> float | None:
    columns = ("p_in", "p_out", "mem", "se", "mem_low", "mem_high")
    return reliability(Difference(*(table[name][chosen].astype(np.float64) for name in columns)))


def _correlation(x: Float64, y: Float64) -> float | None:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1])


def _outside(estimate: ScoreTable, interval: ScoreTable, shared: npt.NDArray[np.bool_]) -> float | None:
    """Share of the samples whose estimate in one table lies outside the other's interval."""
    known = shared & np.isfinite(interval["mem_low"]) & np.isfinite(interval["mem_high"])
    if not known.any():
        return None
    mem = estimate["mem"][known]
    return float(((mem < interval["mem_low"][known]) | (mem > interval["mem_high"][known])).mean())


def _notes(
    a: ScoreTable,
    b: ScoreTable,
    shared: npt.NDArray[np.bool_],
    pearson: float | None,
    reliability_a: float | None,
    reliability_b: float | None,
) -> list[str]:
    notes: list[str] = []
    missing = int((~shared).sum())
    if missing:
        notes.append(f"Left out, without a score in one of the tables: {counted(missing, 'sample')}.")
    if pearson is None:
        notes.append("The correlations are undefined: in one table, mem is the same for all samples.")
        return notes
    for name, table, value in (("first", a, reliability_a), ("second", b, reliability_b)):
        if not np.isfinite(table["se"][shared]).any():
            notes.append(
                f"The {name} table has no standard errors, so the correlation cannot be corrected for estimation "
                "errors."
            )
        elif not value:
            notes.append(
                f"The standard errors of the {name} table explain all of its variance, so the corrected correlation is "
                "undefined; run more trials."
            )
    if a.meta["study"] == b.meta["study"]:
        notes.append(
            "Both tables are from the same study and share trials: their errors are not independent, so the "
            "correlation cannot be corrected for them."
        )
    return notes
