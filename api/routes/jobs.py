"""Jobs: requests to bring a study to a number of trials or to a precision."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.openapi.models import Example
from fastapi.responses import PlainTextResponse
from sqlalchemy import Connection

from api import errors
from api.dependencies import ActorOf, DatabaseOf, DryRun, HomeOf, JobInPath, OwnNetworks
from api.idempotency import Caller, IdempotencyKey
from api.paging import Cursor, Limit, cursor_of, values_of
from memscore.counted import counted
from memscore.datasets.dataset import refused
from memscore.errors import Conflict, InvalidInput
from memscore.messages.jobs import JobMessage, Jobs, LogMessage, Plan, Progress, State
from memscore.messages.removal import JobsPruned
from memscore.scores.planning import plan
from memscore.scores.tables import NO_TEST_PART, ScoreTable
from memscore.store import (
    Database,
    datasets,
    evidence,
    forgotten,
    idempotency,
    job_logs,
    jobs,
    leadership,
    removal,
    studies,
    tables,
)
from memscore.store.database import one_at_a_time
from memscore.store.datasets import IN_USE, DatasetRecord
from memscore.store.jobs import JobRecord
from memscore.study.automatic import AUTO, automatic, described
from memscore.study.recipes import recipe_of, require_suited
from memscore.study.spec import BLOCK, ESTIMATOR, NETWORKS, JobRequest, Recipe, Wanted, study_id

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

SUBMIT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": Plan, "description": "with `dry_run`: the job's cost and expected precision"},
    202: {
        "headers": {
            "Location": {"description": "the job's address", "schema": {"type": "string"}},
            "Idempotency-Replayed": {
                "description": "`true` if this is the answer to an earlier request with the same key",
                "schema": {"type": "string"},
            },
        }
    },
}
LOG_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": LogMessage, "content": {"text/plain": {"schema": {"type": "string"}}}},
    **errors.documented(404),
}
EXAMPLES: dict[str, Example] = {
    "trials": {
        "summary": "to a number of trials",
        "value": {"dataset": "digits", "recipe": "digits", "target": {"trials": 200}, "study_name": "digits"},
    },
    "precision": {
        "summary": "to a precision",
        "value": {
            "dataset": "digits",
            "recipe": "digits",
            "target": {"standard_error": 0.03, "share": 0.95, "max_trials": 2000},
        },
    },
}


@router.post("", operation_id="submit_job", status_code=202, responses=SUBMIT_RESPONSES | errors.documented(404, 409))
def submit_job(
    database: DatabaseOf,
    actor: ActorOf,
    own_networks: OwnNetworks,
    caller: Caller,
    key: IdempotencyKey,
    request: Annotated[JobRequest, Body(openapi_examples=EXAMPLES)],
    response: Response,
    http: Request,
    dry_run: Annotated[bool, Query(description="queue nothing, return the plan")] = False,
) -> JobMessage | Plan:
    """Queue a job. Repeating the request returns the same job, unless that failed or was cancelled.

    With `dry_run` nothing is queued; the answer, with status 200, is the job's cost and expected precision.
    """
    recipe, chosen = _recipe(database, request)
    if recipe.network == ESTIMATOR and not own_networks(recipe.network):
        raise InvalidInput("This service trains no estimators of scikit-learn; call memscore.estimate on your machine.")
    if recipe.network not in (*NETWORKS, ESTIMATOR) and not own_networks(recipe.network):
        raise InvalidInput(
            f"This service does not accept the network {recipe.network}; list its package in MEMSCORE_NETWORK_MODULES "
            "where the service runs."
        )
    wanted, notes = _whole_blocks(request.wanted)
    notes = [*chosen, *notes]
    if dry_run:
        response.status_code = 200
        return _plan(database, request, recipe, wanted)
    with database.writing() as connection:
        answered = None if key is None else idempotency.claim(connection, caller, key, request.model_dump_json())
        if answered is None:
            message, new = _submit(connection, request, recipe, wanted, notes)
            if key is not None:
                idempotency.keep(connection, caller, key, message.model_dump(mode="json"))
        else:
            message, new = JobMessage.model_validate(answered), False
            response.headers["Idempotency-Replayed"] = "true"
    if new:
        log.info("%s posted a job for %d trials", actor, message.target_trials, extra=_named(message))
    response.headers["Location"] = f"{http.scope.get('root_path', '')}/v1/jobs/{message.id}"
    return message


def _recipe(database: Database, request: JobRequest) -> tuple[Recipe, list[str]]:
    """The recipe of a request, and what to say of it if it was chosen here. Raises NotFound."""
    if request.recipe != AUTO:
        return recipe_of(request.recipe), []
    with database.reading() as connection:
        dataset = datasets.by_name(connection, request.dataset)
    recipe = automatic(dataset.train_samples, dataset.image_shape)
    return recipe, [described(recipe, dataset.train_samples, dataset.image_shape)]


def _submit(
    connection: Connection, request: JobRequest, recipe: Recipe, wanted: Wanted, notes: list[str]
) -> tuple[JobMessage, bool]:
    """Queue a job, or find one with the same target, and whether it is new. Raises NotFound, InvalidInput, Conflict."""
    dataset = datasets.by_name(connection, request.dataset)
    if request.design.kind == "balanced" and dataset.train_samples < BLOCK:
        raise InvalidInput(f"Dataset {dataset.name!r} has fewer than {BLOCK} training samples.")
    wanted = _suited(dataset, recipe, wanted)
    forgotten.require_whole(dataset)
    study = studies.ensure(connection, dataset, recipe, request.design, request.study_name)
    forgotten.require_whole(datasets.by_name(connection, dataset.name))  # now that nobody else can forget any
    done = evidence.count(connection, study.id)
    job, new = jobs.submit(connection, study.id, wanted, done, again=not _complete(connection, study.id, wanted))
    meta = tables.current_meta(connection, study.id) or {}
    jobs.settle(connection, study.id, meta.get("trials", 0), meta.get("full_trials", 0))
    message = job_message(connection, jobs.get(connection, job.id))
    if not new:
        posted = f"this is the job posted at {message.created_at:%Y-%m-%d %H:%M:%S} UTC with the same target"
        notes = [*notes, posted]
    return message.model_copy(update={"notes": notes}), new


@router.get("", operation_id="list_jobs", responses=errors.documented(404))
def list_jobs(
    database: DatabaseOf,
    state: Annotated[State | None, Query(description="only jobs in this state")] = None,
    study: Annotated[str | None, Query(description="only jobs of this study, by id or name")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Jobs:
    """Jobs, newest first."""
    after = None if cursor is None else tuple(values_of(cursor, float, str))
    with database.reading() as connection:
        of_study = None if study is None else studies.find(connection, study).id
        found = jobs.listing(connection, state, limit + 1, study=of_study, after=after)
        listed = found[:limit]
        outcomes = jobs.outcomes(connection, [job.id for job in listed if job.finished])
        names = studies.names(connection)
    messages = [_brief_message(job, names[job.study_id], outcomes.get(job.id)) for job in listed]
    return Jobs(jobs=messages, next=cursor_of(listed[-1].created_at, listed[-1].id) if len(found) > limit else None)


@router.delete("", operation_id="prune_jobs")
def prune_jobs(
    database: DatabaseOf,
    home: HomeOf,
    actor: ActorOf,
    older: Annotated[
        float,
        Query(ge=0, le=1e9, allow_inf_nan=False, description="seconds since they finished", examples=[7776000]),
    ],
    dry_run: DryRun = False,
) -> JobsPruned:
    """Remove the jobs that finished at least so long ago, with events and logs; studies stay. Needs the scope admin."""
    pruned = removal.prune_jobs(database, home, older, dry_run=dry_run)
    if pruned.jobs and not dry_run:
        log.info("%s removed %s", actor, counted(pruned.jobs, "finished job"))
    return JobsPruned(removed=not dry_run, jobs=pruned.jobs, bytes=pruned.bytes)


@router.get("/{job}", operation_id="get_job", responses=errors.documented(404))
def get_job(database: DatabaseOf, job: JobInPath) -> JobMessage:
    """One job with its progress."""
    with database.reading() as connection:
        return job_message(connection, jobs.get(connection, job))


@router.post("/{job}/cancel", operation_id="cancel_job", status_code=202, responses=errors.documented(404))
def cancel_job(database: DatabaseOf, actor: ActorOf, job: JobInPath) -> JobMessage:
    """Cancel a job. Its evidence is kept, and a later job continues from it. A finished job is not changed."""
    with database.writing() as connection:
        message = job_message(connection, jobs.cancel(connection, job))
    log.info("%s cancels the job, now %s", actor, message.state, extra=_named(message))
    return message


@router.post("/{job}/resume", operation_id="resume_job", status_code=202, responses=errors.documented(404, 409))
def resume_job(database: DatabaseOf, actor: ActorOf, job: JobInPath) -> JobMessage:
    """Queue a cancelled or failed job again; it continues from its evidence. An unfinished job is not changed."""
    with database.writing() as connection:
        one_at_a_time(connection, IN_USE)  # or samples of its dataset might be forgotten meanwhile
        study = studies.find(connection, jobs.get(connection, job).study_id)
        if gone := forgotten.of(connection, study.fingerprint):
            raise Conflict(refused(study.dataset, len(gone)))
        message = job_message(connection, jobs.resume(connection, job))
    log.info("%s resumes the job, now %s", actor, message.state, extra=_named(message))
    return message


@router.get("/{job}/log", operation_id="job_log", response_model=None, responses=LOG_RESPONSES)
def job_log(
    database: DatabaseOf,
    job: JobInPath,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="`next` of the previous part")] = 0,
    format: Annotated[Literal["text", "json"], Query(description="json adds `next`, where to continue")] = "text",
) -> LogMessage | PlainTextResponse:
    """The output of a job's driver and workers over all attempts, oldest first; use `after` to follow it."""
    with database.reading() as connection:
        jobs.get(connection, job)
        parts = job_logs.read(connection, job, after)
    lines = [line for part in parts for line in part.text.splitlines()]
    if format == "json":
        return LogMessage(job=job, lines=lines, next=parts[-1].id if parts else after)
    return PlainTextResponse("".join(f"{line}\n" for line in lines))


def _named(job: JobMessage) -> dict[str, str]:
    """The fields of a structured log line that name its job."""
    return {"job": job.id, "study": job.study}


def _complete(connection: Connection, study: str, wanted: Wanted) -> bool:
    """Whether the additions a job wants are stored: full trials, and pairs of all classes."""
    if evidence.count(connection, study, full=True) < wanted.full_trials:
        return False
    pairs = tables.current_pairs_meta(connection, study) or {}
    return wanted.pairs == "same_class" or (
        pairs.get("scope") == wanted.pairs and pairs.get("trials") == evidence.count(connection, study)
    )


def _plan(database: Database, request: JobRequest, recipe: Recipe, wanted: Wanted) -> Plan:
    """The plan of a job, with the measured time per trial of its study."""
    with database.reading() as connection:
        dataset = datasets.by_name(connection, request.dataset)
        forgotten.require_whole(dataset)
        wanted = _suited(dataset, recipe, wanted)
        study = study_id(dataset.fingerprint, recipe, request.design)
        if request.study_name is not None:
            studies.require_name(connection, study, request.study_name)
        seconds = evidence.seconds_a_trial(connection, study)
        scored = tables.current_digest(connection, study) is not None
        scores = ScoreTable.decode(tables.current(connection, study)[0].payload) if scored else None
        return plan(
            dataset.train_samples,
            dataset.test_samples,
            recipe,
            request.design,
            wanted,
            present=evidence.numbers(connection, study),
            full_present=evidence.numbers(connection, study, full=True),
            scores=scores,
            seconds_a_trial=seconds,
            timed_on=None if seconds is None else "the study's stored trials",
            output_bytes=evidence.output_bytes(connection, study),
            same_class_pairs=dataset.train_samples * dataset.test_samples // len(dataset.class_names),
        )


def _suited(dataset: DatasetRecord, recipe: Recipe, wanted: Wanted) -> Wanted:
    """The request as far as the dataset has what it needs: full trials only concern test samples.

    Raises InvalidInput for a network that needs images, and for a target that needs a test part.
    """
    require_suited(recipe.network, dataset.image_shape)
    if dataset.test_samples:
        return wanted
    if wanted.target.pairs_found is not None:
        raise InvalidInput(NO_TEST_PART)
    return wanted.model_copy(update={"full_trials": 0})


def _whole_blocks(wanted: Wanted) -> tuple[Wanted, list[str]]:
    """The request with its target in whole blocks, and a note if that changed it."""
    target = wanted.target
    asked, whole = target.trials or target.max_trials, target.whole_blocks
    if asked == whole:
        return wanted, []
    field = "max_trials" if target.precise else "trials"
    rounded = wanted.model_copy(update={"target": target.model_copy(update={field: whole})})
    return rounded, [f"{field} rounded up from {asked} to {whole}: a study grows by blocks of {BLOCK}"]


def job_message(connection: Connection, job: JobRecord) -> JobMessage:
    """A job as a message."""
    outcome = jobs.outcomes(connection, [job.id]).get(job.id) if job.finished else None
    message = _brief_message(job, studies.find(connection, job.study_id).name, outcome)
    return message.model_copy(update={"waiting_for": _waiting_for(connection, job)})


def _brief_message(job: JobRecord, study_name: str, outcome: str | None) -> JobMessage:
    return JobMessage(
        id=job.id,
        study=job.study_id,
        study_name=study_name,
        state=job.state,  # pyright: ignore[reportArgumentType] -- a State
        target_trials=job.target_trials,
        wanted=job.wanted,
        progress=_progress(job),
        attempt=job.attempt,
        error=job.error,
        outcome=outcome,
        created_at=time_of(job.created_at),
        started_at=time_of(job.started_at) if job.started_at is not None else None,
        finished_at=time_of(job.finished_at) if job.finished_at is not None else None,
    )


def _progress(job: JobRecord) -> Progress:
    rate = job.trials_per_second
    left = (job.total - job.done) / rate if rate else None
    return Progress(phase=job.phase, done=job.done, total=job.total, trials_per_second=rate, seconds_left=left)


def _waiting_for(connection: Connection, job: JobRecord) -> str | None:
    """Why a waiting job does not start, or None."""
    if job.state not in jobs.WAITING:
        return None
    lease = leadership.current(connection, leadership.LEADER)
    if lease is None or lease.seconds_left < 0:
        return "no dispatcher is running; start one: memscore dispatch"
    if lease.note is not None:
        return lease.note
    ahead = jobs.ahead(connection, job)
    if ahead is None:
        return _backing_off(job)
    name, done = studies.find(connection, ahead.study_id).name, f"{ahead.done:,} of {counted(ahead.total, 'trial')}"
    return f"job {ahead.id} of study {name} ({done}) runs first; to end it: memscore jobs cancel {ahead.id}"


def _backing_off(job: JobRecord) -> str | None:
    """Until when a job that lost an attempt waits, or None."""
    if job.state != "recovering":
        return None
    return f"it lost {counted(job.failures, 'attempt')}, and starts again at {time_of(job.not_before):%H:%M:%S} UTC"


def time_of(seconds: float) -> datetime:
    """A time from the database as a message has it."""
    return datetime.fromtimestamp(seconds, UTC)
