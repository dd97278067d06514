"""Quality checks: how far a study's scores can be trusted, and what to do if they cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from memscore.arrays import Float64
from memscore.counted import counted
from memscore.scores.table_builder import AGREE, CALIBRATED, CALIBRATION_TRIALS, is_calibrated
from memscore.scores.tables import ScoreTable
from memscore.statistics.fit import INTERPOLATES
from memscore.study.spec import BLOCK, Design

Verdict = Literal["pass", "look at it", "cannot be told"]

RELIABLE = 0.9
"""Reliability above which single samples can be judged, not only groups."""

PLACEBO_ERRORS = 2
"""Standard errors by which placebo pairs may be found more often than the false-discovery rate allows."""

BINS = 12
"""Bins of the calibration chart."""

NO_EVIDENCE = "Unknown for imported scores. Ask for the evidence behind them, or estimate the study yourself."


@dataclass(frozen=True)
class Check:
    """One check: its value in a few words, its meaning, and advice."""

    key: str
    name: str
    verdict: Verdict
    value: str
    meaning: str
    advice: str


@dataclass(frozen=True)
class Differences:
    """Differences in mem between the halves, and their predicted standard errors, float64 [k] each.

    Covers samples whose mem has a standard error above 0 and is defined in both halves.
    """

    predicted: Float64
    observed: Float64

    @property
    def ratio_error(self) -> float:
        """The standard error of the split-half ratio."""
        variance = self.predicted**2
        return float(np.sqrt(np.sum(variance**2) / 2) / variance.sum())


def differences(scores: ScoreTable) -> Differences:
    """Compare the even with the odd blocks. Each half has only part of the trials, so its standard error is larger."""
    blocks = -(-scores.trials // BLOCK)
    even, odd = (blocks + 1) // 2, blocks // 2
    factor = np.sqrt(blocks / even + blocks / odd) if odd else np.nan
    predicted = scores["se"].astype(np.float64) * factor
    observed = scores["mem_even"].astype(np.float64) - scores["mem_odd"]
    defined = np.isfinite(observed) & (predicted > 0)
    return Differences(predicted[defined], observed[defined])


@dataclass(frozen=True)
class Calibration:
    """Root mean squares of predicted and observed differences over bins of samples, with 95 % intervals.

    Samples are binned by predicted difference into bins of about equal size; intervals assume independent samples.
    """

    predicted: list[float]
    observed: list[float]
    low: list[float]
    high: list[float]
    counts: list[int]


def calibration(found: Differences) -> Calibration:
    """The points of a calibration chart; empty if nothing can be compared."""
    points: list[tuple[float, float, float, float, int]] = []
    order = np.argsort(found.predicted, kind="stable")
    for part in np.array_split(order, min(BINS, max(1, len(order) // 10))) if len(order) else []:
        squares = found.observed[part] ** 2
        spread = 1.96 * float(squares.std()) / len(part) ** 0.5
        mean = float(squares.mean())
        ends = (mean, max(0.0, mean - spread), mean + spread)
        predicted = float(np.mean(found.predicted[part] ** 2))
        points.append((predicted**0.5, *(end**0.5 for end in ends), len(part)))
    predicted, observed, low, high, counts = (
        (list(column) for column in zip(*points, strict=True)) if points else [[]] * 5
    )
    return Calibration(predicted, observed, low, high, counts)


def quality(scores: ScoreTable, design: Design | None) -> list[Check]:
    """All checks, in reading order; those of influence only if there are test samples."""
    found: dict[str, Any] = scores.meta.get("checks", {})
    tested = scores.test_samples > 0
    return [
        _fit(scores),
        _defined(scores),
        _reliability(scores, found),
        _calibration(scores, found),
        *([_zero_sum(scores, found, design)] if tested else []),
        *_margins(scores, found),
        *([_placebo(scores), _pair_halves(scores)] if tested else []),
    ]


def _fit(scores: ScoreTable) -> Check:
    accuracy = scores.meta.get("in_sample_accuracy")
    meaning = (
        "The mean accuracy of the models on their own training samples. Memorization requires a model that fits them; "
        f"below {INTERPOLATES}, mem measures under-fitting as well."
    )
    name = "In-sample accuracy"
    if accuracy is None:
        return Check("fit", name, "cannot be told", "unknown", meaning, NO_EVIDENCE)
    good = accuracy >= INTERPOLATES
    advice = "Nothing to do." if good else "Train longer or use a larger network, as a new study."
    return Check("fit", name, "pass" if good else "look at it", _fixed(accuracy), meaning, advice)


def _defined(scores: ScoreTable) -> Check:
    missing = int((~np.isfinite(scores["mem"])).sum())
    meaning = "mem needs trials with and without the sample. A sample that lacks either has no score and is in no set."
    name = "Samples with a score"
    if not missing:
        return Check("defined", name, "pass", f"all {len(scores):,}", meaning, "Nothing to do.")
    advice = "Run more trials." if scores.trials else "They have no score in the imported file."
    return Check("defined", name, "look at it", f"{missing:,} of {len(scores):,} have none", meaning, advice)


def _reliability(scores: ScoreTable, found: dict[str, Any]) -> Check:
    halves, errors = found.get("split_half_reliability"), found.get("reliability")
    meaning = (
        "The share of the differences between samples that is not due to chance. Its square root is the highest "
        "correlation that anything can have with these scores."
    )
    name = "Reliability"
    value = errors if halves is None else halves
    if value is None:
        advice = _why_nothing_compares(scores) or ("Run more trials." if scores.trials else NO_EVIDENCE)
        return Check("reliability", name, "cannot be told", "unknown", meaning, advice)
    ways = (("two halves of the trials", halves), ("the standard errors", errors))
    shown = ", ".join(f"{_fixed(one)} by {way}" for way, one in ways if one is not None)
    if value >= RELIABLE:
        return Check("reliability", name, "pass", shown, meaning, "Nothing to do.")
    advice = "Judge groups of samples rather than single ones, and run more trials."
    if value > 0:
        times = RELIABLE * (1 - value) / (value * (1 - RELIABLE))  # Spearman and Brown's prophecy
        wanted = BLOCK * int(np.ceil(times * scores.trials / BLOCK - 1e-6))
        advice = f"Judge groups of samples rather than single ones. About {wanted:,} trials would reach {RELIABLE}."
    return Check("reliability", name, "look at it", shown, meaning, advice)


def _calibration(scores: ScoreTable, found: dict[str, Any]) -> Check:
    ratio = found.get("split_half_ratio")
    low, high = CALIBRATED
    meaning = (
        "The difference between two halves of the trials, divided by the one their standard errors predict. At 1, "
        f"standard errors and intervals are right; {low} to {high} passes, and so does 1 ± 4 standard errors."
    )
    name = "Calibration"
    if ratio is None:
        advice = _why_nothing_compares(scores) or (f"Run {2 * BLOCK} or more trials." if scores.trials else NO_EVIDENCE)
        return Check("calibration", name, "cannot be told", "unknown", meaning, advice)
    value = f"{ratio:.2f}"
    compared = differences(scores)
    if scores.trials < CALIBRATION_TRIALS or not len(compared.predicted):
        advice = f"Too few trials to judge: run {CALIBRATION_TRIALS} or more."
        return Check("calibration", name, "cannot be told", value, meaning, advice)
    value = f"{value} ± {compared.ratio_error:.2f}"
    if is_calibrated(ratio, compared.ratio_error):
        return Check("calibration", name, "pass", value, meaning, "Nothing to do.")
    meant = "too small" if ratio > 1 else "too large"
    advice = (
        f"Standard errors and intervals are {meant}. Look for dependence between the trials, such as merged evidence "
        "from another code version or device."
    )
    return Check("calibration", name, "look at it", value, meaning, advice)


def _why_nothing_compares(scores: ScoreTable) -> str | None:
    """Why the halves of a study's trials cannot be compared although both have trials; None if they can."""
    both = np.isfinite(scores["mem_even"]) & np.isfinite(scores["mem_odd"])
    if not both.any() or (scores["se"][both] > 0).any():
        return None
    values = np.unique(scores["mem"][both])
    if len(values) > 1:
        return (
            "All trials that trained on a sample found the same for it, and so did all others, so there is no error to "
            "compare with. Train more trials: some may find otherwise."
        )
    found = f"Every trial agrees: mem is {values[0]:g} for all samples, so there are no differences and no errors."
    if values[0] == 0:
        found += " Models learn each sample from the others, or learn nothing at all: see their in-sample accuracy."
    return found


def _zero_sum(scores: ScoreTable, found: dict[str, Any], design: Design | None) -> Check:
    residual = found.get("zero_sum")
    meaning = (
        "If each sample is held out equally often, all influences on a test sample sum to 0, since the mean accuracy "
        "over the trials is fixed. This checks the bookkeeping, not the models."
    )
    name = "Zero sum of influences"
    if residual is None or design is None:
        advice = NO_EVIDENCE
        if design is not None:
            whole = "Only whole blocks can be checked; a job completes the last one."
            advice = whole if design.kind == "balanced" else "Only balanced designs can be checked."
        return Check("zero-sum", name, "cannot be told", "unknown", meaning, advice)
    ratio = design.subset_ratio
    bound = 0.0 if len(scores) % BLOCK == 0 else 1 / (4 * ratio * (1 - ratio))
    value = f"largest sum {residual:.2g}" + (f", may be up to {bound:.2g} here" if bound else "")
    if residual <= bound + 1e-6:
        return Check("zero-sum", name, "pass", value, meaning, "Nothing to do.")
    return Check("zero-sum", name, "look at it", value, meaning, "Check the database: memscore db check.")


def _margins(scores: ScoreTable, found: dict[str, Any]) -> list[Check]:
    """Whether mem by margins agrees with mem; no check without margins in both halves."""
    ratio = found.get("margin_ratio")
    if ratio is None:
        return []
    meaning = (
        "The difference between mem by correctness from one half of the trials and mem by margins from the other, "
        f"divided by the one their standard errors predict. At most {AGREE}, both say the same; far above, the margins "
        "of these models are not normal, which mem_margin presupposes."
    )
    name, value = "Agreement of margins", f"{ratio:.2f}"
    if scores.meta.get("margin_trials", 0) < CALIBRATION_TRIALS:
        advice = f"Too few trials with margins to judge: {CALIBRATION_TRIALS} are needed."
        return [Check("margins", name, "cannot be told", value, meaning, advice)]
    if ratio <= AGREE:
        return [Check("margins", name, "pass", value, meaning, "Nothing to do.")]
    return [Check("margins", name, "look at it", value, meaning, "Rely on mem, not on mem_margin and its interval.")]


def _placebo(scores: ScoreTable) -> Check:
    found: dict[str, Any] | None = scores.meta.get("placebo")
    name = "Placebo pairs"
    meaning = (
        "Phantom training samples, which no model has seen, are tested beside the real ones: whatever is found among "
        "them is false. Of what a test finds at a false-discovery rate of 5 %, about 5 % may be."
    )
    if found is None:
        advice = "Known for studies with a design, images at hand and enough trials." if scores.trials else NO_EVIDENCE
        return Check("placebo", name, "cannot be told", "unknown", meaning, advice)
    weighted, exact = found["weighted"], found["exact"]
    found_in_all = weighted["real"] + weighted["placebo"]
    if not found_in_all:
        advice = "Run more trials: neither a real nor a phantom pair is found yet."
        return Check("placebo", name, "cannot be told", "no pair found", meaning, advice)
    shown = (
        f"{100 * weighted['share']:.1f} % false: {counted(weighted['placebo'], 'phantom pair')} beside "
        f"{weighted['real']:,} real (without weights {100 * exact['share']:.1f} %)"
    )
    allowed = found["level"] / 2 * found_in_all  # half of the false ones are phantoms
    if weighted["placebo"] <= allowed + PLACEBO_ERRORS * np.sqrt(allowed + 1):
        return Check("placebo", name, "pass", shown, meaning, "Nothing to do.")
    advice = "Influences found here are less certain than their q-values: ask for smaller ones, and run more trials."
    return Check("placebo", name, "look at it", shown, meaning, advice)


def _pair_halves(scores: ScoreTable) -> Check:
    found: dict[str, Any] | None = scores.meta.get("pair_halves")
    name = "Influences in two halves"
    meaning = (
        "Pairs that one half of the trials finds likely to be strong: the mean influence it expects, and the mean that "
        "the other half finds. They should agree within 20 % or four standard errors."
    )
    if found is None:
        advice = "Run more trials: no half finds a likely pair." if scores.trials else NO_EVIDENCE
        return Check("pair-halves", name, "cannot be told", "unknown", meaning, advice)
    shown = f"expected {found['predicted']:.2f}, found {found['found']:.2f} ± {found['error']:.2f}"
    shown = f"{shown}, in {counted(found['pairs'], 'pair')}"
    if abs(found["predicted"] - found["found"]) <= max(0.2 * found["predicted"], 4 * found["error"]):
        return Check("pair-halves", name, "pass", shown, meaning, "Nothing to do.")
    advice = "Probabilities of influence are off: trust q-values rather than them, and run more trials."
    return Check("pair-halves", name, "look at it", shown, meaning, advice)


def _fixed(share: float) -> str:
    """Format with three decimals, rounded down so that a failing value never looks as if it passed."""
    return f"{np.floor(1000 * share + 1e-6) / 1000:.3f}"
