"""Two machines of one name, pgbouncer before PostgreSQL, nginx before the service: each dies in mid-job."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from functools import partial

import psutil
import pytest

from memscore.client import Client
from memscore.messages.jobs import JobEvent
from memscore.settings import Settings
from memscore.store import Database, jobs, open_database
from memscore.store.migrate import upgrade
from memscore.store.owners import host_of
from memscore.workflows.datasets import register
from tests.faults.campaign import IN_FLIGHT, Campaign
from tests.faults.postgres import Postgres
from tests.faults.recoveries import Recovery
from tests.faults.reference import Reference
from tests.faults.setups import Apart, Local, dispatch_process
from tests.processes import Family, eventually, kill
from tests.proxies import Between, nginx, pgbouncer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

SIGNALS = (signal.SIGTERM, signal.SIGKILL)
LEASE = 10.0
TWIN = "twin"
MACHINE = ("unshare", "--pid", "--fork", "--mount-proc", "--uts", "sh", "-c", f'hostname {TWIN}; exec "$@"', "sh")
"""A machine of that name, whose processes are numbered from 1; both get the same numbers."""
PREFIX = "/lab/mem"
AWAY_SECONDS = 10.0


@pytest.fixture
def settings(settings_of_sqlite: Settings) -> Settings:
    return settings_of_sqlite.model_copy(update={"network_modules": "tests"})


def registered(settings: Settings, reference: Reference) -> Database:
    """The database of those settings, with the digits."""
    opened = open_database(settings.database)
    upgrade(opened)
    register(opened, settings, "digits", reference.dataset)
    return opened


def undisturbed(seconds: float) -> Sequence[psutil.Process]:
    """Nothing happens for a while."""
    time.sleep(seconds)
    return []


def strike(process: psutil.Process, number: signal.Signals) -> Sequence[psutil.Process]:
    """A signal for one process."""
    kill([process], number)
    return [process]


def power_cut(machine: Family) -> Sequence[psutil.Process]:
    """SIGKILL for all of it."""
    gone = machine.family()
    machine.cut()
    return gone


def test_one_of_two_machines_of_one_name_dies(
    settings: Settings, postgres: Postgres, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    probe = subprocess.run([*MACHINE, "true"], capture_output=True, text=True) if shutil.which("unshare") else None
    if probe is None or probe.returncode:
        pytest.skip(f"this needs the right to unshare namespaces: {probe and probe.stderr.strip()}")
    settings = settings.model_copy(update={"database_url": postgres.create_database(), "lease_seconds": LEASE})
    opened = registered(settings, paced)
    with Apart("two machines of one name", settings, opened, postgres, dispatchers=2, within=MACHINE) as setup:
        campaign = Campaign(setup, paced, chance, recoveries)
        campaign.disturb("nothing", f"for {3 * LEASE:g} s", partial(undisturbed, 3 * LEASE))
        for number in SIGNALS:
            blow = partial(strike, dispatch_process(setup.standby()), number)
            campaign.disturb("other dispatcher", number.name, blow, watched=LEASE)
            blow = partial(strike, dispatch_process(setup.holder()), number)
            campaign.disturb("dispatcher with the job", number.name, blow, attempts=(1,), lost=IN_FLIGHT)
        campaign.disturb(
            "machine with the job", "SIGKILL", partial(power_cut, setup.holder()), attempts=(1,), lost=IN_FLIGHT
        )
        with opened.reading() as connection:
            events = jobs.events(connection, campaign.job)
        owners = [event.message.rpartition(" by ")[2] for event in events if event.state == "running"]
        assert len({owner.rpartition(".")[2] for owner in owners}) > 1, f"all attempts were of one machine: {owners}"
        assert {host_of(owner) for owner in owners} == {TWIN} != {socket.gethostname()}
        assert {owner.split("/")[1] for owner in owners} == {"1"}
        campaign.finish()
    opened.close()


def strike_all(server: Between, number: signal.Signals) -> Sequence[psutil.Process]:
    """A signal for a server and its workers; SIGHUP, with which it reads its configuration again, is for it alone."""
    assert server.family is not None
    if number == signal.SIGHUP:
        server.family.top.send_signal(number)
        return []
    gone = server.family.family()
    kill(gone, number)
    return gone


def keep_away(server: Between) -> Sequence[psutil.Process]:
    """A server is gone for a while."""
    server.cut()
    time.sleep(AWAY_SECONDS)
    return []


def restart(server: Postgres, number: signal.Signals) -> Sequence[psutil.Process]:
    """PostgreSQL goes; the supervisor starts it again."""
    server.stop(number)
    return []


def test_the_pooler_between_all_processes_and_postgresql_dies(
    settings: Settings, postgres: Postgres, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    direct = settings.model_copy(update={"database_url": postgres.create_database()})
    opened = registered(direct, paced)
    bouncer, url = pgbouncer(direct.database)
    with bouncer, Local(direct.model_copy(update={"database_url": url}), opened, postgres, bouncer) as setup:
        setup.name = "local, pgbouncer"
        campaign = Campaign(setup, paced, chance, recoveries)
        for role in ("API", "dispatcher", "driver"):
            assert {one.environ()["MEMSCORE_DATABASE_URL"] for one in setup.find(role)} == {url}
        for number in SIGNALS:
            campaign.disturb("pgbouncer", f"restart, {number.name}", partial(strike_all, bouncer, number))
        campaign.disturb("pgbouncer", f"away for {AWAY_SECONDS:g} s", partial(keep_away, bouncer))
        for number in SIGNALS:
            campaign.disturb("PostgreSQL behind it", f"restart, {number.name}", partial(restart, postgres, number))
        blow = partial(strike, setup.find("driver")[0], signal.SIGKILL)
        campaign.disturb("driver", "SIGKILL", blow, attempts=(1,), lost=IN_FLIGHT)
        campaign.finish()
    opened.close()


class Follower:
    """A client that follows a job's events from its begin to its end, whatever dies in between."""

    def __init__(self, url: str, job: str) -> None:
        self.url = url
        self.job = job
        self.seen: list[tuple[int, str]] = []
        self.progress = 0
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        try:
            with Client(self.url) as client:
                for happening in client.events(self.job):
                    if isinstance(happening, JobEvent):
                        self.seen.append((happening.id, happening.state))
                    else:
                        self.progress += 1
        except Exception as error:  # told by `require`
            self.error = error

    def require_progress(self) -> None:
        """It still hears of the job. Raises AssertionError."""
        before = self.progress
        eventually(lambda: self.progress > before or self.error is not None, 60)
        assert self.error is None, repr(self.error)

    def require_all(self, database: Database) -> None:
        """It has seen each change once, in order. Raises AssertionError."""
        self.thread.join(60)
        assert not self.thread.is_alive()
        assert self.error is None, repr(self.error)
        with database.reading() as connection:
            history = [(event.id, event.state) for event in jobs.events(connection, self.job)]
        assert self.seen == history


def test_the_proxy_before_the_service_and_the_service_behind_it_die(
    settings: Settings, with_digits: Database, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    settings = settings.model_copy(update={"root_path": PREFIX})
    with Apart("local, nginx", settings, with_digits) as setup, nginx(setup.url, PREFIX) as proxy:
        setup.servers.append(proxy)
        setup.url = f"http://127.0.0.1:{proxy.port}{PREFIX}"
        campaign = Campaign(setup, paced, chance, recoveries)
        follower = Follower(setup.url, campaign.job)
        for number in (*SIGNALS, signal.SIGHUP):
            campaign.disturb("nginx", number.name, partial(strike_all, proxy, number))
            follower.require_progress()
        for number in SIGNALS:  # the driver is the dispatcher's, and goes on
            campaign.disturb("API behind nginx", number.name, partial(strike, setup.services[-1].top, number))
            follower.require_progress()
        blow = partial(strike, setup.find("driver")[0], signal.SIGKILL)
        campaign.disturb("driver", "SIGKILL", blow, attempts=(1,), lost=IN_FLIGHT)
        follower.require_progress()
        campaign.finish()
        follower.require_all(with_digits)
        assert [state for _, state in follower.seen].count("running") == 2
