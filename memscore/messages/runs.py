"""Training runs, sweeps and reproduced items, as their folders describe them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from memscore.messages.message import Message

LARGEST = 2**53
"""Whole numbers up to here are the same in JSON everywhere."""

RunState = Literal["finished", "unfinished", "damaged"]


class RunAccuracy(Message):
    """The share of `count` samples that a network classifies correctly, with its 95 % interval over samples."""

    count: int = Field(ge=0, le=LARGEST)
    share: float | None
    low: float | None
    high: float | None


class EvaluationRow(Message):
    """The accuracies of a network on one group of samples."""

    split: str = Field(description="train or test")
    group: str = Field(description="all, typical or atypical")
    count: int = Field(ge=0, le=LARGEST, description="samples of the group")
    accuracy: dict[str, RunAccuracy] = Field(description="by attack; clean: without one, worst: under all of them")
    cosine_distance: float | None = Field(default=None, description="mean of the representations of different classes")
    poisoned: int | None = Field(default=None, description="poisoning atypical samples")


class RunFinding(Message):
    """A check of an evaluation. Amber: worth a look; red: do not trust the accuracies."""

    check: str
    level: Literal["green", "amber", "red"]
    found: str
    meaning: str


class Selection(Message):
    """How a checkpoint was selected: its accuracy on `samples` samples, with the 95 % interval of one network."""

    by: str
    on: str | None = None
    value: float | None = None
    samples: int | None = Field(default=None, ge=0, le=LARGEST)
    low: float | None = None
    high: float | None = None


class CheckpointEvaluation(Message):
    """The evaluation of one of a run's networks."""

    name: str
    epoch: int | None = Field(default=None, ge=0, le=LARGEST)
    selected: Selection | None = None
    epsilon: float | None = None
    attacked: bool = Field(default=False, description="whether it is a further evaluation, under stronger attacks")
    rows: list[EvaluationRow]
    findings: list[RunFinding] = Field(default=[])
    notes: list[str] = Field(default=[])


class RunDifference(Message):
    """Accuracy of a run minus that of another, on the `count` samples that both were evaluated on.

    The interval is that of Bonett and Price for two networks on other samples of the kind, not for other seeds; p_value
    is McNemar's, exact.
    """

    split: str
    group: str
    attack: str
    count: int = Field(ge=0, le=LARGEST)
    first: float
    second: float
    difference: float
    low: float
    high: float
    only_first: int = Field(ge=0, le=LARGEST, description="samples that only the reference has right")
    only_second: int = Field(ge=0, le=LARGEST, description="samples that only this run has right")
    p_value: float


class RunDifferences(Message):
    """The last network of a run against that of a reference, sample by sample."""

    reference: str
    run: str
    differences: list[RunDifference]


class RunEpoch(Message):
    """An epoch of training: means of the loss and of the method's own numbers, and accuracies for selection."""

    epoch: int = Field(ge=0, le=LARGEST)
    learning_rate: float | None
    loss: float | None
    measures: dict[str, float | None] = Field(description="numbers of the method, such as the mean weight of BAT")
    accuracy: dict[str, dict[str, dict[str, float | None]]] = Field(
        description="by network (`network`, or `averaged` weights) and split: clean and adversarial"
    )
    seconds: float | None = Field(description="time of training up to here")


class GroupPoint(Message):
    """A network kept along the way: accuracies by group of samples after an epoch."""

    epoch: int = Field(ge=0, le=LARGEST)
    network: str = Field(description="`network`, or `averaged` weights")
    rows: list[EvaluationRow]


class RunSummary(Message):
    """A training run. Everything but path, state and updated is null or empty where its files do not say it."""

    path: str = Field(description="its folder, from the name of the service's folder of runs on")
    state: RunState
    method: str | None = None
    options: dict[str, Any] = Field(default={}, description="options of the method")
    network: str | None = None
    dataset: str | None = None
    scores: str | None = Field(default=None, description="digest of the scores")
    seed: int | None = Field(default=None, ge=0, le=2**63)
    epochs: int | None = Field(default=None, ge=0, le=LARGEST, description="epochs asked for")
    epoch: int = Field(default=0, ge=0, le=LARGEST, description="epochs completed")
    seconds: float | None = Field(default=None, description="time of training so far")
    selection: dict[str, float | None] = Field(
        default={}, description="clean and adversarial accuracy after the last epoch, on the first split for selection"
    )
    selection_split: str | None = Field(default=None, description="validation or test")
    curve: list[float | None] = Field(
        default=[], description="that adversarial accuracy over epochs, at 61 of them at most"
    )
    test: list[EvaluationRow] = Field(default=[], description="the last network on test samples, by group")
    alarms: int = Field(default=0, description="red findings of its evaluations")
    sweep: str | None = Field(default=None, description="the sweep that it belongs to")
    updated: datetime = Field(description="when its files last changed")
    problem: str | None = Field(default=None, description="what of its files cannot be read")


class SweepSummary(Message):
    """A folder of a sweep."""

    path: str
    runs: int = Field(description="runs found in it")
    finished: int
    compared: bool = Field(description="whether it has a comparison")


class ReproductionSummary(Message):
    """A folder of reproduced figures and tables of the paper."""

    path: str
    items: int


class Runs(Message):
    """A page of the runs, those that changed last first, with all sweeps and reproductions."""

    folder: str | None = Field(description="name of the service's folder of runs; null: it has none")
    matching: int = Field(description="runs found")
    runs: list[RunSummary]
    sweeps: list[SweepSummary]
    reproductions: list[ReproductionSummary]
    note: str | None = Field(default=None, description="what was left out")


class RunDetail(RunSummary):
    """A training run with its course and its evaluations."""

    config: dict[str, Any]
    environment: dict[str, Any] = Field(default={}, description="versions and device of its first attempt")
    events: list[str] = Field(default=[], description="what a reader of its results should know")
    course: list[RunEpoch] = Field(default=[])
    groups: list[GroupPoint] = Field(default=[], description="of the networks kept along the way, by epoch")
    checkpoints: list[CheckpointEvaluation] = Field(default=[], description="of the kept networks, the last first")


class SweptCell(Message):
    """An accuracy over seeds: mean and standard deviation (n - 1; null for one seed)."""

    split: str
    group: str
    attack: str
    mean: float | None
    deviation: float | None
    seeds: int = Field(ge=0, le=LARGEST)


class SweptRow(Message):
    """A method at a point of the grid, by one selection of checkpoints."""

    method: str
    point: str
    checkpoint: str
    seeds: int = Field(ge=0, le=LARGEST)
    accuracy: list[SweptCell]


class SweptDifference(Message):
    """Accuracy minus that of the reference, paired by seed and sample, with its 95 % interval over both."""

    split: str
    group: str
    attack: str
    count: int = Field(ge=0, le=LARGEST)
    seeds: int = Field(ge=0, le=LARGEST)
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    decided: bool = Field(description="whether several seeds tell the two apart")


class SweptDifferences(Message):
    """How a method at a point of the grid differs from the reference, in its last networks."""

    method: str
    point: str
    reference: str
    accuracy: list[SweptDifference]


class SweepComparison(Message):
    """What the sweep found when it last compared its runs."""

    conditions: dict[str, str] = Field(default={}, description="settings that all runs share")
    samples: dict[str, int] = Field(default={}, description="samples by split and group")
    rows: list[SweptRow]
    differences: list[SweptDifferences]
    warnings: list[str] = Field(default=[])
    unfinished: list[str] = Field(default=[])


class SweepDetail(SweepSummary):
    """A sweep with its runs and its comparison."""

    members: list[RunSummary]
    comparison: SweepComparison | None = None
    problem: str | None = None


class ReproductionVerdict(Message):
    """A finding of the paper and what became of it: the deciding quantity with its 95 % interval and bound."""

    finding: str
    verdict: str = Field(
        description="confirmed, seen in one seed, undecided, opposite seen in one seed, contradicted or not testable"
    )
    setting: str
    numbers: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    seeds: int = Field(default=0, ge=0, le=LARGEST)


class ReproducedItem(Message):
    """A figure or table of the paper, as it came out here."""

    name: str
    title: str
    shown: str = ""
    command: str = ""
    date: str = ""
    device: str = ""
    seeds: list[int] = Field(default=[])
    figures: list[str] = Field(default=[], description="names of its pictures")
    verdicts: list[ReproductionVerdict] = Field(default=[])
    problem: str | None = None


class ReproducedClaim(Message):
    """A claim of the paper with the verdict that decides it; null: its item was not made."""

    sentence: str
    item: str
    verdict: ReproductionVerdict | None = None


class ReproductionDetail(Message):
    """Reproduced items with their verdicts, and the paper's claims."""

    path: str
    claims: list[ReproducedClaim] = Field(default=[], description="empty if an earlier version made the items")
    items: list[ReproducedItem]
