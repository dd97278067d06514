"""Estimation from Python: the job runs in this process, and its progress goes to the caller."""

from __future__ import annotations

import pytest

from memscore.client import Client
from memscore.errors import InvalidInput, NotFound
from memscore.messages.jobs import JobMessage
from memscore.settings import Settings
from memscore.study.automatic import automatic
from memscore.study.spec import Target
from memscore.workflows.embedded import opened_application
from memscore.workflows.estimation import EstimationRequest, estimate, plan
from tests.conftest import QUICK


def test_scores_are_estimated_and_progress_is_reported(settings: Settings):
    request = EstimationRequest("made-up", QUICK, Target(trials=20), extras={"full_trials": 5})
    assert plan(request, settings).new_trials == 25
    seen: list[JobMessage] = []

    def follow(client: Client, job: JobMessage) -> JobMessage:
        return client.wait(job.id, seen.append)

    found = estimate(request, settings, follow=follow)
    assert (found.job.state, found.study.trials) == ("succeeded", 20)
    assert (seen[-1].id, seen[-1].progress.done) == (found.job.id, 20)
    assert plan(request, settings).new_trials == 0
    with opened_application(settings) as (_, client):
        assert client.table(found.study.name).trials == 20


@pytest.mark.parametrize(
    ("request_", "kind", "said"),
    [
        (EstimationRequest("nothing"), NotFound, "There is no dataset 'nothing'"),
        (EstimationRequest("made-up", "nothing"), NotFound, "There is no recipe 'nothing'"),
        (EstimationRequest("made-up", study_name="a b"), InvalidInput, "study_name"),
        (
            EstimationRequest("made-up", QUICK.model_copy(update={"network": "nowhere.at:all", "hidden": ()})),
            InvalidInput,
            "cannot import nowhere.at",
        ),
    ],
    ids=["dataset", "recipe", "name", "network"],
)
def test_what_cannot_be_is_refused_before_a_job_is_made(
    settings: Settings, request_: EstimationRequest, kind: type[Exception], said: str
):
    with pytest.raises(kind, match=said):
        estimate(request_, settings)
    with opened_application(settings) as (_, client):
        assert client.jobs().jobs == []


def test_a_recipe_is_chosen_by_the_dataset_and_can_be_changed(settings: Settings):
    notes: list[str] = []
    request = EstimationRequest("made-up", changes={"epochs": "3", "hidden": "[16]"})
    planned = plan(request, settings, on_note=notes.append)
    assert planned.busy >= 1
    assert planned.other_seconds > 0
    assert len(notes) == 1
    assert notes[0].startswith("recipe mlp 16, 3 epochs: chosen for")
    with pytest.raises(InvalidInput, match=r"^--set: epochs"):
        plan(EstimationRequest("made-up", changes={"epochs": "three"}), settings)


def test_the_service_chooses_too_and_says_so(settings: Settings):
    with opened_application(settings) as (_, client):
        job = client.submit("made-up", "auto", trials=10)
        assert any(": chosen for 60 training images of " in text for text in job.notes)
        recipe = client.study(job.study).recipe
        dataset = client.dataset("made-up")
        assert recipe == automatic(dataset.train_samples, dataset.image_shape)
