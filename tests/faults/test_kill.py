"""Processes die in mid-job; the study ends with the same bits, and nothing is left behind."""

import signal
from pathlib import Path

import pytest
import torch

from memscore.client import Client
from memscore.datasets import load_source
from memscore.learning.data import DeviceData
from memscore.learning.unit import train_unit
from memscore.settings import Settings
from memscore.store import Database, evidence, jobs
from memscore.study.spec import Design, Recipe
from memscore.study.subsets import units
from memscore.workflows.datasets import register
from tests.conftest import build
from tests.processes import alive, driver_logs, eventually, kill, service

TRIALS = 40
RECIPE = Recipe(network="mlp", hidden=(96,), epochs=40, batch_size=32, learning_rate=0.1)  # a second or two a block


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[str, str]:
    """Digests of the tables from training without farm, service or database."""
    torch.set_num_threads(1)
    dataset = load_source("digits")
    data = DeviceData.of(dataset, torch.device("cpu"))
    trials = [trial for unit in units(RECIPE, TRIALS) for trial in train_unit(data, RECIPE, Design(), unit)]
    trials += [t for unit in units(RECIPE, 5, full=True) for t in train_unit(data, RECIPE, Design(), unit)]
    from memscore.study.spec import study_id

    scores, pairs = build(dataset, trials, Design(), study_id(dataset.fingerprint, RECIPE, Design()), images=True)
    return scores.digest, pairs.digest


ON_SQLITE = pytest.mark.databases("sqlite")
ON_POSTGRESQL = pytest.mark.databases("postgresql")
"""One database is enough for each test here: test_kill_matrix.py has everything on both."""


@pytest.fixture
def registered(database: Database, settings: Settings) -> Database:
    register(database, settings, "digits", load_source("digits"))
    return database


def stored(database: Database, study: str) -> int:
    with database.reading() as connection:
        return evidence.count(connection, study)


def states(database: Database, job: str) -> list[str]:
    """All states the job has been in, first to last."""
    with database.reading() as connection:
        return [event.state for event in jobs.events(connection, job)]


def finish(url: str, settings: Settings, study: str, uninterrupted: tuple[str, str], job: str) -> None:
    """The job succeeds, all trials are there, and the tables are those of an uninterrupted run."""
    with Client(url) as client:
        done = client.wait(job)
        assert done.state == "succeeded", driver_logs(settings.home)
        assert done.progress.done == TRIALS
        assert (client.table(study).digest, client.pairs_table(study).digest) == uninterrupted


@ON_POSTGRESQL
def test_an_actor_a_driver_and_then_everything_killed_and_the_study_ends_with_the_same_bits(
    registered: Database, settings: Settings, uninterrupted: tuple[str, str]
):
    with service(settings) as first:
        with Client(first.url) as client:
            job = client.submit("digits", RECIPE, trials=TRIALS)
        for count, part in ((1, "ray::UnitTrainer"), (10, "memscore.farm.driver")):
            eventually(lambda count=count: stored(registered, job.study) >= count)
            victims = first.find(part)
            assert victims, f"no process {part!r}"
            victims[0].send_signal(signal.SIGKILL)
        # Of blocks finished at once 20 trials may be stored before the service has noticed the driver's end.
        eventually(lambda: states(registered, job.id) == ["queued", "running", "recovering", "running"])
        eventually(lambda: stored(registered, job.study) >= 20)
        kill(first.family())
    before = stored(registered, job.study)
    assert 20 <= before < TRIALS
    with service(settings) as second:
        with Client(second.url) as client:
            assert client.submit("digits", RECIPE, trials=TRIALS).id == job.id
        finish(second.url, settings, job.study, uninterrupted, job.id)
    recovered = ["recovering", "running"]
    assert states(registered, job.id) == ["queued", "running", *recovered, *recovered, "succeeded"]
    eventually(lambda: not list(Path("/tmp").glob(f"ms-{job.id}-*")), 10)


@ON_SQLITE
def test_a_killed_dispatcher_is_replaced_while_its_driver_goes_on(
    registered: Database, settings: Settings, uninterrupted: tuple[str, str]
):
    with service(settings) as running:
        with Client(running.url) as client:
            job = client.submit("digits", RECIPE, trials=TRIALS)
        eventually(lambda: stored(registered, job.study) >= 10)
        running.find("memscore.cli dispatch")[0].send_signal(signal.SIGKILL)
        finish(running.url, settings, job.study, uninterrupted, job.id)


@ON_SQLITE
def test_nothing_outlives_the_service(registered: Database, settings: Settings):
    with service(settings) as running:
        with Client(running.url) as client:
            client.submit("digits", RECIPE, trials=1000)
        eventually(lambda: running.find("ray::UnitTrainer"))
        family = running.family()
        assert len(family) > 5
        running.top.kill()
        eventually(lambda: not alive(family), 40)


@ON_SQLITE
def test_a_stopped_service_gives_its_job_back_and_cancel_is_a_pause(
    registered: Database, settings: Settings, uninterrupted: tuple[str, str]
):
    with service(settings) as running:
        with Client(running.url) as client:
            job = client.submit("digits", RECIPE, trials=TRIALS)
            eventually(lambda: stored(registered, job.study) >= 10)
            client.cancel(job.id)
            *_, last = client.watch(job.id)
            assert last.state == "cancelled"
            kept = stored(registered, job.study)
            assert 10 <= kept < TRIALS
            assert client.table(job.study).trials == kept
            again = client.submit("digits", RECIPE, trials=TRIALS)
            assert again.id != job.id
            eventually(lambda: client.job(again.id).state == "running")
        family = running.family()
        assert running.stop() == 0
        eventually(lambda: not alive(family), 20)
    with registered.reading() as connection:
        assert jobs.get(connection, again.id).state == "queued"
    with service(settings) as second:
        finish(second.url, settings, job.study, uninterrupted, again.id)
