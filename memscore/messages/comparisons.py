"""Comparisons of two studies of the same dataset, or of two datasets that share training samples."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from memscore.messages.message import Message

Ends = Annotated[tuple[float, ...], Field(min_length=2, max_length=2)]
"""Both ends of an interval."""


class Side(Message):
    """A sample's mem in one of two studies."""

    mem: float
    interval: Annotated[tuple[float | None, ...], Field(min_length=2, max_length=2)]


class Disagreement(Message):
    """A training sample in two studies."""

    index: int
    label: int
    a: Side
    b: Side
    difference: float = Field(description="mem in a minus mem in b")
    index_b: int | None = Field(default=None, description="its index in b's dataset, if that is another one")
    label_b: int | None = Field(default=None, description="its label in b's dataset, if that is another one")


class Density(Message):
    """Two-dimensional histogram of mem in two studies: `counts[i][j]` is the number in bin i of a and bin j of b."""

    edges: list[float]
    counts: list[list[int]]


class Agreement(Message):
    """How well two score tables agree; docs/exchange.md explains each number."""

    samples: int
    pearson: float | None
    spearman: float | None
    reliability_a: float | None
    reliability_b: float | None
    corrected: float | None = Field(description="pearson, corrected for estimation errors")
    mean_difference: float
    a_outside_b: float | None
    b_outside_a: float | None
    threshold: float
    both: int
    only_a: int
    only_b: int
    neither: int
    jaccard: float | None
    kappa: float | None
    pearson_interval: Ends | None = Field(default=None, description="95 % interval over samples, as those below")
    spearman_interval: Ends | None = None
    corrected_interval: Ends | None = None
    mean_difference_interval: Ends | None = None
    jaccard_interval: Ends | None = None
    kappa_interval: Ends | None = None
    notes: list[str]


class ComparisonMessage(Message):
    """A comparison of two studies. If their datasets differ, of the training samples in both, by their index in a's."""

    a: str
    b: str
    digest_a: str
    digest_b: str
    shared: int | None = Field(default=None, description="training samples in both datasets, if these differ")
    relabelled: int | None = Field(default=None, description="of these, samples with another label in b's dataset")
    agreement: Agreement
    density: Density
    disagreements: list[Disagreement] = Field(description="largest differences first")
