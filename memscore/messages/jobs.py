"""Jobs: their states, progress, logs and events, and what one would cost."""

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
        return self.state in TERMINAL


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
