"""Compare two runs on the same samples: McNemar's test for each group and attack."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np

from memscore.errors import FingerprintMismatch, InvalidInput
from memscore.runs.sample_records import CORRECT, GROUPS, WORST, SampleRecords
from memscore.statistics.estimates import Z_95


@dataclass(frozen=True)
class PairedDifference:
    """Accuracy of a second run minus that of a first, on the `count` samples that both were evaluated on.

    only_first, only_second: samples that only one run classifies correctly. p_value: McNemar's exact test. low, high:
    95 % interval of Bonett and Price (2012).
    """

    split: str
    group: str
    attack: str
    count: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p_value: float

    def as_row(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


ReadEvaluation = tuple[list[SampleRecords], dict[str, Any]]
"""An evaluation's samples by split, and its description, as `read_samples` returns them."""


def require_comparable(first: ReadEvaluation, second: ReadEvaluation) -> None:
    """Raise FingerprintMismatch if the datasets differ, InvalidInput if the epsilons or the attacks' seeds do."""
    for name, mismatch in (("fingerprint", "datasets"), ("epsilon", "epsilons"), ("seed", "seeds")):
        if first[1].get(name) != second[1].get(name):
            kind = FingerprintMismatch if name == "fingerprint" else InvalidInput
            raise kind(
                f"The evaluations have different {mismatch} ({first[1].get(name)} and {second[1].get(name)}); "
                "evaluate both in the same way."
            )


def compare(first: ReadEvaluation, second: ReadEvaluation) -> list[PairedDifference]:
    """Compare each group under each attack that both evaluations have; `first`'s groups take precedence.

    The worst over attacks is compared only if both used the same attacks.

    Raises FingerprintMismatch if their datasets differ, InvalidInput if their threat models or seeds differ or they
    have nothing in common.
    """
    require_comparable(first, second)
    others = {samples.split: samples for samples in second[0]}
    found: list[PairedDifference] = []
    for samples in first[0]:
        if (other := others.get(samples.split)) is None:
            continue
        if len(samples) != len(other):
            raise InvalidInput(
                f"The evaluations have {len(samples):,} and {len(other):,} {samples.split} samples; "
                "evaluate both on the same ones."
            )
        groups = other.groups() | samples.groups()
        alike = set(samples.attacks) == set(other.attacks)
        shared = [one for one in samples.attacks if one in other.attacks and (alike or one != WORST)]
        for group in sorted(groups, key=GROUPS.index):
            for attack in shared:
                name = f"{CORRECT}{attack}"
                tried = groups[group] & ~samples[name].mask & ~other[name].mask
                if tried.any():
                    pair = samples[name].data[tried], other[name].data[tried]
                    found.append(_difference(samples.split, group, attack, *pair))
    if not found:
        raise InvalidInput("The evaluations have no split and attack in common; evaluate both in the same way.")
    return found


def exact_mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test: under the null, discordant pairs are fair coin flips."""
    from scipy.stats import binomtest

    discordant = only_first + only_second
    return float(binomtest(only_first, discordant).pvalue) if discordant else 1.0


def paired_interval(only_first: int, only_second: int, count: int) -> tuple[float, float]:
    """95 % interval of second minus first: Bonett and Price (2012), Wald's after adding one pair to each side."""
    up, down = (only_second + 1) / (count + 2), (only_first + 1) / (count + 2)
    half = Z_95 * sqrt((up + down - (up - down) ** 2) / (count + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)


def _difference(split: str, group: str, attack: str, first: np.ndarray, second: np.ndarray) -> PairedDifference:
    only_first, only_second, count = int((first & ~second).sum()), int((second & ~first).sum()), len(first)
    low, high = paired_interval(only_first, only_second, count)
    return PairedDifference(
        split,
        group,
        attack,
        count,
        float(first.mean()),
        float(second.mean()),
        (only_second - only_first) / count,
        low,
        high,
        only_first,
        only_second,
        exact_mcnemar(only_first, only_second),
    )
