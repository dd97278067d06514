"""The paper's six claims, each decided by the verdicts that test it best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainer.experiments.method_comparison import BATS
from trainer.experiments.verdict import Verdict, Word

DECIDING: tuple[Word, ...] = (
    "contradicted",
    "not testable",
    "opposite seen in one seed",
    "undecided",
    "seen in one seed",
    "confirmed",
)
"""Of the verdicts that a claim rests on, the first of these decides: it holds only if all do."""


@dataclass(frozen=True)
class Claim:
    """A claim in a sentence, and the findings that it rests on.

    item: the figure or table with these findings. Where the claim is that something happens under attack only, or that
    BAT prevents what PGD training suffers, the finding is a difference of differences; where samples are removed, it is
    the one at equal size.
    """

    sentence: str
    item: str
    findings: tuple[str, ...]

    def decided(self, verdicts: Mapping[tuple[str, str], Verdict]) -> Verdict | None:
        """The verdict that decides, of those by item and finding; None if the item was not made."""
        found = [verdicts[self.item, one] for one in self.findings if (self.item, one) in verdicts]
        if len(found) < len(self.findings):
            return None
        return min(found, key=lambda one: DECIDING.index(one.verdict))


CLAIMS = (
    Claim(
        "Fitting atypical samples helps atypical test samples, under ERM",
        "fig9",
        ("Training on atypical samples helps atypical test samples (ERM, clean, at equal size)",),
    ),
    Claim(
        "Under attack it helps them less: what is fitted does not make them robust",
        "fig1",
        ("Accuracy on atypical test samples rises more without the attack than under it (PGD-20)",),
    ),
    Claim(
        "Atypical samples cost typical test samples accuracy under attack, and not under ERM",
        "fig15",
        (
            "Atypical samples cost typical test samples more accuracy under PGD training than under ERM (clean, at "
            "equal size)",
        ),
    ),
    Claim(
        "They bring classes closer together under attack, and not under ERM",
        "fig21",
        ("Atypical samples bring typical training samples closer together under attack than under ERM, at equal size",),
    ),
    Claim(
        "BAT keeps the adversarial accuracy that PGD training loses",
        "fig4",
        tuple(
            f"{one} loses less adversarial accuracy (PGD-20) from its best epoch to its last than PGD" for one in BATS
        ),
    ),
    Claim(
        "BAT has higher clean accuracy at comparable adversarial accuracy",
        "table2",
        tuple(
            f"{one} has {claim} PGD, best adv."
            for one in BATS
            for claim in (
                "higher clean accuracy on all test samples than",
                "adversarial accuracy (PGD-20) on all test samples comparable to that of",
            )
        ),
    ),
)
