"""Calls on jobs."""

from __future__ import annotations

import uuid
from typing import Any, TypedDict, Unpack

from pydantic import ValidationError

from memscore.client.pages import one_by_one
from memscore.client.service_access import ServiceAccess, ask, delete, get, part, post
from memscore.client.steps import Flow, Items
from memscore.errors import InvalidInput
from memscore.messages.jobs import JobEvents, JobMessage, Jobs, LogMessage, Plan, State
from memscore.messages.removal import JobsPruned
from memscore.study.spec import Design, EvidenceKind, JobRequest, PairScope, Recipe, Target
from memscore.validation import sentence


class Extras(TypedDict, total=False):
    """Optional arguments of a job, in addition to its target; see `memscore.study.spec.Wanted`."""

    full_trials: int
    evidence: EvidenceKind
    probabilities: bool
    pairs: PairScope
    time_limit_seconds: float | None
    min_in_sample: float | None
    allow_changed_network: bool


def submit(
    service: ServiceAccess,
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
    """Post a job that brings a study to `trials` trials, or to another `target`.

    Dataset, recipe and design identify the study. One call posts one job, even if the request is retried; an
    `idempotency_key` of 1 to 255 printable characters extends this to other calls with the same key, for a day. Needs
    the scope write. Raises InvalidInput for a request that cannot be met, NotFound for an unknown dataset or recipe.
    """
    body = _body(dataset, recipe, trials, target, design, study_name, wanted)
    if idempotency_key is not None and not (idempotency_key.isascii() and idempotency_key.isprintable()):
        raise InvalidInput("idempotency_key must be of printable ASCII characters.")
    once = {"Idempotency-Key": f'"{idempotency_key or uuid.uuid4()}"'}
    return (yield from ask(service, JobMessage, post("/v1/jobs", body).with_headers(once)))


def plan(
    service: ServiceAccess,
    dataset: str,
    recipe: str | Recipe,
    *,
    trials: int | None = None,
    target: Target | None = None,
    design: Design | None = None,
    **wanted: Unpack[Extras],
) -> Flow[Plan]:
    """The cost of such a job in seconds and bytes, and the precision of its scores. Posts nothing."""
    body = _body(dataset, recipe, trials, target, design, None, wanted)
    return (yield from ask(service, Plan, post("/v1/jobs", body, dry_run=True)))


def jobs(
    service: ServiceAccess,
    state: State | None = None,
    study: str | None = None,
    *,
    limit: int = 100,
    cursor: str | None = None,
) -> Flow[Jobs]:
    """A page of at most 1000 jobs, newest first; `cursor` is the `next` of the previous page."""
    return (yield from ask(service, Jobs, get("/v1/jobs", state=state, study=study, limit=limit, cursor=cursor)))


def iter_jobs(
    service: ServiceAccess, state: State | None = None, study: str | None = None, *, page: int = 100
) -> Items[JobMessage]:
    """All jobs, newest first.

    Pages of `page` jobs, at most 1000, are requested as needed.
    """
    request = get("/v1/jobs", state=state, study=study, limit=page)
    return (yield from one_by_one(service, Jobs, request, lambda found: found.jobs))


def job(service: ServiceAccess, job: str) -> Flow[JobMessage]:
    """One job with its state and progress.

    Raises NotFound.
    """
    return (yield from ask(service, JobMessage, get(f"/v1/jobs/{part(job)}")))


def cancel(service: ServiceAccess, job: str) -> Flow[JobMessage]:
    """Cancel a job. The evidence it has stored is kept.

    Needs the scope write. Raises NotFound.
    """
    return (yield from ask(service, JobMessage, post(f"/v1/jobs/{part(job)}/cancel")))


def resume(service: ServiceAccess, job: str) -> Flow[JobMessage]:
    """Queue a cancelled or failed job again.

    Needs the scope write. Raises NotFound, or Conflict if the job succeeded.
    """
    return (yield from ask(service, JobMessage, post(f"/v1/jobs/{part(job)}/resume")))


def prune_jobs(service: ServiceAccess, older: float, *, dry_run: bool = False) -> Flow[JobsPruned]:
    """Remove the jobs that finished more than `older` seconds ago, with their events and logs; studies stay.

    With `dry_run`, only what would go is returned. Needs the scope admin.
    """
    return (yield from ask(service, JobsPruned, delete("/v1/jobs", older=older, dry_run=dry_run or None)))


def log(service: ServiceAccess, job: str, after: int = 0) -> Flow[LogMessage]:
    """The output of a job's driver and workers; `after` is the `next` of the previous part."""
    return (yield from ask(service, LogMessage, get(f"/v1/jobs/{part(job)}/log", format="json", after=after)))


def history(service: ServiceAccess, job: str, after: int = 0) -> Flow[JobEvents]:
    """Changes of a job's state so far, oldest first; `after` skips the changes up to the one with this id."""
    return (yield from ask(service, JobEvents, get(f"/v1/jobs/{part(job)}/events", format="json", after=after)))


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
