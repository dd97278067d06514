"""The typical and atypical sets at the paper's thresholds: counts, and example images of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memscore.arrays import Indices
from memscore.report.cards import Album, Card
from memscore.scores.sets import Sets, sure

EXAMPLES = 8


@dataclass(frozen=True)
class SetPart:
    """One of the four sets: its rule, the number of members and of all samples, and examples.

    settled: members of a training set whose whole interval is on their side of the atypical threshold, as the command
    `sets` counts them; None if there are no intervals. known: False if the scores do not determine the set. worth: what
    the number of members is worth.
    """

    key: str
    name: str
    rule: str
    count: int
    of: int
    examples: list[Card]
    settled: int | None = None
    known: bool = True
    worth: tuple[str, ...] = ()


def four_sets(album: Album, sets: Sets) -> list[SetPart]:
    """The sets, atypical before typical. Examples are spread evenly over the set, in dataset order."""
    limits, settled = sets.thresholds, sure(album.scores, sets) or {}
    train, test = len(album.scores), album.scores.test_samples
    image = "image" if album.dataset.kind == "images" else "sample"

    def examples(mask: npt.NDArray[np.bool_], split: str) -> list[Card]:
        chosen = _spread(np.flatnonzero(mask))
        return album.trains(chosen) if split == "train" else [album.test(int(index)) for index in chosen]

    return [
        SetPart(
            "train-atypical",
            "Training, atypical",
            f"mem above {limits.atypical:g}",
            int(sets.train_atypical.sum()),
            train,
            examples(sets.train_atypical, "train"),
            settled.get("train_atypical"),
        ),
        SetPart(
            "train-typical",
            "Training, typical",
            f"mem below {limits.typical:g}",
            int(sets.train_typical.sum()),
            train,
            examples(sets.train_typical, "train"),
            settled.get("train_typical"),
        ),
        SetPart(
            "test-atypical",
            "Test, atypical",
            _rule(sets, image),
            int(sets.test_atypical.sum()),
            test,
            examples(sets.test_atypical, "test"),
            worth=_worth(sets),
        ),
        SetPart(
            "test-typical",
            "Test, typical",
            f"no influence above {limits.typical:g} from an atypical training {image}, and classified correctly by at "
            f"least {100 * limits.test_accuracy:g} % of the models",
            int(sets.test_typical.sum()),
            test,
            examples(sets.test_typical, "test"),
            known=bool(np.isfinite(album.scores["test_p"]).any()) or not test,
            worth=_worth_of_typical(sets),
        ),
    ]


def _rule(sets: Sets, image: str) -> str:
    influence = f"influence above {sets.thresholds.atypical:g} from an atypical training {image}"
    if sets.rule == "posterior":
        return f"{influence}, with a probability above 1/2 (rule posterior)"
    return f"estimated {influence} (rule raw)"


def _worth(sets: Sets) -> tuple[str, ...]:
    sentences: list[str] = []
    if sets.expected_false is not None:
        sentences.append(f"Expected not to be atypical: {sets.expected_false:,.1f} of them")
    if sets.by_chance is not None:
        sentences.append(f"By chance alone, the estimates (rule raw) would name {sets.by_chance:,.1f}")
    return tuple(sentences)


def _worth_of_typical(sets: Sets) -> tuple[str, ...]:
    if sets.typical_false is None:
        return ()
    return (f"Expected to be influenced by an atypical training image all the same: {sets.typical_false:,.1f} of them",)


def _spread(members: Indices) -> Indices:
    if len(members) <= EXAMPLES:
        return members
    return members[np.linspace(0, len(members) - 1, EXAMPLES).astype(np.int64)]
