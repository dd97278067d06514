"""Compare two methods by several seeds of each: pairs of networks, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memscore.errors import InvalidInput
from memscore.runs.mcnemar import ReadEvaluation, require_comparable
from memscore.runs.sample_records import CORRECT, GROUPS, WORST, SampleRecords
from trainer.interval import difference


@dataclass(frozen=True)
class MethodDifference:
    """Accuracy of a second method minus that of a first, on the `count` samples that all networks were evaluated on.

    first, second: means over seeds. low, high: 95 % interval over seeds and samples; with one seed it covers only the
    samples. deviation: standard deviation of the difference over seeds, None for one.
    """

    split: str
    group: str
    attack: str
    count: int
    seeds: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    deviation: float | None

    @property
    def decided(self) -> bool:
        """Whether several seeds tell the methods apart."""
        return self.seeds > 1 and (self.low > 0 or self.high < 0)

    def as_row(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def compare_seeds(pairs: Sequence[tuple[ReadEvaluation, ReadEvaluation]]) -> list[MethodDifference]:
    """Compare methods by pairs of evaluations, one pair for each seed, in each group under each shared attack.

    The worst over attacks is compared only if all used the same attacks. Raises FingerprintMismatch if datasets differ,
    InvalidInput if threat models or the seeds of attacks differ, or the evaluations have nothing in common.
    """
    every = [one for pair in pairs for one in pair]
    for one in every[1:]:
        require_comparable(every[0], one)
    found: list[MethodDifference] = []
    for samples in every[0][0]:
        alike = [_of_split(one, samples.split) for one in every]
        if any(one is None for one in alike):
            continue
        found += _of_records([one for one in alike if one is not None])
    if not found:
        raise InvalidInput("The evaluations have no split and attack in common; evaluate all in the same way.")
    return found


def _of_records(records: Sequence[SampleRecords]) -> list[MethodDifference]:
    """The differences of one split, from first and second methods in turn."""
    groups = records[1].groups() | records[0].groups()
    same = len({frozenset(one.attacks) for one in records}) == 1
    shared = [
        attack
        for attack in records[0].attacks
        if all(attack in one.attacks for one in records) and (same or attack != WORST)
    ]
    found: list[MethodDifference] = []
    for group in sorted(groups, key=GROUPS.index):
        for attack in shared:
            columns = [one[f"{CORRECT}{attack}"] for one in records]
            tried = groups[group] & ~np.logical_or.reduce([np.ma.getmaskarray(one) for one in columns])
            if tried.any():
                right = np.stack([one.data[tried] for one in columns])
                found.append(_difference(records[0].split, group, attack, right[::2], right[1::2]))
    return found


def _difference(split: str, group: str, attack: str, first: np.ndarray, second: np.ndarray) -> MethodDifference:
    one = difference(first, second)
    deviation = None if one.seeds < 2 else one.deviation
    means = float(first.mean()), float(second.mean())
    return MethodDifference(
        split, group, attack, first.shape[1], one.seeds, *means, one.value, one.low, one.high, deviation
    )


def _of_split(evaluated: ReadEvaluation, split: str) -> SampleRecords | None:
    return next((one for one in evaluated[0] if one.split == split), None)
