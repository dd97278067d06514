"""The table of an evaluation: accuracies of each group of samples with 95 % intervals."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from math import hypot
from typing import Any

import numpy as np

from memscore.arrays import Bools
from memscore.runs.sample_records import CORRECT, WORST, Column, Columns, SampleRecords
from memscore.statistics.estimates import wilson
from trainer.attacks.registry import AUTOATTACK


@dataclass(frozen=True)
class Accuracy:
    """The share of correct samples among `count` evaluated ones, with its 95 % interval; None if count is 0."""

    count: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, correct: int, count: int) -> Accuracy:
        """Compute the share from counts, with Wilson's interval."""
        if not count:
            return cls(0, None, None, None)
        low, high = wilson(np.array([correct]), np.array([count]))
        return cls(count, correct / count, float(low[0]), float(high[0]))

    @classmethod
    def product(cls, whole: Accuracy, part: Accuracy) -> Accuracy:
        """The product of the shares of `whole` and of a `part` of it; their intervals combine in quadrature."""
        if whole.share is None or part.share is None:
            return cls(whole.count, None, None, None)
        (a, a_low, a_high), (b, b_low, b_high) = whole.known(), part.known()
        below, above = hypot(b * (a - a_low), a * (b - b_low)), hypot(b * (a_high - a), a * (b_high - b))
        return cls(whole.count, a * b, max(0.0, a * b - below), min(1.0, a * b + above))

    def known(self) -> tuple[float, float, float]:
        """Share, low and high, which must not be None."""
        assert self.share is not None
        assert self.low is not None
        assert self.high is not None
        return self.share, self.low, self.high

    def __str__(self) -> str:
        if self.share is None:
            return "-"
        share, low, high = (100 * value for value in self.known())
        return f"{share:.1f}\n{low:.1f}-{high:.1f}"


@dataclass(frozen=True)
class Row:
    """One group of one split.

    accuracy: by attack, with "clean" and "worst". cosine: mean cosine of the representations of different classes;
    cosine_distance: 1 minus that. poisoned: misclassified under PGD and atypical; poisoning_score: mean over those.
    """

    split: str
    group: str
    count: int
    accuracy: dict[str, Accuracy]
    cosine: float | None
    cosine_distance: float | None
    poisoned: int | None
    poisoning_score: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Row:
        """Restore a row from `as_json`."""
        return cls(**{**row, "accuracy": {name: Accuracy(**one) for name, one in row["accuracy"].items()}})

    def flat(self) -> dict[str, Any]:
        """One value for each column, for CSV."""
        cells: dict[str, Any] = {"split": self.split, "group": self.group, "count": self.count}
        for name, accuracy in self.accuracy.items():
            cells |= {name: accuracy.share, f"{name}_low": accuracy.low, f"{name}_high": accuracy.high}
            cells[f"{name}_count"] = accuracy.count
        rest = ("cosine", "cosine_distance", "poisoned", "poisoning_score")
        return cells | {name: getattr(self, name) for name in rest}


def rows_of(samples: SampleRecords, cosines: dict[str, float | None]) -> list[Row]:
    """The rows of a split: all samples, and the typical and atypical ones where they are known."""
    return [_row(samples, name, mask, cosines.get(name)) for name, mask in samples.groups().items()]


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Rows with the same columns as CSV with a header; unknown values are empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def header(rows: list[Row]) -> tuple[str, ...]:
    """Column names of `cells`."""
    return ("samples", "count", *rows[0].accuracy, "cosine distance")


def cells(row: Row) -> tuple[str, ...]:
    """A row to print: per cent above the 95 % interval, with the number of samples if not all were evaluated."""
    shares = [
        f"{accuracy}" if accuracy.count == row.count else f"{accuracy}\nof {accuracy.count}"
        for accuracy in row.accuracy.values()
    ]
    distance = "-" if row.cosine_distance is None else f"{row.cosine_distance:.3f}"
    return (f"{row.split} {row.group}", str(row.count), *shares, distance)


def _accuracy(column: Column) -> Accuracy:
    return Accuracy.of(int(column.filled(False).sum()), int(column.count()))


def _worst(tried: Columns) -> Accuracy:
    """All attacks together; if AutoAttack ran on a part, estimated from the survivors of all others there.

    The other attacks' share is known on all samples, so the estimate never exceeds that of an attack that ran on all.
    """
    if tried[WORST].count() == len(tried[WORST]):
        return _accuracy(tried[WORST])
    others = np.logical_and.reduce([column.data for name, column in tried.items() if name not in (AUTOATTACK, WORST)])
    if not others.any():
        return Accuracy.of(0, len(others))
    return Accuracy.product(Accuracy.of(int(others.sum()), len(others)), _accuracy(tried[AUTOATTACK][others]))


def _row(samples: SampleRecords, group: str, mask: Bools, cosine: float | None) -> Row:
    tried = {attack: samples[f"{CORRECT}{attack}"][mask] for attack in samples.attacks}
    accuracy = {attack: _accuracy(column) for attack, column in tried.items()}
    if AUTOATTACK in tried:
        accuracy[WORST] = _worst(tried)
    poisoned = samples["poisoned"][mask]
    scores = samples["poisoning_score"][mask][poisoned.filled(False)]
    return Row(
        samples.split,
        group,
        int(mask.sum()),
        accuracy,
        cosine,
        None if cosine is None else 1 - cosine,
        int(poisoned.filled(False).sum()) if poisoned.count() else None,
        float(scores.mean()) if scores.count() else None,
    )
