"""Fixtures of the fault tests: references, seeded chance, and the table of recoveries at the end of the run."""

from __future__ import annotations

import os
import random
from collections.abc import Generator
from dataclasses import asdict

import pytest

from memscore.settings import Settings
from memscore.store import Database, open_database
from memscore.store.migrate import upgrade
from memscore.workflows.datasets import register
from tests.faults.clocks import Clock
from tests.faults.postgres import Postgres
from tests.faults.recoveries import Recovery, as_markdown
from tests.faults.reference import PACED, STACKED, Reference

RECOVERY = "recovery"


@pytest.fixture
def recoveries(request: pytest.FixtureRequest) -> Generator[list[Recovery]]:
    """Where a test notes what a job got over; printed after the last test."""
    noted: list[Recovery] = []
    yield noted
    request.node.user_properties += [(RECOVERY, asdict(one)) for one in noted]  # which come here from other processes


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for kind in terminalreporter.stats.values() for one in kind if isinstance(one, pytest.TestReport)]
    ended = [one for one in reports if one.when == "teardown"]
    noted = [Recovery(**value) for one in ended for name, value in one.user_properties if name == RECOVERY]  # pyright: ignore[reportCallIssue]
    if noted:
        terminalreporter.section("recoveries")
        terminalreporter.write_line(as_markdown(noted))


@pytest.fixture
def chance() -> random.Random:
    """Random moments and victims; FAULTS_SEED repeats those of a run that failed."""
    seed = int(os.environ.get("FAULTS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"FAULTS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="session")
def stacked() -> Reference:
    return Reference(STACKED)


@pytest.fixture(scope="session")
def paced() -> Reference:
    return Reference(PACED)


@pytest.fixture
def postgres() -> Generator[Postgres]:
    """A server of the test's own, which it may kill."""
    with Postgres() as server:
        yield server


@pytest.fixture
def clock() -> Generator[Clock]:
    """A wall clock that can be set."""
    with Clock() as made:
        yield made


@pytest.fixture
def with_digits(settings: Settings, paced: Reference) -> Generator[Database]:
    """The database of the test's settings, in which the digits are registered."""
    opened = open_database(settings.database)
    upgrade(opened)
    register(opened, settings, "digits", paced.dataset)
    yield opened
    opened.close()
