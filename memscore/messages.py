"""What the service and its client say to each other: the JSON bodies of DESIGN section 6, as types."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from memscore.keys import Scope
from memscore.spec import NAME_PATTERN, Design, Recipe, Wanted

MOST_INDICES = 100_000  # of one look-up

State = Literal["queued", "running", "recovering", "cancelling", "succeeded", "failed", "cancelled"]
SetName = Literal["typical", "atypical"]


class Message(BaseModel):
    """Base of all responses; unknown fields are ignored, so that a newer service can add some."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Problem(Message):
    """An error as RFC 9457 problem details; `detail` is one sentence that says what to do."""

    type: str = Field(examples=["https://memscore.invalid/problems/not-found"])
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no study 'digits'; there is none yet: memscore estimate makes one."])
    instance: str = Field(examples=["/v1/studies/digits"])
    errors: list[dict[str, Any]] = []
    request_id: str | None = Field(
        default=None, description="as in X-Request-ID, and in the lines of the service's log"
    )


class Health(Message):
    """The process answers."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(Message):
    """The database is reachable and at the right revision."""

    status: Literal["ready"] = "ready"
    revision: str
    dispatcher: Literal["leading", "missing"] = Field(description="whether one leads; without, jobs wait")
    dispatcher_note: str | None = Field(default=None, description="why the leading dispatcher cannot launch jobs")


class DatasetMessage(Message):
    """A registered dataset."""

    name: str
    fingerprint: str
    source: str
    train_samples: int
    test_samples: int
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    flipped: int = Field(description="training labels flipped on purpose")


class DatasetDetail(DatasetMessage):
    """A registered dataset with the indices of its flipped labels."""

    flipped_indices: list[int]


class Datasets(Message):
    """A page of registered datasets by name; `next` is the cursor of the next page, null on the last."""

    datasets: list[DatasetMessage]
    next: str | None = None


class Progress(Message):
    """How far a job is."""

    phase: str
    done: int
    total: int
    unit: Literal["trials"] = "trials"
    trials_per_second: float | None = Field(default=None, description="while the job runs, of its current attempt")
    seconds_left: float | None = Field(default=None, description="forecast from that rate")


class JobMessage(Message):
    """A job and its state."""

    id: str
    study: str
    study_name: str
    state: State
    target_trials: int = Field(description="with a target of precision: at most so many")
    wanted: Wanted
    progress: Progress
    attempt: int
    error: str | None
    outcome: str | None = Field(default=None, description="how the job ended, in a sentence")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_for: str | None = Field(default=None, description="why a queued job does not start yet")
    notes: list[str] = Field(default=[], description="what the service changed in the request, and why")

    @property
    def finished(self) -> bool:
        """Whether the job has reached a terminal state."""
        return self.state in ("succeeded", "failed", "cancelled")


class LogMessage(Message):
    """A part of a job's log; `next` asks for what comes after it."""

    job: str
    lines: list[str]
    next: int = Field(description="value of `after` for the lines that follow")


class Jobs(Message):
    """A page of jobs, newest first; `next` is the cursor of the next page, null on the last."""

    jobs: list[JobMessage]
    next: str | None = None


class JobEvent(Message):
    """One change of a job's state."""

    id: int = Field(description="grows over all jobs; the event id in a stream")
    job: str
    at: datetime
    state: State
    message: str


class JobEvents(Message):
    """The history of a job, oldest first."""

    job: str
    events: list[JobEvent]


class Plan(Message):
    """What a job would cost and give."""

    trials: int = Field(description="trials the study would have, full ones apart")
    at_most: bool = Field(description="whether the target is a precision, so that fewer may do")
    expected_trials: int | None = Field(description="forecast from the study's scores; null without any")
    new_trials: int = Field(description="trials to train, full ones included; with a target of precision: at most")
    seconds_a_trial: float | None = Field(description="on one worker; null where no such trial was timed")
    device_seconds: float | None = Field(description="of all new trials on one worker")
    disk_bytes: int = Field(description="evidence of the new trials")
    worst_standard_error: float = Field(description="of mem, for a sample with p_in and p_out of one half")
    typical_standard_error: float = Field(description="of mem, for a sample always right in-sample, with p_out of 0.9")
    timed_on: str | None = Field(description="where seconds_a_trial comes from")


class TableSummary(Message):
    """The current version of a study's score table."""

    digest: str
    trials: int
    in_sample_accuracy: float | None = Field(default=None, description="null for imported scores")
    held_out_accuracy: float | None = None
    test_accuracy: float | None = None
    warnings: list[str]


class StudyMessage(Message):
    """A study; `table` is null until its first block has finished."""

    id: str
    name: str
    dataset: str
    fingerprint: str
    recipe: Recipe | None = Field(description="null for imported scores")
    recipe_name: str | None
    design: Design | None
    trials: int
    table: TableSummary | None
    imported: bool = Field(default=False, description="published scores from elsewhere: read-only, without evidence")


class Studies(Message):
    """A page of studies, oldest first; `next` is the cursor of the next page, null on the last."""

    studies: list[StudyMessage]
    next: str | None = None


class SampleScore(Message):
    """The scores of one training sample. A value that is undefined (a side without trials) is null."""

    index: int
    label: int
    mem: float | None
    se: float | None
    interval: Annotated[tuple[float | None, ...], Field(min_length=2, max_length=2)]
    p_in: float | None
    p_out: float | None
    n_in: int
    n_out: int
    set: SetName | None = Field(description="at the paper's thresholds; null in between")


class Score(SampleScore):
    """One training sample, and the table that its scores are from."""

    study: str
    trials: int
    digest: str


class Scores(Message):
    """A page of training samples in the order asked for; `next` is the cursor of the next page, null on the last."""

    study: str
    trials: int
    digest: str
    matching: int = Field(description="samples that the filters let through, on all pages")
    scores: list[SampleScore]
    next: str | None


class LookupRequest(Message):
    """Training samples to look up together, by their indices in the dataset, in any order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    indices: list[StrictInt] = Field(max_length=MOST_INDICES, examples=[[17, 4, 123]])


class ScoreColumns(Message):
    """Training samples as columns, in the order of the indices asked for. An undefined value is null."""

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


class TestScore(Message):
    """One test sample. A value that is undefined is null."""

    study: str
    index: int
    label: int
    p: float | None = Field(description="share of trials that classify it correctly; null for imported scores")
    p_full: float | None = Field(description="the same of the full trials; null where there are none")
    infl_max: float | None = Field(description="the largest same-class influence on it")
    infl_index: int | None = Field(description="the training sample that has this influence")
    set: SetName | None = Field(description="at the paper's thresholds; null in between")
    trials: int
    digest: str


class Histogram(Message):
    """How the values of one column are distributed: `edges` has one value more than `counts`."""

    study: str
    trials: int
    digest: str
    column: str
    edges: list[float]
    counts: list[int]
    undefined: int = Field(description="samples whose value is undefined, which no bin counts")


class Influence(Message):
    """The influence between a training sample and a test sample."""

    train_index: int
    test_index: int
    infl: float
    se: float | None
    q_value: float | None


class InfluencedTest(Influence):
    """A test sample that the explained one influences, and which other training samples do."""

    others: list[Influence] = Field(description="the strongest influences of other training samples on it")


class Rival(Message):
    """A training sample that influences the same test samples as the explained one."""

    index: int
    label: int
    shared: int = Field(description="test samples that both influence")
    overlap: float = Field(description="the smaller of the two influences, summed over these test samples")
    mem: float | None


class Explanation(Message):
    """Why a training sample's score is what it is: its evidence in numbers, and the influences from and beside it."""

    score: Score
    class_name: str
    rank: int | None = Field(description="1 is the most memorized of all; null where mem is undefined")
    rank_in_class: int | None
    samples: int
    samples_in_class: int
    position: int = Field(description="place in the list of scores sorted by -mem, from 0: the offset to find it at")
    sentence: str = Field(description="the same in words")
    influences: list[InfluencedTest] = Field(description="on test samples, strongest first")
    rivals: list[Rival] = Field(description="nearest first; empty where it influences no test sample with others")
    floor: float = Field(description="smallest infl that is kept")


class Pair(Message):
    """One (train, test) pair of the same class."""

    train_index: int
    test_index: int
    infl: float
    se: float | None
    q_value: float | None
    mem: float | None


class Pairs(Message):
    """Pairs by descending infl; `next` is the cursor of the next page, null on the last."""

    study: str
    digest: str
    floor: float = Field(description="smallest infl that is kept")
    pairs: list[Pair]
    next: str | None


class NamedRecipe(Message):
    """A recipe with its name."""

    name: str
    recipe: Recipe


class Recipes(Message):
    """The named recipes."""

    recipes: list[NamedRecipe]


class Suspects(Scores):
    """Training samples whose labels may be wrong, the likeliest first; `next` is always null: pages go by offset."""

    note: str = Field(description="what being listed means, and what not")


class ClassScores(Message):
    """What the scores say about one class. A mean is null where no sample of the class has a value."""

    label: int
    name: str
    samples: int
    mem_mean: float | None
    atypical: int
    typical: int
    undefined: int = Field(description="samples without a score")
    in_accuracy: float | None = Field(description="mean p_in")
    held_out_accuracy: float | None = Field(description="mean p_out")
    test_samples: int
    test_accuracy: float | None = Field(description="mean share of trials that are right on a test sample")


class Classes(Message):
    """The scores class by class, by label."""

    study: str
    trials: int
    digest: str
    classes: list[ClassScores]


class QualityCheck(Message):
    """One check of how far scores can be trusted."""

    key: str
    name: str
    verdict: Literal["pass", "look at it", "cannot be told"]
    value: str
    meaning: str
    advice: str


class Calibration(Message):
    """How far two halves of the trials differ on mem, and how far standard errors predict it: root mean squares."""

    predicted: list[float]
    observed: list[float]
    low: list[float] = Field(description="lower ends of 95 % intervals of `observed`, samples taken as independent")
    high: list[float]
    counts: list[int]


class Quality(Message):
    """The checks of a study's scores, in the order in which to read them."""

    study: str
    trials: int
    digest: str
    checks: list[QualityCheck]
    calibration: Calibration


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
    difference: float = Field(description="mem in a less mem in b")


class Density(Message):
    """How many samples have which mem in two studies: `counts[i][j]` within edges i of a and j of b."""

    edges: list[float]
    counts: list[list[int]]


class Agreement(Message):
    """How well two score tables agree; docs/exchange.md says what each number means."""

    samples: int
    pearson: float | None
    spearman: float | None
    reliability_a: float | None
    reliability_b: float | None
    corrected: float | None = Field(description="pearson without the errors of estimation")
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
    notes: list[str]


class ComparisonMessage(Message):
    """Two studies of one dataset side by side."""

    a: str
    b: str
    digest_a: str
    digest_b: str
    agreement: Agreement
    density: Density
    disagreements: list[Disagreement] = Field(description="the largest differences first")


class SetsMessage(Message):
    """Typical and atypical sets: sizes and indices in dataset order."""

    study: str
    digest: str
    thresholds: dict[str, float]
    counts: dict[str, int]
    indices: dict[str, list[int]]
    warnings: list[str] = []


class EvidenceMerged(Message):
    """What came of an evidence file: trials added, there already, and there with another result, which stays."""

    study: str
    study_name: str
    created: bool = Field(description="whether the study is new here")
    added: int
    present: int
    differing: int
    trials: int = Field(description="trials that the study has now")
    full_trials: int
    digest: str | None = Field(description="of the current score table")


class KeyRequest(BaseModel):
    """A key that is to be made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN, description="whose it is, or what for")
    scope: Scope = Field(description="what it may do; write includes read, and admin both")
    expires_in: StrictInt | None = Field(
        default=None, ge=1, le=10 * 366 * 86_400, description="seconds after which it is refused; null: never"
    )


class KeyMessage(Message):
    """A key as it is listed: without what it is."""

    id: str
    name: str
    scope: Scope
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute")


class KeyCreated(KeyMessage):
    """A new key. `key` is shown here and never again."""

    key: str


class Keys(Message):
    """All keys, oldest first; revoked and expired ones too."""

    keys: list[KeyMessage]


class SignIn(BaseModel):
    """A key that a browser signs in with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(description="a key of any scope, from memscore_ to its end")


class SessionMessage(Message):
    """Who asks, and what they may do."""

    signed_in: bool = Field(description="whether a session, which a cookie names, says who asks")
    keys_required: bool = Field(description="whether requests without a key or a session are refused")
    name: str | None = Field(description="of the key")
    scope: Scope | None = Field(description="the largest one; null: none, sign in first")
    scopes: list[Scope] = Field(description="all that may be done")
    csrf: str | None = Field(description="what every change by this session takes as X-CSRF-Token")
    expires_at: datetime | None = Field(description="when the session ends")
