"""The services of docker-compose.yml run as it says, but for the engine: they get well, and what stops comes back."""

from __future__ import annotations

import time

import httpx
import pytest

from memscore.client import Client
from memscore.messages.jobs import JobMessage
from memscore.study.spec import BLOCK
from tests.deployment.native import Deployment
from tests.faults.reference import Reference
from tests.processes import eventually

GETS_WELL_SECONDS = 300.0  # workers need two minutes to notice that their head is gone
BLOCKS = 8  # that each job adds to the study, trial by trial; something stops when it has added the first few


def test_database_migration_api_and_dispatcher_get_well_and_the_checks_notice_what_is_missing(
    deployment: Deployment, given: dict[str, str]
):
    key = deployment.run_once("api", "memscore", "keys", "create", "admin", "--scope", "admin").strip()
    api, dispatcher, head = (deployment.create(name)[0] for name in ("api", "dispatcher", "ray-head"))
    assert "Connection refused" in (api.check() or "")
    assert "No dispatcher leads" in (dispatcher.check() or "")
    assert "Ray does not answer" in (head.check() or "")
    api.start()
    dispatcher.start()
    eventually(lambda: api.check() is None, 60, deployment.logs)
    eventually(lambda: dispatcher.check() is None, 60, deployment.logs)
    assert deployment.run("dispatcher", "memscore", "datasets", "add", "digits")
    with Client(deployment.url, key) as client:
        job = client.submit("digits", "digits", trials=10)
        eventually(lambda: "Ray does not answer" in (client.job(job.id).waiting_for or ""), 20, deployment.logs)
        assert client.dataset("digits").name == "digits"
    assert httpx.get(f"{deployment.url}/v1/datasets/digits").status_code == 401
    log = (dispatcher.folder / "log").read_text()
    assert log.startswith('{"')
    assert not [name for name in ("POSTGRES_PASSWORD", "RAY_AUTH_TOKEN") if given[name] in deployment.logs()]
    db = deployment.one("db")
    db.stop()
    assert db.check() is not None
    assert "503" in (api.check() or "")
    assert dispatcher.check() is not None
    db.start()
    eventually(lambda: not db.check() and not api.check() and not dispatcher.check(), 60, deployment.logs)
    assert (api.starts, dispatcher.starts) == (1, 1), "they waited for the database"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_job_ends_with_the_right_bits_whatever_service_stops(deployment: Deployment, paced: Reference):
    key = deployment.run_once("api", "memscore", "keys", "create", "admin", "--scope", "admin").strip()
    deployment.up("api", "dispatcher", "ray-worker")
    eventually(lambda: not deployment.ill(), 120, deployment.logs)
    deployment.run("dispatcher", "memscore", "datasets", "add", "digits")
    trials = 0
    with Client(deployment.url, key) as client:
        for victim in ("api", "dispatcher", "db", "ray-worker", "ray-head"):
            before, trials = trials, trials + BLOCKS * BLOCK
            job = client.submit("digits", paced.recipe, trials=trials)
            eventually(lambda job=job, before=before: client.job(job.id).progress.done > before, 120, deployment.logs)
            assert client.job(job.id).state == "running"
            stopped = time.monotonic()
            deployment.containers[victim][0].stop()
            assert deployment.containers[victim][0].check() is not None
            ended = finish(deployment, client, job)
            assert (ended.state, ended.progress.done) == ("succeeded", trials), deployment.logs()
            digests = client.table(job.study).digest, client.pairs_table(job.study).digest
            assert digests == paced.tables(trials), victim
            assert deployment.containers[victim][0].starts == 2
            starts = {name: sum(one.starts for one in made) for name, made in deployment.containers.items()}
            print(f"{victim}: {time.monotonic() - stopped:.0f} s, attempt {ended.attempt}, starts {starts}", flush=True)


def finish(deployment: Deployment, client: Client, job: JobMessage) -> JobMessage:
    """Let it run, with stopped services started again, until the job has ended and every service is well."""

    def ended_and_well() -> bool:
        deployment.supervise()
        return not deployment.ill() and client.job(job.id).finished

    eventually(ended_and_well, GETS_WELL_SECONDS, deployment.logs)
    return client.job(job.id)
