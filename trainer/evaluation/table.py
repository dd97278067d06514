"""The table of an evaluation: accuracies of each group of samples with 95 % intervals."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from memscore.bits import Bools
from memscore.statistics import wilson
from trainer.evaluation.samples import CORRECT, Samples


@dataclass(frozen=True)
class Accuracy:
    """A share of correct samples with Wilson's 95 % interval; None where no sample of the group was tried."""

    correct: int
    count: int
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, correct: int, count: int) -> Accuracy:
        """From counts."""
        if not count:
            return cls(0, 0, None, None, None)
        low, high = wilson(np.array([correct]), np.array([count]))
        return cls(correct, count, correct / count, float(low[0]), float(high[0]))

    def __str__(self) -> str:
        if self.share is None or self.low is None or self.high is None:
            return "-"
        return f"{100 * self.share:.1f}\n{100 * self.low:.1f}-{100 * self.high:.1f}"


@dataclass(frozen=True)
class Row:
    """One group of one split.

    accuracy: by what the samples were tried under. cosine: mean cosine of the representations of different classes,
    cosine_distance is 1 less it. poisoned: misclassified under PGD and atypical; poisoning_score: the mean over them.
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
        """Back from `as_json`."""
        return cls(**{**row, "accuracy": {name: Accuracy(**one) for name, one in row["accuracy"].items()}})

    def flat(self) -> dict[str, Any]:
        """One value a column, for CSV."""
        cells: dict[str, Any] = {"split": self.split, "group": self.group, "count": self.count}
        for name, accuracy in self.accuracy.items():
            cells |= {name: accuracy.share, f"{name}_low": accuracy.low, f"{name}_high": accuracy.high}
            cells[f"{name}_count"] = accuracy.count
        rest = ("cosine", "cosine_distance", "poisoned", "poisoning_score")
        return cells | {name: getattr(self, name) for name in rest}


def rows_of(samples: Samples, cosines: dict[str, float | None]) -> list[Row]:
    """The rows of a split: all samples, and the typical and atypical ones where they are known."""
    return [_row(samples, name, mask, cosines.get(name)) for name, mask in samples.groups().items()]


def to_csv(rows: list[dict[str, Any]]) -> str:
    """Rows of the same columns, with a header; nothing stands for what is not known."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def header(rows: list[Row]) -> tuple[str, ...]:
    """Column names of `cells`."""
    return ("samples", "count", *rows[0].accuracy, "cosine distance")


def cells(row: Row) -> tuple[str, ...]:
    """A row for people: per cent over their 95 % interval, and of how many samples where it is not all of them."""
    shares = [
        f"{accuracy}" if accuracy.count == row.count else f"{accuracy}\nof {accuracy.count}"
        for accuracy in row.accuracy.values()
    ]
    distance = "-" if row.cosine_distance is None else f"{row.cosine_distance:.3f}"
    return (f"{row.split} {row.group}", str(row.count), *shares, distance)


def _row(samples: Samples, group: str, mask: Bools, cosine: float | None) -> Row:
    accuracy = {}
    for attack in samples.attacks:
        tried = samples[f"{CORRECT}{attack}"][mask]
        accuracy[attack] = Accuracy.of(int(tried.filled(False).sum()), int(tried.count()))
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
