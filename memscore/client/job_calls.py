"""Calls on jobs."""

from __future__ import annotations

import uuid
from typing import Any, TypedDict, Unpack

from pydantic import ValidationError

from memscore.client.pages import one_by_one
from memscore.client.session import Session, ask, get, part, post
from memscore.client.steps import Flow, Items
from memscore.errors import InvalidInput
from memscore.messages.jobs import JobEvents, JobMessage, Jobs, LogMessage, Plan, State
from memscore.study.spec import Design, JobRequest, PairScope, Recipe, Target
from memscore.validation import sentence

PAGE = 100


class Extras(TypedDict, total=False):
    """What a job may ask for besides its target; see `memscore.study.spec.Wanted`."""

    full_trials: int
    probabilities: bool
    pairs: PairScope
    time_limit_seconds: float | None
    allow_changed_network: bool


def submit(
    session: Session,
    dataset: str,
    recipe: str | Recipe,
    *,
    trials: int | None = None,
    target: Target | None = None,
    design: Design | None = None,
    study_name: str | None = None,
    idempotency_key: str | None = None,
    **wanted: Unpack[Extras],
) -> Flow[JobMessage]:
    """Post a job that brings the study of these parts to `trials` trials, or to another target.

    A call posts one job, however often it has to be sent. With an `idempotency_key` of 1 to 255 printable characters
    of the caller's own that also holds for calls of other processes, for a day.
    """
    body = _body(dataset, recipe, trials, target, design, study_name, wanted)
    once = {"Idempotency-Key": f'"{idempotency_key or uuid.uuid4()}"'}
    return (yield from ask(session, JobMessage, post("/v1/jobs", body).with_headers(once)))


def plan(
    session: Session,
    dataset: str,
    recipe: str | Recipe,
    *,
    trials: int | None = None,
    target: Target | None = None,
    design: Design | None = None,
    **wanted: Unpack[Extras],
) -> Flow[Plan]:
    """What such a job would cost and give; nothing is posted."""
    body = _body(dataset, recipe, trials, target, design, None, wanted)
    return (yield from ask(session, Plan, post("/v1/jobs", body, dry_run=True)))


def jobs(
    session: Session,
    state: State | None = None,
    study: str | None = None,
    *,
    limit: int = PAGE,
    cursor: str | None = None,
) -> Flow[Jobs]:
    """A page of jobs, newest first; `cursor` is the `next` of the page before."""
    return (yield from ask(session, Jobs, get("/v1/jobs", state=state, study=study, limit=limit, cursor=cursor)))


def iter_jobs(
    session: Session, state: State | None = None, study: str | None = None, *, page: int = PAGE
) -> Items[JobMessage]:
    """All jobs, newest first."""
    request = get("/v1/jobs", state=state, study=study, limit=page)
    return (yield from one_by_one(session, Jobs, request, lambda found: found.jobs))


def job(session: Session, job: str) -> Flow[JobMessage]:
    """One job."""
    return (yield from ask(session, JobMessage, get(f"/v1/jobs/{part(job)}")))


def cancel(session: Session, job: str) -> Flow[JobMessage]:
    """Cancel a job; its evidence stays."""
    return (yield from ask(session, JobMessage, post(f"/v1/jobs/{part(job)}/cancel")))


def resume(session: Session, job: str) -> Flow[JobMessage]:
    """Queue a cancelled or failed job again."""
    return (yield from ask(session, JobMessage, post(f"/v1/jobs/{part(job)}/resume")))


def log(session: Session, job: str, after: int = 0) -> Flow[LogMessage]:
    """What driver and workers of a job wrote; `after` is the `next` of the part before."""
    return (yield from ask(session, LogMessage, get(f"/v1/jobs/{part(job)}/log", format="json", after=after)))


def history(session: Session, job: str, after: int = 0) -> Flow[JobEvents]:
    """How a job's state has changed so far, oldest first; `after`: only after the change with this id."""
    return (yield from ask(session, JobEvents, get(f"/v1/jobs/{part(job)}/events", format="json", after=after)))


def _body(
    dataset: str,
    recipe: str | Recipe,
    trials: int | None,
    target: Target | None,
    design: Design | None,
    study_name: str | None,
    wanted: Extras,
) -> dict[str, Any]:
    try:
        request = JobRequest(
            dataset=dataset,
            recipe=recipe,
            design=design or Design(),
            study_name=study_name,
            target=target or Target(trials=trials),
            **wanted,
        )
    except ValidationError as error:
        raise InvalidInput(f"{sentence(error)}.") from error
    return request.model_dump(mode="json", exclude_unset=True)
