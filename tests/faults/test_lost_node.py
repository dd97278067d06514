"""A cluster of three nodes loses one for good in mid-job: the job ends, and only what was in flight there is lost."""

from __future__ import annotations

import pytest

from memscore.client import Client
from memscore.settings import Settings
from memscore.store import Database, evidence, jobs
from memscore.study.evidence import evidence_digest
from tests.faults.postgres import Postgres
from tests.faults.reference import FULL, Reference
from tests.faults.setups import Cluster
from tests.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TRIALS = 60


@pytest.fixture
def settings(postgres: Postgres, settings_of_sqlite: Settings) -> Settings:
    return settings_of_sqlite.model_copy(
        update={"database_url": postgres.create_database(), "network_modules": "tests"}
    )


def test_the_job_ends_and_what_was_in_flight_there_is_trained_again(
    settings: Settings, with_digits: Database, postgres: Postgres, paced: Reference
):
    with Cluster(settings, with_digits, postgres) as cluster, Client(cluster.url) as client:
        assert len(cluster.ray.alive_nodes()) == 3
        job = client.submit("digits", paced.recipe, trials=TRIALS)

        def stored() -> int:
            with with_digits.reading() as connection:
                return evidence.count(connection, job.study)

        eventually(lambda: stored() and not cluster.missing(), 180)
        before = stored()
        assert before < TRIALS
        lost = cluster.workers()[0]
        cluster.ray.kill(lost)
        done = client.wait(job.id)
        assert (done.state, done.progress.done) == ("succeeded", TRIALS)
        assert not lost.running
        with with_digits.reading() as connection:
            trials = evidence.load(connection, job.study)
            states = [event.state for event in jobs.events(connection, job.id)]
        assert states == ["queued", "running", "succeeded"], "no attempt was lost"
        assert evidence_digest(trials) == paced.digest(TRIALS)
        assert (client.table(job.study).digest, client.pairs_table(job.study).digest) == paced.tables(TRIALS)
        begun = cluster.trainings.stat().st_size
        print(f"{before} trials were stored when the node died; {begun - TRIALS - FULL} were begun again")
        assert begun - TRIALS - FULL <= 1
