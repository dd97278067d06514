"""Estimating the scores of a dataset, in this process or by a service, and planning what that costs."""

from __future__ import annotations

from dataclasses import dataclass, field

from memscore.client import Client, Extras
from memscore.errors import Conflict
from memscore.messages.jobs import JobMessage, Plan
from memscore.messages.studies import StudyMessage
from memscore.settings import Settings
from memscore.store import Database, evidence
from memscore.study import signatures
from memscore.study.recipes import recipe_of
from memscore.study.spec import NETWORKS, Design, Recipe, Target, study_id
from memscore.workflows.datasets import ensure_registered
from memscore.workflows.embedded import opened_application
from memscore.workflows.jobs import run_job
from memscore.workflows.watching import Follow, OnNote, follow_silently, ignore


@dataclass(frozen=True)
class EstimationRequest:
    """Which scores to estimate: the dataset, the study, and the precision."""

    dataset: str
    recipe: str | Recipe = "digits"
    target: Target = field(default_factory=lambda: Target(trials=200))
    design: Design = field(default_factory=Design)
    study_name: str | None = None
    extras: Extras = field(default_factory=Extras)


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
    _require_network(database, settings, record.fingerprint, request)
    job = _submit(client, request, on_note)
    job = run_job(database, client, settings, job, follow=follow, on_note=on_note)
    return Estimation(job, client.study(job.study))


def estimate_with(
    client: Client, request: EstimationRequest, *, follow: Follow = follow_silently, on_note: OnNote = ignore
) -> Estimation:
    """Estimate scores with the service of `client`. Raises the client's errors, and JobFailed."""
    job = follow(client, _submit(client, request, on_note))
    return Estimation(job, client.study(job.study))


def plan(request: EstimationRequest, settings: Settings) -> Plan:
    """The cost and expected precision of `estimate`. Times a trial on this machine, and queues nothing.

    Raises like `estimate` before any work starts.
    """
    with opened_application(settings) as (database, client):
        record = ensure_registered(database, settings, request.dataset)
        _require_network(database, settings, record.fingerprint, request)
        planned = plan_with(client, request)
        return _calibrated(planned, settings, record.fingerprint, recipe_of(request.recipe), request.design)


def plan_with(client: Client, request: EstimationRequest) -> Plan:
    """The cost and expected precision of `estimate_with`, as planned by the service."""
    return client.plan(request.dataset, request.recipe, target=request.target, design=request.design, **request.extras)


def _submit(client: Client, request: EstimationRequest, on_note: OnNote) -> JobMessage:
    job = client.submit(
        request.dataset,
        request.recipe,
        target=request.target,
        design=request.design,
        study_name=request.study_name,
        **request.extras,
    )
    for text in job.notes:
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


def _calibrated(plan: Plan, settings: Settings, fingerprint: str, recipe: Recipe, design: Design) -> Plan:
    """The plan with a trial's duration measured here, on one thread."""
    import torch

    from memscore.datasets.storage import open_dataset
    from memscore.learning.calibration import seconds_a_trial
    from memscore.learning.data import DeviceData
    from memscore.learning.unit import device_name, prepare

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    prepare(device)
    data = DeviceData.of(open_dataset(settings.home, fingerprint), device)
    seconds = seconds_a_trial(data, recipe, design)
    measured = {
        "seconds_a_trial": seconds,
        "device_seconds": plan.new_trials * seconds,
        "timed_on": f"a few steps on {device_name(device)} here",
    }
    return plan.model_copy(update=measured)
