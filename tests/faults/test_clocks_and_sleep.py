"""Clocks are set by hours in mid-job, and machines and single processes sleep for longer than every lease."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

import psutil
import pytest

from memscore.settings import Settings
from memscore.store import Database, open_database
from memscore.store.migrate import upgrade
from memscore.workflows.datasets import register
from tests.faults.campaign import IN_FLIGHT, Campaign
from tests.faults.clocks import Clock
from tests.faults.postgres import Postgres
from tests.faults.recoveries import Recovery
from tests.faults.reference import Reference
from tests.faults.setups import Apart, Local, dispatch_process
from tests.processes import kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

HOURS = 3 * 3600
TIME_LIMIT = 3000.0  # seconds a job may run: more than it does here, less than a step of the clock
LEASE, STALL = 15.0, 90.0
NAP, SLEEP = 20.0, 100.0  # longer than the leases of jobs and of the lead; longer than a driver may be silent too


@pytest.fixture
def settings(settings_of_sqlite: Settings) -> Settings:
    return settings_of_sqlite.model_copy(update={"network_modules": "tests", "lease_seconds": LEASE})


def registered(settings: Settings, reference: Reference) -> Database:
    """The database of those settings, with the digits."""
    opened = open_database(settings.database)
    upgrade(opened)
    register(opened, settings, "digits", reference.dataset)
    return opened


def set_clock(
    clock: Clock,
    seconds: int,
    killed: Callable[[], list[psutil.Process]] = list,
    ending: Callable[[], list[psutil.Process]] = list,
) -> Sequence[psutil.Process]:
    """Set the clock, just after some processes were killed; those, and others that must end with them."""
    victims = killed()
    gone = [*victims, *ending()]
    kill(victims)
    clock.set(seconds)
    return gone


def set_ahead(clock: Clock) -> Sequence[psutil.Process]:
    """Set the clock ahead again and again; whose lease is judged first, and by whom, is chance each time."""
    for step in range(1, 4):
        clock.set(step * HOURS)
        time.sleep(LEASE / 3)
    return []


def suspend(found: Callable[[], list[psutil.Process]], seconds: float) -> Sequence[psutil.Process]:
    """Stop processes for a while, those too that others begin meanwhile, and let all go on."""
    stopped: list[psutil.Process] = []
    while new := [one for one in found() if one not in stopped]:
        kill(new, signal.SIGSTOP)
        stopped += new
    assert stopped
    time.sleep(seconds)
    kill(stopped, signal.SIGCONT)
    return []


def test_the_clock_of_a_machine_is_set_in_mid_job(
    settings: Settings,
    with_digits: Database,
    clock: Clock,
    paced: Reference,
    chance: random.Random,
    recoveries: list[Recovery],
):
    """Two dispatchers, as `memscore serve` beside `memscore estimate`: one judges the other's leases by that clock."""
    began = time.monotonic()
    with Apart("local, two dispatchers", settings, with_digits, dispatchers=2, environment=clock.environment) as setup:
        campaign = Campaign(setup, paced, chance, recoveries, TIME_LIMIT)
        victims = {
            "driver": lambda: setup.find("driver"),
            "dispatcher with the job": lambda: [dispatch_process(setup.holder())],
        }
        campaign.disturb("clock", "ahead by 3 h, three times", partial(set_ahead, clock), watched=LEASE)
        campaign.disturb("clock", "back by 9 h", partial(set_clock, clock, 0), watched=LEASE)
        campaign.disturb("clock", "back by 3 h more", partial(set_clock, clock, -HOURS), watched=LEASE)
        blow = partial(set_clock, clock, -HOURS, lambda: setup.find("actor")[:1])
        campaign.disturb("actor", "SIGKILL, with the clock back by 12 h", blow, lost=1)
        for victim, find in victims.items():
            for how, seconds in (("ahead", HOURS), ("back", -HOURS)):
                blow = partial(set_clock, clock, seconds, find, lambda: setup.find("actor"))
                text = f"SIGKILL, and the clock {how} by 6 h"
                campaign.disturb(victim, text, blow, attempts=(1,), lost=IN_FLIGHT)
        assert campaign.record().ran_seconds < time.monotonic() - began + 7 * 120, "a step counts two minutes at most"
        campaign.finish()


def test_the_clock_of_the_databases_machine_is_set_in_mid_job(
    settings: Settings, clock: Clock, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    with Postgres(clock.environment) as server:
        settings = settings.model_copy(update={"database_url": server.create_database()})
        opened = registered(settings, paced)
        with Local(settings, opened, server) as setup:
            campaign = Campaign(setup, paced, chance, recoveries, TIME_LIMIT)
            campaign.disturb("PostgreSQL's clock", "ahead by 3 h", partial(set_clock, clock, HOURS), watched=LEASE)
            with server.connect() as connection:
                row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            assert row is not None
            assert abs(row[0] - time.time() - HOURS) < 60
            campaign.disturb("PostgreSQL's clock", "back by 6 h", partial(set_clock, clock, -HOURS), watched=LEASE)
            blow = partial(set_clock, clock, -2 * HOURS, *(partial(setup.find, role) for role in ("driver", "actor")))
            campaign.disturb(
                "driver", "SIGKILL, and PostgreSQL's clock back by 3 h", blow, attempts=(1,), lost=IN_FLIGHT
            )
            campaign.finish()
        opened.close()


def test_machines_and_processes_sleep_for_longer_than_every_lease(
    settings: Settings, postgres: Postgres, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    url = postgres.create_database()
    settings = settings.model_copy(update={"database_url": url, "stall_seconds": STALL})
    opened = registered(settings, paced)
    with Apart("local, two dispatchers, PostgreSQL", settings, opened, postgres, dispatchers=2) as setup:
        campaign = Campaign(setup, paced, chance, recoveries)

        def sleep(
            who: str, found: Callable[[], list[psutil.Process]], seconds: float = NAP, *, attempts: int = 0
        ) -> None:
            blow = partial(suspend, found, seconds)
            lost = IN_FLIGHT * attempts
            campaign.disturb(who, f"stopped for {seconds:g} s", blow, attempts=(attempts,), lost=lost, watched=LEASE)

        sleep("all processes", setup.processes, SLEEP)
        sleep("all processes and PostgreSQL", lambda: [*setup.processes(), *postgres.processes()])
        sleep("API", lambda: setup.find("API"))
        holder = dispatch_process(setup.holder())
        sleep("dispatcher with the job", lambda: [holder], attempts=1)  # the other cannot know that it will wake up
        standby = dispatch_process(setup.standby())
        sleep("other dispatcher", lambda: [standby])
        sleep("driver", lambda: setup.find("driver"))
        sleep("driver", lambda: setup.find("driver"), SLEEP, attempts=1)  # silent for longer than it may be
        sleep("workers", lambda: setup.find("actor"))
        sleep("raylet and GCS", lambda: [*setup.find("raylet"), *setup.find("GCS")])
        sleep("PostgreSQL", postgres.processes)
        campaign.finish()
    opened.close()
