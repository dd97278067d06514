"""What several reviewers decide together: labels that change, and samples that are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from memscore.messages.reviews import Decision, ReviewFilter, Verdict
from memscore.scores.selection import Picked


@dataclass(frozen=True)
class Opinion:
    """One reviewer's verdict on a training sample; `label` is the right class of a wrong label, if there is one."""

    index: int
    verdict: Verdict
    label: int | None = None


@dataclass(frozen=True)
class Decided:
    """What all opinions on a training sample come to; `label` is the new one if it is to change."""

    decision: Decision
    label: int | None = None


def decided(opinions: Iterable[Opinion]) -> dict[int, Decided]:
    """The decision on each sample that has opinions, by ascending index.

    Those who are unsure do not count where others are not. All others must agree, on the right class too; otherwise the
    sample is disputed, and stays as it is.
    """
    of_sample: dict[int, list[Opinion]] = {}
    for one in opinions:
        of_sample.setdefault(one.index, []).append(one)
    return {index: _of_one(of_sample[index]) for index in sorted(of_sample)}


def chosen(decisions: Mapping[int, Decided], wanted: ReviewFilter) -> Picked:
    """The samples that a filter lets pass."""
    if wanted == "none":
        return Picked(tuple(decisions), others=True)
    return Picked(tuple(index for index, one in decisions.items() if wanted in ("any", one.decision)))


def changes(decisions: Mapping[int, Decided]) -> dict[int, int | None]:
    """The new label of each training sample that changes; None: it is left out."""
    return {index: one.label for index, one in decisions.items() if one.decision in ("relabel", "leave_out")}


def _of_one(opinions: list[Opinion]) -> Decided:
    sure = [one for one in opinions if one.verdict != "unsure"]
    if not sure:
        return Decided("unsure")
    if len({(one.verdict, one.label) for one in sure}) > 1:
        return Decided("disputed")
    if sure[0].verdict == "fine":
        return Decided("fine")
    return Decided("leave_out") if sure[0].label is None else Decided("relabel", sure[0].label)
