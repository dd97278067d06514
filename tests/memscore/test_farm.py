"""The farm with real Ray: what it stores is what training without it gives, and outcomes are told."""

from collections.abc import Generator

import numpy as np
import pytest
import torch

from api.in_process import in_process
from memscore.client import Client
from memscore.embedded import dispatching, register
from memscore.errors import JobFailed
from memscore.evidence import evidence_digest
from memscore.farm.dispatcher import owner_may_live, process_identity
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.settings import Settings
from memscore.spec import Design, Recipe
from memscore.store import Database, evidence, jobs
from memscore.subsets import units
from tests.conftest import QUICK, build, make_dataset
from tests.processes import driver_logs


@pytest.fixture
def client(database: Database, settings: Settings) -> Generator[Client]:
    register(database, settings, "made-up", make_dataset())
    with Client(http=in_process(database)) as made:
        yield made


def test_a_job_stores_exactly_what_training_gives(client: Client, database: Database, settings: Settings):
    design = Design(seed=4)
    with dispatching(database, settings):
        job = client.wait(client.submit("made-up", QUICK, trials=25, design=design).id)
    assert (job.state, job.progress.done, job.target_trials) == ("succeeded", 30, 30)

    torch.set_num_threads(1)
    dataset = make_dataset()
    data = DeviceData.of(dataset, torch.device("cpu"))
    trials = [trial for unit in units(QUICK, 30) for trial in train_unit(data, QUICK, design, unit)]
    with database.reading() as connection:
        assert evidence_digest(evidence.load(connection, job.study)) == evidence_digest(trials)
        assert evidence.numbers(connection, job.study, full=True) == [0, 1, 2, 3, 4]
    full = [trial for unit in units(QUICK, 5, full=True) for trial in train_unit(data, QUICK, design, unit)]
    scores, pairs = build(dataset, trials + full, design, job.study)
    assert client.table(job.study).digest == scores.digest
    assert client.pairs_table(job.study).digest == pairs.digest

    with dispatching(database, settings):  # more trials: only the missing block is trained
        more = client.wait(client.submit("made-up", QUICK, trials=40, design=design).id)
    assert more.progress.done == 40
    with database.reading() as connection:
        stored = evidence.load(connection, job.study)
        assert evidence_digest(stored[:30]) == evidence_digest(trials)
        assert [event.state for event in jobs.events(connection, more.id)] == ["queued", "running", "succeeded"]
    table = client.table(job.study)
    assert table.trials == 40
    np.testing.assert_array_equal(table["n_out"], 12)


def test_a_diverging_recipe_fails_the_job_and_says_what_to_change(
    client: Client, database: Database, settings: Settings
):
    wild = Recipe(network="mlp", hidden=(8,), epochs=5, batch_size=8, learning_rate=1000, weight_decay=1)
    with dispatching(database, settings), pytest.raises(JobFailed, match="lower learning_rate") as error:
        client.wait(client.submit("made-up", wild, trials=10).id)
    assert "Traceback" not in str(error.value), driver_logs(settings.home)
    (job,) = client.jobs().jobs
    assert job.state == "failed"
    assert job.error is not None
    assert "Trials 0 to 9 failed" in job.error


def test_the_identity_of_a_process_tells_whether_it_lives():
    own = process_identity()
    assert owner_may_live(own)
    host, pid, started = own.rsplit("/", 2)
    assert not owner_may_live(f"{host}/{pid}/{float(started) - 100:.2f}")
    assert not owner_may_live(f"{host}/{2**22 + 1}/0")
    assert owner_may_live(f"elsewhere/{pid}/0")
