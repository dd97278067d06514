"""The farm with real Ray: it stores what training without it gives, and reports outcomes."""

import subprocess
import sys
from collections.abc import Generator

import numpy as np
import pytest
import torch

from api.serving.in_process import in_process
from memscore.client import Client
from memscore.errors import JobFailed
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.scores.planning import margin_model_of
from memscore.settings import Settings
from memscore.statistics.precision import share_precise
from memscore.store import Database, datasets, evidence, jobs, studies
from memscore.study.evidence import evidence_digest
from memscore.study.spec import Design, Recipe, Target
from memscore.study.subsets import Unit, units
from memscore.workflows.datasets import register
from memscore.workflows.jobs import dispatching
from tests.conftest import QUICK, build, make_dataset
from tests.processes import driver_logs


@pytest.fixture
def one_slot(settings: Settings) -> Settings:
    """Settings for what one worker shows as well as two, in less time."""
    return settings.model_copy(update={"slots": 1})


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
    scores, pairs = build(dataset, trials + full, design, job.study, images=True)
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


@pytest.mark.databases("sqlite")
def test_a_job_stops_when_models_do_not_fit_and_gives_the_name_back(
    client: Client, database: Database, one_slot: Settings
):
    slow = Recipe(network="mlp", hidden=(2,), epochs=1, batch_size=32, learning_rate=1e-6)
    with (
        dispatching(database, one_slot),
        pytest.raises(JobFailed, match=r"learned nothing.*--set learning_rate") as error,
    ):
        client.wait(client.submit("made-up", slow, trials=200, min_in_sample=0.9).id)
    study = client.jobs().jobs[0].study
    assert f"under the name made-up-{study[:8]}" in str(error.value)
    stored = client.study(study)
    assert stored.trials < 100, driver_logs(one_slot.home)
    assert any("learned nothing" in text for text in client.table(study).meta["warnings"])
    with dispatching(database, one_slot):
        good = client.wait(client.submit("made-up", QUICK, trials=10, full_trials=0, min_in_sample=0.1).id)
    assert (good.state, good.study_name) == ("succeeded", "made-up")
    with dispatching(database, one_slot):  # asked for as it is, it goes on
        more = client.wait(client.submit("made-up", slow, trials=stored.trials + 10, full_trials=0).id)
    assert more.state == "succeeded"
    with dispatching(database, one_slot):  # and a study that has succeeded is judged no more, nor renamed
        wanted = client.submit("made-up", slow, trials=stored.trials + 20, full_trials=0, min_in_sample=0.9)
        last = client.wait(wanted.id)
    assert (last.state, last.study_name) == ("succeeded", f"made-up-{study[:8]}")


def test_a_diverging_recipe_fails_the_job_and_says_what_to_change(
    client: Client, database: Database, one_slot: Settings
):
    wild = Recipe(network="mlp", hidden=(8,), epochs=5, batch_size=8, learning_rate=1000, weight_decay=1)
    with dispatching(database, one_slot), pytest.raises(JobFailed, match="lower learning_rate") as error:
        client.wait(client.submit("made-up", wild, trials=10, full_trials=0).id)
    assert "Traceback" not in str(error.value), driver_logs(one_slot.home)
    (job,) = client.jobs().jobs
    assert job.state == "failed"
    assert job.error is not None
    assert "Trials 0 to 9 failed" in job.error
    assert driver_logs(one_slot.home).count("trials 0 to 9 diverged; trying it once more") == 1


def test_a_driver_leaves_torch_to_its_workers():
    code = "import sys, memscore.farm.driver, memscore.farm.workers; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.databases("sqlite")
def test_a_target_of_precision_ends_the_job_when_it_is_reached(client: Client, database: Database, one_slot: Settings):
    target = Target(standard_error=0.12, share=0.8, max_trials=200)
    with dispatching(database, one_slot):
        job = client.wait(client.submit("made-up", QUICK, target=target, full_trials=0, probabilities=True).id)
        table = client.table(job.study)
        assert 20 <= table.trials < 200
        assert table.trials % 10 == 0
        assert table.meta["margin_trials"] == table.trials
        assert share_precise(margin_model_of(table), 0.12) >= 0.8
        assert job.progress.done == job.progress.total == table.trials
        assert table.meta["probability_trials"] == table.trials
        assert np.isfinite(table["mem_prob"]).all()
        assert "have a standard error of at most 0.12 by their margins" in events(database, job.id)[-1]

        # the same precision again needs no trial; all pairs are found without one
        again = client.wait(client.submit("made-up", QUICK, target=target, full_trials=0, pairs="all").id)
        assert client.table(job.study).trials == table.trials
    everything = client.pairs_table(again.study)
    assert everything.meta["scope"] == "all"
    labels = table["label"][everything["train_index"]], table["test_label"][everything["test_index"]]
    assert (labels[0] != labels[1]).any()
    assert (everything["infl"] >= 0.02).all()

    unreachable = Target(settled_at=0.15, share=1.0, max_trials=30)
    with dispatching(database, one_slot):
        short = client.wait(client.submit("made-up", QUICK, target=unreachable, design=Design(seed=9)).id)
    assert short.progress.done == 30
    assert short.outcome is not None
    assert short.outcome == events(database, short.id)[-1]
    assert "reached max_trials" in short.outcome


def events(database: Database, job: str) -> list[str]:
    with database.reading() as connection:
        return [event.message for event in jobs.events(connection, job)]


@pytest.mark.databases("sqlite")
def test_single_trials_are_stored_one_by_one(client: Client, database: Database, one_slot: Settings):
    recipe = Recipe(network="cnn", options={"width": 4}, epochs=1, batch_size=8, learning_rate=0.05)
    with database.writing() as connection:
        dataset = datasets.by_name(connection, "made-up")
        study = studies.ensure(connection, dataset, recipe, Design(), None)
        data = DeviceData.of(make_dataset(), torch.device("cpu"))
        evidence.add(connection, study.id, train_unit(data, recipe, Design(), Unit((3,))))
    with dispatching(database, one_slot):
        job = client.wait(client.submit("made-up", recipe, trials=10, full_trials=1).id)
    with database.reading() as connection:
        stored = evidence.load(connection, job.study)
        assert evidence.numbers(connection, job.study, full=True) == [0]
    expected = [train_unit(data, recipe, Design(), Unit((k,)))[0] for k in range(10)]
    assert evidence_digest(stored) == evidence_digest(expected)
    assert all(trial.train_margin is not None for trial in stored)

    with dispatching(database, one_slot):  # more trials, which record bits alone
        client.wait(client.submit("made-up", recipe, trials=20, full_trials=1, evidence="bits").id)
    expected += [train_unit(data, recipe, Design(), Unit((k,)), kind="bits")[0] for k in range(10, 20)]
    with database.reading() as connection:
        assert evidence_digest(evidence.load(connection, job.study)) == evidence_digest(expected)
    assert client.table(job.study).trials == 20
