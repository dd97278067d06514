"""Verdicts on the paper's findings, decided by intervals and never by eye.

Every finding is the sentence that some quantity is above a bound. Its 95 % interval, over seeds and samples, decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isnan
from typing import Any, Literal

from trainer.interval import Estimate

Word = Literal[
    "confirmed", "seen in one seed", "undecided", "opposite seen in one seed", "contradicted", "not testable"
]
"""Confirmed: the whole interval is above the bound; contradicted: it is below. One seed says nothing about others, so
that it gives at most "seen". Not testable: there are no samples, the interval is wider than the margin, or what the
finding presupposes is not so here."""

LAST_ALONE = "only the last network was kept"
"""Why nothing can be said of a course."""


@dataclass(frozen=True)
class Verdict:
    """A finding of the paper, what became of it here, and the deciding numbers, in words.

    setting: the dataset and network, or the study, that it is about. value, low, high: the deciding quantity, as a
    share or a distance, with its 95 % interval, and the bound that it is compared with; None if nothing could be
    measured. seeds: runs of each kind behind it; 0 if it is about no runs.
    """

    finding: str
    verdict: Word
    setting: str
    numbers: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    seeds: int = 0

    @property
    def described(self) -> str:
        """The numbers, after the setting that they are from."""
        return f"{self.setting}: {self.numbers}"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Precondition:
    """What a finding presupposes, the numbers that show whether it is so here, and whether it is.

    It does not hold unless its whole interval says so.
    """

    what: str
    numbers: str
    holds: bool

    def and_also(self, other: Precondition) -> Precondition:
        """Both: the first that does not hold, if any."""
        return self if not self.holds else other


def above(
    finding: str,
    setting: str,
    numbers: str,
    found: Estimate,
    bound: float = 0.0,
    *,
    needs: Precondition | None = None,
) -> Verdict:
    """Whether a quantity is above `bound`. `numbers` describes the comparison."""
    if isnan(found.value):
        return untestable(finding, setting, "there are no samples to measure it on")
    if needs is not None and not needs.holds:
        reason = f"{numbers}; it presupposes that {needs.what}, which these runs do not show: {needs.numbers}"
        return untestable(finding, setting, reason, found, bound)
    if not isfinite(found.low):
        return untestable(finding, setting, f"{numbers}; one seed gives no interval, use --seeds 3")
    one_seed = found.seeds == 1
    word: Word = "undecided"
    if found.low > bound:
        word = "seen in one seed" if one_seed else "confirmed"
    elif found.high < bound:
        word = "opposite seen in one seed" if one_seed else "contradicted"
    if one_seed:
        numbers += " (one seed: the interval covers only the samples)"
    return Verdict(finding, word, setting, numbers, found.value, found.low, found.high, bound, found.seeds)


def no_loss(
    finding: str, setting: str, numbers: str, found: Estimate, margin: float, *, needs: Precondition | None = None
) -> Verdict:
    """Whether any loss of more than `margin` is excluded. Not testable if the interval is too wide to show that."""
    numbers += f"; a loss of up to {100 * margin:g} counts as none"
    verdict = above(finding, setting, numbers, found, -margin, needs=needs)
    half = (found.high - found.low) / 2
    if verdict.verdict == "undecided" and half > margin:
        reason = f"{verdict.numbers}; known to ± {100 * half:.1f} only: more seeds or test samples are needed"
        return untestable(finding, setting, reason, found, -margin)
    return verdict


def untestable(
    finding: str, setting: str, reason: str, found: Estimate | None = None, bound: float | None = None
) -> Verdict:
    """A finding that cannot be decided, and why."""
    if found is None or not isfinite(found.low):
        return Verdict(finding, "not testable", setting, reason)
    return Verdict(finding, "not testable", setting, reason, found.value, found.low, found.high, bound, found.seeds)
