"""Influence between training and test samples."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from memscore.messages.message import Message
from memscore.messages.scores import Score


class Influence(Message):
    """The influence between a training sample and a test sample."""

    train_index: int
    test_index: int
    infl: float
    se: float | None
    q_value: float | None
    q_weighted: float | None = Field(default=None, description="q-value with similar pairs weighted more")
    p_strong: float | None = Field(default=None, description="probability that infl is above `strong`")


class Pair(Message):
    """One (train, test) pair."""

    train_index: int
    test_index: int
    infl: float
    se: float | None
    q_value: float | None
    mem: float | None
    q_weighted: float | None = Field(
        default=None, description="q-value with similar pairs weighted more, from margins where there are any"
    )
    p_strong: float | None = Field(default=None, description="probability that infl is above `strong`")
    infl_mean: float | None = Field(default=None, description="posterior mean of infl")
    infl_soft: float | None = Field(default=None, description="infl estimated from margins and bits")
    se_soft: float | None = None


class Pairs(Message):
    """Pairs by descending infl, harmful ones by ascending infl, on request those that hold first.

    `next` is the next page's cursor, null on the last.
    """

    study: str
    digest: str
    floor: float = Field(
        description="infl from which all pairs are kept, weaker ones only if they hold; largest infl, if harmful "
        "pairs were asked for"
    )
    scope: str | None = Field(default=None, description="of harmful pairs: `all`, pairs of any two classes")
    strong: float | None = Field(default=None, description="the infl that p_strong is about; null without posteriors")
    found: int | None = Field(default=None, description="pairs of the same class with q_weighted of at most 0.05")
    expected: float | None = Field(default=None, description="expected pairs with infl above `strong`: sum of p_strong")
    matching: int = Field(default=0, description="pairs that pass the filters other than `holding`")
    holding: int | None = Field(
        default=None, description="of these, pairs that hold at a false-discovery rate of 5 %; null for imported pairs"
    )
    pairs: list[Pair]
    next: str | None


class Duplicate(Message):
    """A training sample and its copy `other`, a later training sample or a test sample."""

    index: int
    name: str | None = Field(default=None, description="id or file name, if the sample has one")
    label: int
    split: Literal["train", "test"] = Field(description="the part that the copy is in")
    other: int = Field(description="the copy's place in its part")
    other_name: str | None = None
    other_label: int
    kind: Literal["equal", "near", "mirrored"]
    correlation: float = Field(description="of the pixels; of features a and b, 2ab / (aa + bb)")
    mem: float | None = Field(description="of the training sample")
    infl: float | None = Field(description="on the test sample, as far as the pairs table has it")


class Duplicates(Message):
    """Copies of training samples: test samples first, then training samples, each by the training sample."""

    study: str
    trials: int
    digest: str
    matching: int = Field(description="copies in all")
    copies: list[Duplicate]
    note: str = Field(description="what is found so, and what is not")


class InfluencedTest(Influence):
    """A test sample that the explained sample influences, with its other influences."""

    others: list[Influence] = Field(description="strongest influences of other training samples on it")


class Rival(Message):
    """A training sample that influences the same test samples as the explained one."""

    index: int
    label: int
    shared: int = Field(description="test samples that both influence")
    overlap: float = Field(description="the smaller of the two influences, summed over the shared test samples")
    mem: float | None


class Explanation(Message):
    """An explanation of a training sample's score: its evidence in numbers, its influences, and its rivals."""

    score: Score
    class_name: str
    rank: int | None = Field(description="1 is the most memorized sample; null if mem is undefined")
    rank_in_class: int | None
    samples: int
    samples_in_class: int
    position: int = Field(description="offset in the list of scores sorted by -mem, starting at 0")
    sentence: str = Field(description="the explanation in words")
    influences: list[InfluencedTest] = Field(description="on test samples, those that hold first, then strongest first")
    influenced: int = Field(default=0, description="test samples in all that it influences by `floor` or more")
    holding: int | None = Field(
        default=None, description="influences that hold at a false-discovery rate of 5 %; null for imported pairs"
    )
    rivals: list[Rival] = Field(description="nearest first; empty if it shares no influenced test sample")
    suggested: int | None = Field(default=None, description="class other than the label that most held-out trials say")
    share: float | None = Field(default=None, description="share of held-out trials that say `suggested`")
    label_error: float | None = Field(default=None, description="probability that the label is wrong")
    suspected: bool | None = Field(default=None, description="whether it is among the suspected label errors")
    floor: float = Field(description="smallest infl that is kept")
    strong: float | None = Field(default=None, description="the infl that p_strong is about; null without posteriors")
