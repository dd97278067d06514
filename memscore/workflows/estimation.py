"""Estimating the scores of a dataset, in this process or by a service, and planning what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from memscore.client import Client, Extras
from memscore.errors import Conflict
from memscore.messages.jobs import JobMessage, Plan
from memscore.messages.studies import StudyMessage
from memscore.settings import Settings
from memscore.store import Database, evidence
from memscore.study import signatures
from memscore.study.automatic import AUTO, described, resolved
from memscore.study.recipes import changed, recipe_of
from memscore.study.spec import NETWORKS, Design, Recipe, Target, study_id
from memscore.workflows.datasets import ensure_registered
from memscore.workflows.embedded import opened_application
from memscore.workflows.jobs import run_job
from memscore.workflows.watching import Follow, OnNote, follow_silently, ignore

MIN_IN_SAMPLE = 0.9
"""The in-sample accuracy below which an estimate stops after the first block, if nothing else is asked for."""


def target_of(
    trials: int | None = None,
    until_se: float | None = None,
    until_settled: float | None = None,
    until_pairs: float | None = None,
    share: float | None = None,
    max_trials: int | None = None,
    *,
    default: int = 200,
) -> Target:
    """The target that these set, as `Target` describes it; `default` trials if they set none.

    Raises pydantic's ValidationError, whose fields are those of `Target`.
    """
    given = {
        "trials": default if (trials, until_se, until_settled, until_pairs) == (None,) * 4 else trials,
        "standard_error": until_se,
        "settled_at": until_settled,
        "pairs_found": until_pairs,
        "share": share,
        "max_trials": max_trials,
    }
    return Target.model_validate({name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class EstimationRequest:
    """Which scores to estimate: the dataset, the study, and the precision.

    recipe: itself, its name, or `auto` for one that suits the dataset. changes: fields of it to set, as they are typed.
    """

    dataset: str
    recipe: str | Recipe = AUTO
    target: Target = field(default_factory=lambda: Target(trials=200))
    design: Design = field(default_factory=Design)
    study_name: str | None = None
    extras: Extras = field(default_factory=Extras)
    changes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Estimation:
    """A finished job, and its study with the new scores."""

    job: JobMessage
    study: StudyMessage


def estimate(
    request: EstimationRequest, settings: Settings, *, follow: Follow = follow_silently, on_note: OnNote = ignore
) -> Estimation:
    """Estimate scores in this process. A built-in dataset is registered on first use.

    Raises NotFound for an unknown dataset or recipe, InvalidInput if the network cannot be used, Conflict if its code
    has changed since the stored trials, and JobFailed.
    """
    with opened_application(settings) as (database, client):
        return estimate_in(database, client, request, settings, follow=follow, on_note=on_note)


def estimate_in(
    database: Database,
    client: Client,
    request: EstimationRequest,
    settings: Settings,
    *,
    follow: Follow = follow_silently,
    on_note: OnNote = ignore,
) -> Estimation:
    """Estimate scores in this process with an application that is already open. Raises as `estimate` does."""
    record = ensure_registered(database, settings, request.dataset)
    request, chosen = _with_recipe(client, request)
    _require_network(database, settings, record.fingerprint, request)
    job = _submit(client, request, on_note, chosen)
    job = run_job(database, client, settings, job, follow=follow, on_note=on_note)
    return Estimation(job, client.study(job.study))


def estimate_with(
    client: Client, request: EstimationRequest, *, follow: Follow = follow_silently, on_note: OnNote = ignore
) -> Estimation:
    """Estimate scores with the service of `client`. Raises the client's errors, and JobFailed."""
    request, chosen = _with_recipe(client, request)
    job = follow(client, _submit(client, request, on_note, chosen))
    return Estimation(job, client.study(job.study))


def plan(request: EstimationRequest, settings: Settings, *, on_note: OnNote = ignore) -> Plan:
    """The cost and expected precision of `estimate`. Times a trial on this machine, and queues nothing.

    Raises like `estimate` before any work starts.
    """
    with opened_application(settings) as (database, client):
        record = ensure_registered(database, settings, request.dataset)
        request, chosen = _with_recipe(client, request)
        _require_network(database, settings, record.fingerprint, request)
        planned = plan_with(client, request)
        for text in chosen:
            on_note(text)
        recipe = recipe_of(request.recipe)
        return _calibrated(planned, settings, record.fingerprint, recipe, request.design, on_note)


def plan_with(client: Client, request: EstimationRequest, *, on_note: OnNote = ignore) -> Plan:
    """The cost and expected precision of `estimate_with`, as planned by the service."""
    request, chosen = _with_recipe(client, request)
    planned = client.plan(
        request.dataset, request.recipe, target=request.target, design=request.design, **request.extras
    )
    for text in chosen:
        on_note(text)
    return planned


def _with_recipe(client: Client, request: EstimationRequest) -> tuple[EstimationRequest, list[str]]:
    """The request with the recipe itself, so that a service need not know how to choose one, and notes on the choice.

    Raises as `estimate`.
    """
    if request.recipe != AUTO and not request.changes:
        return request, []
    samples, shape = (dataset := client.dataset(request.dataset)).train_samples, dataset.image_shape
    recipe = changed(resolved(request.recipe, samples, shape), request.changes)
    notes = [described(recipe, samples, shape)] if request.recipe == AUTO else []
    return replace(request, recipe=recipe, changes={}), notes


def _submit(client: Client, request: EstimationRequest, on_note: OnNote, chosen: Sequence[str]) -> JobMessage:
    job = client.submit(
        request.dataset,
        request.recipe,
        target=request.target,
        design=request.design,
        study_name=request.study_name,
        **request.extras,
    )
    for text in (*chosen, *job.notes):
        on_note(text)
    return job


def _require_network(database: Database, settings: Settings, fingerprint: str, request: EstimationRequest) -> None:
    """Check a user's own network before any work starts.

    Raises InvalidInput if it cannot be used, Conflict if its code has changed since the stored trials.
    """
    recipe = recipe_of(request.recipe)
    if recipe.network in NETWORKS:
        return
    from memscore.datasets.storage import open_dataset
    from memscore.learning.data import network_shape
    from memscore.learning.networks.behaviour import signature_of_recipe

    data = open_dataset(settings.home, fingerprint)
    signature = signature_of_recipe(recipe, network_shape(data.x_train.shape[1:]), data.classes)
    with database.reading() as connection:
        known = evidence.networks(connection, study_id(fingerprint, recipe, request.design))
    allowed = request.extras.get("allow_changed_network", False)
    if not allowed and not signatures.is_known(signature, known):
        raise Conflict(signatures.has_changed(recipe.network, "the trials stored", "--allow-changed-network"))


def _calibrated(
    plan: Plan, settings: Settings, fingerprint: str, recipe: Recipe, design: Design, on_note: OnNote
) -> Plan:
    """The plan with a trial's duration measured here, on one thread."""
    import torch

    from memscore.datasets.storage import open_dataset
    from memscore.learning.calibration import computes_bfloat16, trial_time
    from memscore.learning.data import DeviceData
    from memscore.learning.unit import device_name, prepare

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    prepare(device)
    data = DeviceData.of(open_dataset(settings.home, fingerprint), device)
    if recipe.precision == "bfloat16" and not computes_bfloat16(device):
        on_note(
            "this processor has no instructions for bfloat16, which makes the recipe slow here; "
            "--set precision=float32 gives scores that are equal within their errors, sooner."
        )
    time = trial_time(data, recipe, design)
    measured = {
        "seconds_a_trial": time.seconds,
        "device_seconds": plan.new_trials * time.seconds,
        "timed_on": f"a few steps on {device_name(device)} here",
        "busy": round(time.busy, 2),
    }
    return plan.model_copy(update=measured)
