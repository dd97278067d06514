"""Jobs: states, progress, logs, events, and plans."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from pydantic import Field

from memscore.messages.message import Message
from memscore.study.spec import Wanted

State = Literal["queued", "running", "recovering", "cancelling", "succeeded", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
TERMINAL: tuple[State, ...] = ("succeeded", "failed", "cancelled")  # a job leaves these only when it is resumed


class Progress(Message):
    """The progress of a job."""

    phase: str
    done: int
    total: int
    unit: Literal["trials"] = "trials"
    trials_per_second: float | None = Field(default=None, description="in the current attempt, while the job runs")
    seconds_left: float | None = Field(default=None, description="forecast from that rate")


class JobMessage(Message):
    """A job and its state."""

    id: str
    study: str
    study_name: str
    state: State
    target_trials: int = Field(description="with a precision target: the maximum")
    wanted: Wanted
    progress: Progress
    attempt: int
    error: str | None
    outcome: str | None = Field(default=None, description="how the job ended, in one sentence")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_for: str | None = Field(default=None, description="why a queued job has not started yet")
    notes: list[str] = Field(default=[], description="changes the service made to the request, with reasons")

    @property
    def finished(self) -> bool:
        """Whether the job has reached a terminal state."""
        return self.state in TERMINAL


class LogMessage(Message):
    """Part of a job's log."""

    job: str
    lines: list[str]
    next: int = Field(description="value of `after` that requests the lines that follow")


class Jobs(Message):
    """A page of jobs, newest first; `next` is the cursor of the next page, null on the last."""

    jobs: list[JobMessage]
    next: str | None = None


class JobEvent(Message):
    """One state change of a job."""

    id: int = Field(description="ascending across all jobs; the event id in a stream")
    job: str
    at: datetime
    state: State
    message: str


class JobEvents(Message):
    """The history of a job, oldest first."""

    job: str
    events: list[JobEvent]


class ExpectedPairs(Message):
    """The expected share of the pairs of one strength that are found at a false-discovery rate of 5 %."""

    infl: float
    now: float = Field(description="with the study's trials")
    then: float = Field(description="with the planned trials")


class Plan(Message):
    """The expected cost and precision of a job."""

    trials: int = Field(description="trials the study would have, without full trials")
    at_most: bool = Field(description="whether the target is a precision, so that fewer may be enough")
    expected_trials: int | None = Field(description="forecast from the study's scores; null without any")
    expected_pairs: list[ExpectedPairs] = Field(
        default=[], description="forecast from the study's test samples; empty without any scores"
    )
    by_margins: bool = Field(
        default=False, description="whether precision is judged by margins, which all trials have; otherwise by mem"
    )
    new_trials: int = Field(description="trials to train, with full trials; with a precision target: the maximum")
    seconds_a_trial: float | None = Field(description="on one worker; null if no such trial was timed")
    device_seconds: float | None = Field(description="of all new trials on one worker")
    other_seconds: float = Field(
        default=0, description="beside the trials: starting the workers, and building the tables; on a quiet machine"
    )
    busy: float = Field(
        default=1, description="how many times as long the timed trial took by the clock as its computation"
    )
    disk_bytes: int = Field(description="size of the new trials' evidence")
    worst_standard_error: float = Field(description="of mem, for a sample with p_in and p_out of 0.5")
    typical_standard_error: float = Field(description="of mem, for a sample with p_in of 1 and p_out of 0.9")
    timed_on: str | None = Field(description="source of seconds_a_trial")
