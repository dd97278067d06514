"""What the service and its client say to each other: the JSON bodies of DESIGN section 6, as types."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from memscore.spec import Design, Recipe, Wanted


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
    """All registered datasets."""

    datasets: list[DatasetMessage]


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
    state: Literal["queued", "running", "recovering", "cancelling", "succeeded", "failed", "cancelled"]
    target_trials: int = Field(description="with a target of precision: at most so many")
    wanted: Wanted
    progress: Progress
    attempt: int
    error: str | None
    outcome: str | None = Field(default=None, description="how the job ended, in a sentence")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_for: str | None = Field(default=None, description="why a queued job does not start, if not for other jobs")
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
    """Some jobs, newest first."""

    jobs: list[JobMessage]


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


class Studies(Message):
    """All studies, oldest first."""

    studies: list[StudyMessage]


class Score(Message):
    """One training sample. A value that is undefined (a side without trials) is null."""

    study: str
    index: int
    label: int
    mem: float | None
    se: float | None
    interval: tuple[float | None, float | None]
    p_in: float | None
    p_out: float | None
    n_in: int
    n_out: int
    set: Literal["typical", "atypical"] | None = Field(description="at the paper's thresholds; null in between")
    trials: int
    digest: str


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
