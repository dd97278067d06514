"""Estimation from Python: the job runs in this process, and its progress goes to the caller."""

from __future__ import annotations

import pytest

from memscore.client import Client
from memscore.errors import InvalidInput, NotFound
from memscore.messages.jobs import JobMessage
from memscore.settings import Settings
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
