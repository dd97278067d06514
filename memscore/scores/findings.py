"""What a study found, before anything else is looked at: counts, each with what it is worth, and a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from memscore.arrays import Indices
from memscore.counted import counted
from memscore.messages.summaries import ClassShare, Planted
from memscore.scores.classes import by_class
from memscore.scores.label_errors import LabelErrors
from memscore.scores.risk import privacy_of
from memscore.scores.sets import limits, undecided
from memscore.scores.tables import ATYPICAL, TYPICAL, PairsTable, ScoreTable
from memscore.statistics.estimates import wilson


def percent(share: float | None) -> str:
    """Format a share as a percentage with one decimal; a dash if unknown. 100.0 means all, and 0.0 none."""
    if share is None or share != share:
        return "–"
    bounded = share if share in (0, 1) else min(max(share, 0.001), 0.999)
    return f"{100 * bounded:.1f}"


def finding(scores: ScoreTable, named: str = "image") -> str:
    """How many training samples are memorized, in a sentence that calls each by this noun."""
    samples = len(scores)
    if not np.isfinite(scores["mem"]).any():
        return f"Not one of the {counted(samples, f'training {named}')} has a score yet."
    sure = ""
    if (found := _surely_memorized(scores)) is not None:
        above, by = found
        sure = f"; for {above:,} of them, the whole 95 % interval{by} is above it"
    memorized, learned = (_of(int(chosen.sum()), samples, named) for chosen in (scores.atypical(), scores.typical()))
    return (
        f"{memorized} are memorized (atypical, mem above {ATYPICAL:g}{sure}): models classify them correctly more "
        f"often if they were trained on them. {learned} are typical (mem below {TYPICAL:g}): models learn them from "
        f"similar {named}s."
    )


def findings(
    scores: ScoreTable,
    pairs: PairsTable,
    errors: LabelErrors,
    class_names: Sequence[str],
    flipped: Indices,
    named: str = "image",
) -> dict[str, Any]:
    """The fields of Findings. `flipped`: training samples whose labels were flipped on purpose."""
    surely = _surely_memorized(scores)
    holding = pairs.holding
    most, least = _extremes(scores, class_names)
    return {
        "sentence": finding(scores, named),
        "samples": len(scores),
        "scored": int(np.isfinite(scores["mem"]).sum()),
        "atypical": int(scores.atypical().sum()),
        "atypical_sure": None if surely is None else surely[0],
        "typical": int(scores.typical().sum()),
        "undecided": None if surely is None else int(undecided(scores).sum()),
        "suspected": errors.suspected,
        "suspected_precision": errors.precision,
        "pairs": int(holding.sum()) if pairs.tested else None,
        "test_samples": scores.test_samples,
        "test_samples_in_pairs": len(np.unique(pairs["test_index"][holding])) if pairs.tested else None,
        "most_memorized": most,
        "least_memorized": least,
        "privacy": privacy_of(scores),
        "planted": _planted(scores, errors, flipped),
    }


def _surely_memorized(scores: ScoreTable) -> tuple[int, str] | None:
    """How many atypical samples have intervals wholly above the threshold, and what these are estimated from."""
    found = limits(scores)
    if found is None:
        return None
    low, _, by = found
    return int((scores.atypical() & (low > np.float32(ATYPICAL))).sum()), by


def _extremes(scores: ScoreTable, names: Sequence[str]) -> tuple[ClassShare | None, ClassShare | None]:
    """The classes with the largest and the smallest share of memorized samples; None where all have the same.

    Their limits hold for all classes at once (Bonferroni's correction): the most of many classes is high by chance too.
    """
    classes = [one for one in by_class(scores, names) if one.samples > one.undefined]
    counts = np.array([one.samples - one.undefined for one in classes], np.int64)
    atypical = np.array([one.atypical for one in classes], np.int64)
    if len(classes) < 2 or not atypical.any():
        return None, None
    shares = atypical / counts
    most, least = int(np.argmax(shares)), int(np.argmin(shares))
    if shares[most] == shares[least]:
        return None, None
    low, high = wilson(atypical, counts, 1 - 0.05 / len(classes))
    overall = float(atypical.sum() / counts.sum())

    def share(place: int) -> ClassShare:
        one = classes[place]
        ends = float(low[place]), float(high[place])
        return ClassShare(
            label=one.label,
            name=one.name,
            samples=int(counts[place]),
            atypical=one.atypical,
            interval=ends,
            differs=not ends[0] <= overall <= ends[1],
        )

    return share(most), share(least)


def _planted(scores: ScoreTable, errors: LabelErrors, flipped: Indices) -> Planted | None:
    """How well the order of the suspects finds labels flipped on purpose; None without any."""
    if not len(flipped):
        return None
    mask = np.zeros(len(scores), np.bool_)
    mask[flipped] = True
    return Planted(labels=len(flipped), suspected=int(errors.suspects[flipped].sum()), auroc=errors.auroc(mask))


def _of(count: int, samples: int, named: str) -> str:
    return f"{count:,} of {counted(samples, f'training {named}')} ({percent(count / samples)} %)"
