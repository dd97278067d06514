"""Scores of training and test samples."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, StrictInt

from memscore.messages.message import Message

MOST_INDICES = 100_000  # per look-up
SetName = Literal["typical", "atypical"]
SetFilter = Literal["typical", "atypical", "undecided"]
"""undecided: the 95 % interval contains the threshold of atypical samples."""


class SampleScore(Message):
    """The scores of one training sample. Undefined values (a side without trials) are null."""

    index: int
    name: str | None = Field(default=None, description="its id or the name of its file; missing if it has none")
    label: int
    mem: float | None
    se: float | None
    interval: Annotated[tuple[float | None, ...], Field(min_length=2, max_length=2)]
    p_in: float | None
    p_out: float | None
    n_in: int
    n_out: int
    set: SetName | None = Field(description="at the paper's thresholds; null in between")
    mem_margin: float | None = Field(default=None, description="mem by margins; missing if no trial recorded them")
    se_margin: float | None = Field(default=None, description="the standard error of mem_margin")
    margin_interval: Annotated[tuple[float | None, ...], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="the 95 % interval of mem_margin"
    )
    risk: float | None = Field(
        default=None, description="chance that an attacker of 0.1 % false alarms tells that a model trained on it"
    )
    se_risk: float | None = Field(default=None, description="the standard error of risk")


class Score(SampleScore):
    """One training sample, with the table its scores come from."""

    study: str
    trials: int
    digest: str


class Scores(Message):
    """A page of training samples in the requested order; `next` is the cursor of the next page, null on the last."""

    study: str
    trials: int
    digest: str
    matching: int = Field(description="samples that match the filters, on all pages")
    scores: list[SampleScore]
    next: str | None


class LookupRequest(Message):
    """Training samples to look up together, by their indices in the dataset, in any order."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    indices: list[StrictInt] = Field(max_length=MOST_INDICES, examples=[[17, 4, 123]])


class ScoreColumns(Message):
    """Training samples as columns, in the order of the requested indices. Undefined values are null."""

    study: str
    trials: int
    digest: str
    index: list[int]
    label: list[int]
    mem: list[float | None]
    se: list[float | None]
    mem_low: list[float | None]
    mem_high: list[float | None]
    p_in: list[float | None]
    p_out: list[float | None]
    n_in: list[int]
    n_out: list[int]
    mem_margin: list[float | None] | None = Field(default=None, description="missing if no trial recorded margins")
    se_margin: list[float | None] | None = None
    mem_margin_low: list[float | None] | None = None
    mem_margin_high: list[float | None] | None = None
    risk: list[float | None] | None = None
    se_risk: list[float | None] | None = None


class TestScore(Message):
    """One test sample. Undefined values are null."""

    study: str
    index: int
    name: str | None = Field(default=None, description="its id or the name of its file; missing if it has none")
    label: int
    p: float | None = Field(description="share of trials that classify it correctly; null for imported scores")
    p_full: float | None = Field(description="the same for the full trials; null if there are none")
    infl_max: float | None = Field(description="largest same-class influence on it")
    infl_index: int | None = Field(description="index of the training sample with this influence")
    set: SetName | None = Field(description="at the paper's thresholds; null in between")
    trials: int
    digest: str


class Histogram(Message):
    """The distribution of one column: `edges` has one value more than `counts`."""

    study: str
    trials: int
    digest: str
    column: str
    edges: list[float]
    counts: list[int]
    undefined: int = Field(description="samples with an undefined value, which are in no bin")


CountedColumn = Literal["mem", "se", "p_in", "p_out", "mem_margin", "se_margin", "risk"]
"""A column whose values are counted beside those of another."""


class ColumnDensity(Message):
    """How many samples have which values of two columns: `counts[i][j]` lie in bin i of x and bin j of y."""

    study: str
    trials: int
    digest: str
    x: str
    y: str
    x_edges: list[float]
    y_edges: list[float]
    counts: list[list[int]]
    undefined: int = Field(description="samples that lack one of the values, which are in no bin")


class Suspect(SampleScore):
    """A training sample whose label may be wrong. Undefined values are null."""

    label_error: float | None = Field(description="probability that the label is wrong; null without predictions")
    suggested: int | None = Field(description="the class other than the label that most held-out trials predict")
    share: float | None = Field(description="the share of the held-out trials that predict it")
    margin_out: float | None = Field(description="mean held-out margin of the label")
    suspected: bool | None = Field(
        default=None, description="whether it is among those that look mislabelled; null without predictions"
    )


class Confused(Message):
    """Suspected samples with this label that held-out trials assign to the predicted class."""

    given: int
    predicted: int
    count: int


class Suspects(Message):
    """Training samples whose labels may be wrong, the likeliest first; `next` is always null: use the offset.

    The first `suspected` samples of all classes look mislabelled: of them, a share of `precision` is expected to be.
    """

    study: str
    trials: int
    digest: str
    matching: int = Field(description="samples that match the filters, on all pages")
    scores: list[Suspect]
    next: str | None
    note: str = Field(description="how to interpret the list")
    suspected: int | None = Field(description="samples that look mislabelled; null if trials recorded no predictions")
    precision: float | None = Field(description="the expected share of wrong labels among these")
    cutoff: float | None = Field(description="the lowest label_error of a suspected sample")
    expected: float | None = Field(description="the expected number of wrong labels in the dataset")
    confusion: list[Confused] = Field(description="suspected samples by label and predicted class, most frequent first")


class Estimate(Message):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


class Privacy(Message):
    """How well an attacker tells which samples a model was trained on, over all samples of the attacked models."""

    targets: int = Field(description="attacked models, each left out of what the attacker learns from")
    tpr_at_0_001: Estimate = Field(description="true-positive rate at a false-positive rate of 0.1 %")
    tpr_at_0_01: Estimate = Field(description="true-positive rate at a false-positive rate of 1 %")
    auc: Estimate = Field(description="area under the curve of both rates; 0.5 is chance")


class Risks(Scores):
    """Training samples by privacy risk, the highest first; `next` is always null: use the offset."""

    privacy: Privacy | None = Field(description="of whole models; null if no trial recorded margins, or too few did")
    note: str = Field(description="which attacker is meant")


class SetsMessage(Message):
    """Typical and atypical sets: sizes and indices in dataset order."""

    study: str
    digest: str
    thresholds: dict[str, float]
    rule: Literal["posterior", "raw"] = Field(
        default="raw", description="how atypical test samples were chosen: by probability, or by the estimate of infl"
    )
    expected_false: float | None = Field(
        default=None, description="atypical test samples that are expected not to be; null without posteriors"
    )
    typical_false: float | None = Field(
        default=None,
        description="typical test samples that an atypical training sample is expected to influence above `typical`; "
        "null without margins, and at other than the default thresholds",
    )
    sure: dict[str, int] | None = Field(
        default=None,
        description="of each training set, the samples whose 95 % interval lies wholly on their side of `atypical`",
    )
    by_chance: float | None = Field(
        default=None, description="test samples that `raw` names if no training sample influences any; null if unknown"
    )
    counts: dict[str, int]
    indices: dict[str, list[int]]
    warnings: list[str] = Field(default=[])
