"""Every process of a service with drivers of its own dies by SIGTERM and by SIGKILL, at random moments of one job."""

from __future__ import annotations

import random
import signal
from collections.abc import Generator

import pytest

from memscore.embedded import register
from memscore.settings import Settings
from memscore.store import Database, open_database
from memscore.store.migrate import upgrade
from tests.faults.campaign import Campaign
from tests.faults.postgres import Postgres
from tests.faults.recoveries import Recovery
from tests.faults.reference import Reference
from tests.faults.setups import SLOTS, Local
from tests.processes import kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SIGNALS = (signal.SIGTERM, signal.SIGKILL)


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Postgres | None:
    return request.getfixturevalue("postgres") if request.param == "postgresql" else None


@pytest.fixture
def settings(server: Postgres | None, settings_of_sqlite: Settings) -> Settings:
    url = server and server.create_database()
    return settings_of_sqlite.model_copy(update={"database_url": url, "network_modules": "tests"})


@pytest.fixture
def database(settings: Settings, paced: Reference) -> Generator[Database]:
    opened = open_database(settings.database)
    upgrade(opened)
    register(opened, settings, "digits", paced.dataset)
    yield opened
    opened.close()


@pytest.fixture
def setup(settings: Settings, database: Database, server: Postgres | None) -> Generator[Local]:
    with Local(settings, database, server) as started:
        yield started


def test_every_process_dies(setup: Local, paced: Reference, chance: random.Random, recoveries: list[Recovery]):
    campaign = Campaign(setup, paced, chance, recoveries)
    for role in ("actor", "driver", "raylet", "GCS", "dispatcher", "API"):
        for number in SIGNALS:

            def strike(role: str = role, number: signal.Signals = number):
                victims = setup.find(role)[:1]
                kill(victims, number)
                return victims

            if role == "actor":
                campaign.disturb(role, number.name, strike, lost=1)
            else:
                campaign.disturb(role, number.name, strike, attempts=(1,), lost=2 * SLOTS)
    campaign.may_be_lost += 2 * SLOTS
    campaign.finish()
