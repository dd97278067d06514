"""Verdicts on the paper's findings, decided by intervals and never by eye."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any, Literal

from trainer.experiments.interval import Estimate

Word = Literal["confirmed", "not confirmed", "not testable here"]


@dataclass(frozen=True)
class Verdict:
    """A finding of the paper, whether it is confirmed here, and the deciding numbers, in words.

    value, low, high: the deciding quantity, as a share, with its 95 % interval; None if nothing could be measured.
    """

    finding: str
    verdict: Word
    numbers: str
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def above(finding: str, numbers: str, found: Estimate, bound: float = 0.0) -> Verdict:
    """Confirmed if the whole interval lies above `bound`. `numbers` describes the comparison."""
    if not isfinite(found.low):
        return _undecided(finding, numbers, found)
    word: Word = "confirmed" if found.low > bound else "not confirmed"
    opposite = "; the opposite is significant" if found.high < -abs(bound) else ""
    return Verdict(finding, word, f"{numbers}{opposite}{_one_seed(found)}", found.value, found.low, found.high)


def no_loss(finding: str, numbers: str, found: Estimate, margin: float) -> Verdict:
    """Confirmed if the whole interval lies above -margin, which excludes any larger loss."""
    if not isfinite(found.low):
        return _undecided(finding, numbers, found)
    word: Word = "confirmed" if found.low > -margin else "not confirmed"
    opposite = "; the opposite is significant" if found.high < -margin else ""
    text = f"{numbers}; a loss of up to {100 * margin:g} counts as none{opposite}{_one_seed(found)}"
    return Verdict(finding, word, text, found.value, found.low, found.high)


def exceeds(finding: str, numbers: str, found: Estimate, bound: float) -> Verdict:
    """Confirmed if the whole interval of a share lies above `bound`; the opposite is significant if it lies below."""
    word: Word = "confirmed" if found.low > bound else "not confirmed"
    opposite = "; the opposite is significant" if found.high < bound else ""
    return Verdict(finding, word, f"{numbers}{opposite}{_one_seed(found)}", found.value, found.low, found.high)


def untestable(finding: str, reason: str) -> Verdict:
    """A finding that cannot be decided, and why."""
    return Verdict(finding, "not testable here", reason)


def _undecided(finding: str, numbers: str, found: Estimate) -> Verdict:
    """The verdict for an estimate without an interval."""
    if isnan(found.value):
        return untestable(finding, "there are no samples to measure it on")
    return untestable(finding, f"{numbers}; one seed gives no interval, use --seeds 3")


def _one_seed(found: Estimate) -> str:
    return " (one seed: the interval covers only the samples)" if found.seeds == 1 else ""
