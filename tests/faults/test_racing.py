"""Dispatchers race for jobs and are killed; cancellation races completion: each attempt is launched once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from memscore.messages.jobs import TERMINAL
from memscore.store import Database, datasets, jobs, studies
from memscore.study.spec import Design, Target, Wanted
from tests.conftest import QUICK, StoredStudy
from tests.processes import eventually

DISPATCHERS, JOBS, KILLS = 4, 60, 3


@pytest.fixture
def launches(tmp_path: Path) -> Path:
    return tmp_path / "launches"


@pytest.fixture
def dispatchers(database_url: str, database: Database, launches: Path) -> Generator[list[subprocess.Popen[bytes]]]:
    assert database.engine
    command = [sys.executable, "-m", "tests.faults.racing", database_url, str(launches)]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(DISPATCHERS)]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def submit_to_many_studies(database: Database, study: StoredStudy) -> list[str]:
    """Jobs of as many studies, so that they may run at the same time."""
    submitted: list[str] = []
    with database.writing() as connection:
        dataset = datasets.by_name(connection, study.record.dataset)
        for seed in range(JOBS):
            made = studies.ensure(connection, dataset, QUICK, Design(seed=1000 + seed), f"race-{seed}")
            submitted.append(jobs.submit(connection, made.id, Wanted(target=Target(trials=10)), 0)[0].id)
    return submitted


def test_racing_dispatchers_launch_each_attempt_once(
    database: Database,
    stored_study: StoredStudy,
    dispatchers: list[subprocess.Popen[bytes]],
    launches: Path,
    chance: random.Random,
):
    for process in dispatchers:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    submitted = submit_to_many_studies(database, stored_study)

    def launched() -> list[list[str]]:
        return [line.split() for line in launches.read_text().splitlines()] if launches.exists() else []

    leaders: list[str] = []
    for _ in range(KILLS):
        already = len(launched())
        eventually(lambda already=already: len(launched()) >= already + 5, 30)
        time.sleep(chance.uniform(0, 0.3))
        leader = launched()[-1][0]
        (victim,) = [process for process in dispatchers if str(process.pid) == leader]
        victim.kill()
        victim.wait()
        leaders.append(leader)
    cancelled = chance.sample(submitted, 5)
    with database.writing() as connection:
        for job in cancelled:
            jobs.cancel(connection, job)

    def states() -> list[str]:
        with database.reading() as connection:
            return [jobs.get(connection, job).state for job in submitted]

    eventually(lambda: set(states()) <= set(TERMINAL), 90, lambda: str(states()))
    attempts = [(job, attempt) for _, job, attempt in launched()]
    assert len(set(attempts)) == len(attempts), "an attempt was launched twice"
    owners = [owner for owner, _, _ in launched()]
    terms = [owner for place, owner in enumerate(owners) if place == 0 or owners[place - 1] != owner]
    assert terms[:KILLS] == leaders
    assert len(terms) <= KILLS + 1, "one leads until it dies"
    with database.reading() as connection:
        for job in submitted:
            record = jobs.get(connection, job)
            history = [event.state for event in jobs.events(connection, job)]
            claims = history.count("running")
            assert claims == record.attempt
            # a dispatcher that dies between its claim and the launch leaves an attempt without one
            assert 0 <= claims - sum(launch == job for launch, _ in attempts) <= KILLS
            assert record.state == "succeeded" or (record.state == "cancelled" and job in cancelled)
            assert history[-1] == record.state
            assert sum(state in TERMINAL for state in history) == 1
