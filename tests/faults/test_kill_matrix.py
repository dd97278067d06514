"""Everything dies by SIGTERM and by SIGKILL, at random moments of one job: on one machine, and on a cluster."""

from __future__ import annotations

import random
import signal
from collections.abc import Generator, Sequence
from functools import partial

import psutil
import pytest

from memscore.settings import Settings
from memscore.store import Database
from tests.faults.campaign import IN_FLIGHT, Campaign
from tests.faults.postgres import Postgres
from tests.faults.recoveries import Recovery
from tests.faults.reference import Reference
from tests.faults.setups import Cluster, Local, Setup
from tests.processes import kill
from tests.ray_cluster import Node

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SIGNALS = (signal.SIGTERM, signal.SIGKILL)
KILLS = 20


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Postgres | None:
    return request.getfixturevalue("postgres") if request.param == "postgresql" else None


@pytest.fixture
def settings(server: Postgres | None, settings_of_sqlite: Settings) -> Settings:
    url = server and server.create_database()
    return settings_of_sqlite.model_copy(update={"database_url": url, "network_modules": "tests"})


@pytest.fixture
def local(settings: Settings, with_digits: Database, server: Postgres | None) -> Generator[Local]:
    with Local(settings, with_digits, server) as started:
        yield started


@pytest.fixture
def cluster(settings: Settings, with_digits: Database, server: Postgres) -> Generator[Cluster]:
    with Cluster(settings, with_digits, server) as started:
        yield started


def strike(setup: Setup, role: str, number: signal.Signals) -> Sequence[psutil.Process]:
    """A signal for the newest process of a role."""
    victims = setup.find(role)[:1]
    assert victims, f"no {role} runs"
    kill(victims, number)
    return victims


def cut_off(cluster: Cluster, node: Node, number: signal.Signals) -> Sequence[psutil.Process]:
    """A signal for a node's `ray start`, or the power cut for all of it."""
    processes = node.processes()
    if number == signal.SIGKILL:
        cluster.ray.kill(node)
    else:
        processes[0].send_signal(number)
    return processes


def restart(server: Postgres, number: signal.Signals) -> Sequence[psutil.Process]:
    """The database goes, by an orderly restart or by a crash; the supervisor starts it again."""
    server.stop(number)
    return []


def cut_connections(server: Postgres) -> Sequence[psutil.Process]:
    """All its clients lose their connections."""
    assert server.cut_connections() > 0
    return []


def disturb_database(campaign: Campaign, server: Postgres) -> None:
    """It costs no attempt: what is finished waits in the driver's memory."""
    for number in SIGNALS:
        campaign.disturb("PostgreSQL", f"restart, {number.name}", partial(restart, server, number))
    campaign.disturb("PostgreSQL", "connections cut", partial(cut_connections, server))


def test_every_process_of_a_machine_dies(
    local: Local, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    campaign = Campaign(local, paced, chance, recoveries)
    for role in ("actor", "driver", "raylet", "GCS", "dispatcher", "API"):
        for number in SIGNALS:
            blow = partial(strike, local, role, number)
            if role == "actor":
                campaign.disturb(role, number.name, blow, lost=1)
            else:
                campaign.disturb(role, number.name, blow, attempts=(1,), lost=IN_FLIGHT)
    if local.postgres is not None:
        disturb_database(campaign, local.postgres)
    campaign.finish()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_every_process_of_a_cluster_dies(
    cluster: Cluster, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    campaign = Campaign(cluster, paced, chance, recoveries)
    for number in SIGNALS:
        for role in ("API", "dispatcher"):  # drivers outlive both
            campaign.disturb(role, number.name, partial(strike, cluster, role, number))
        campaign.disturb("actor", number.name, partial(strike, cluster, "actor", number), lost=1)
        blow = partial(strike, cluster, "driver", number)
        campaign.disturb("driver", number.name, blow, attempts=(1,), lost=IN_FLIGHT)
        raylet = chance.choice(cluster.workers()).find("raylet")[:1]
        campaign.disturb("raylet of a node", number.name, partial(_signalled, raylet, number), lost=1)
        node = chance.choice(cluster.workers())
        campaign.disturb("node", number.name, partial(cut_off, cluster, node, number), lost=1)
        # The head takes the driver with it; the next attempt may meet the end of the nodes, which follow the head.
        again = (1, 2)
        raylet = cluster.ray.head.find("raylet")[:1]
        blow = partial(_signalled, raylet, number)
        campaign.disturb("raylet of the head", number.name, blow, attempts=again, lost=2 * IN_FLIGHT)
        blow = partial(strike, cluster, "GCS", number)
        campaign.disturb("GCS", number.name, blow, attempts=again, lost=2 * IN_FLIGHT)
        blow = partial(cut_off, cluster, cluster.ray.head, number)
        campaign.disturb("head node", number.name, blow, attempts=again, lost=2 * IN_FLIGHT)
    assert cluster.postgres is not None
    disturb_database(campaign, cluster.postgres)
    campaign.finish()


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_twenty_random_kills_within_one_job(
    local: Local, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    campaign = Campaign(local, paced, chance, recoveries)
    for _ in range(KILLS):
        role = chance.choice(("actor", "driver", "raylet", "GCS", "dispatcher", "API"))
        number = chance.choice(SIGNALS)
        blow = partial(strike, local, role, number)
        campaign.disturb(role, f"{number.name}, at random", blow, attempts=(0, 1), lost=IN_FLIGHT)
    campaign.finish()


def _signalled(processes: list[psutil.Process], number: signal.Signals) -> Sequence[psutil.Process]:
    assert processes
    kill(processes, number)
    return processes
