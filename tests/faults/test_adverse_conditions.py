"""A disk that is full, a home that cannot be written, clocks that are wrong: jobs wait or go on, and lose nothing."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from memscore.client import Client
from memscore.errors import MemscoreError
from memscore.settings import Settings
from memscore.store import Database, open_database
from memscore.store.migrate import upgrade
from memscore.workflows.datasets import register
from tests.faults.campaign import IN_FLIGHT, Campaign
from tests.faults.clocks import Clock
from tests.faults.postgres import Postgres
from tests.faults.recoveries import Recovery
from tests.faults.reference import Reference
from tests.faults.setups import Cluster, Local
from tests.processes import CLI, eventually, kill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

FULL_SECONDS = 10.0
SIZE = "24m"


@pytest.fixture
def home(tmp_path: Path) -> Generator[Path]:
    """A home folder on a file system of its own."""
    folder = tmp_path / "home"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"this needs the right to mount a file system: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def settings(settings_of_sqlite: Settings) -> Settings:
    return settings_of_sqlite.model_copy(update={"network_modules": "tests"})


def fill(folder: Path) -> Path:
    """A file that leaves no byte free."""
    filling = folder / "filling"
    with contextlib.suppress(OSError), filling.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**16))
    with contextlib.suppress(OSError), filling.open("ab", buffering=0) as file:
        while True:
            file.write(b"0")
    return filling


def test_a_full_disk_is_waited_for(
    settings: Settings, with_digits: Database, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    with Local(settings, with_digits) as setup, Client(setup.url) as client:
        campaign = Campaign(setup, paced, chance, recoveries)

        def refused() -> bool:
            """What cannot be stored is refused in one sentence, for the user too."""
            fill(settings.home)
            said = ""
            try:
                client.submit("digits", paced.recipe, trials=random.randrange(100, 10**6))
            except MemscoreError as error:
                said = str(error)
            assert not said or "full" in said, said
            return bool(said)

        def disk_full() -> list[psutil.Process]:
            drivers = setup.find("driver")
            eventually(refused, 60)
            time.sleep(FULL_SECONDS)
            assert refused()
            stored = campaign.numbers()
            assert setup.find("driver") == drivers, "the driver waits"
            (settings.home / "filling").unlink()
            assert campaign.seen <= stored
            return []

        campaign.disturb("disk", f"full for {FULL_SECONDS:g} s", disk_full)
        for job in client.jobs(state="queued").jobs:  # those that found a last free page
            client.cancel(job.id)
        campaign.finish()


def test_a_home_that_cannot_be_written_is_refused_and_nothing_is_lost(
    settings: Settings, with_digits: Database, paced: Reference, chance: random.Random, recoveries: list[Recovery]
):
    with Local(settings, with_digits) as setup:
        campaign = Campaign(setup, paced, chance, recoveries)
        before = campaign.numbers()
        kill(setup.processes())
        eventually(lambda: not setup.processes(), 60)
        with_digits.close()
        remount = ["mount", "-o", "remount,ro", str(settings.home)]
        eventually(lambda: subprocess.run(remount, capture_output=True).returncode == 0, 30)
        try:
            for command in (["serve", "--port", "0"], ["dispatch"]):
                refused = subprocess.run(
                    [*CLI, *command], env=settings.environment(), capture_output=True, timeout=60, text=True
                )
                assert refused.returncode != 0
                assert "cannot be written (Read-only file system)" in refused.stderr
                assert "MEMSCORE_HOME" in refused.stderr
                assert "Traceback" not in refused.stderr
        finally:
            subprocess.run(["mount", "-o", "remount,rw", str(settings.home)], check=True)
        campaign.may_be_lost += IN_FLIGHT
        assert campaign.numbers() == before
        campaign.disturb("home", "read-only at the start", list, attempts=(0, 1), lost=IN_FLIGHT)
        campaign.finish()


def test_wrong_clocks_change_nothing(
    settings: Settings,
    postgres: Postgres,
    paced: Reference,
    chance: random.Random,
    recoveries: list[Recovery],
    clock: Clock,
):
    settings = settings.model_copy(update={"database_url": postgres.create_database()})
    opened = open_database(settings.database)
    upgrade(opened)
    register(opened, settings, "digits", paced.dataset)
    with Cluster(settings, opened, postgres, wrong_clocks=clock) as setup:
        campaign = Campaign(setup, paced, chance, recoveries)
        (driver,) = setup.find("driver")
        assert driver.environ()["FAULTS_CLOCK"] == "3600"
        for role, attempts in (("dispatcher", 0), ("actor", 0), ("driver", 1)):

            def strike(role: str = role) -> list[psutil.Process]:
                kill(victims := setup.find(role)[:1])
                return victims

            campaign.disturb(role, "SIGKILL", strike, attempts=(attempts,), lost=IN_FLIGHT)
        record = campaign.record()
        assert record.reported_at is not None
        assert abs(record.reported_at - time.time()) < 60, "by the database's clock"
        assert record.ran_seconds < 1200
        campaign.finish()
    opened.close()
