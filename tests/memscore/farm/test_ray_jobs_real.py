"""Drivers as jobs of a real Ray cluster, up to the death of its head."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from memscore.errors import LaunchFailed
from memscore.farm.launchers import Status
from memscore.farm.ray_jobs import RayJobsLauncher
from memscore.settings import Settings
from tests import ray_cluster
from tests.fake_ray import job
from tests.processes import alive, eventually
from tests.ray_cluster import RayCluster

DRIVER = """
import signal, sys, time
print("driver", *sys.argv[1:], flush=True)
if sys.argv[2] == "4":
    sys.exit("it went wrong")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("told to stop", flush=True) or 1))
time.sleep(1000)
"""


@pytest.fixture(scope="module")
def cluster() -> Generator[RayCluster]:
    with RayCluster() as started:
        started.start_head()
        yield started


@pytest.fixture
def real(cluster: RayCluster, tmp_path: Path) -> RayJobsLauncher:
    """A launcher of drivers that only sleep; attempt 4 of a job fails at once."""
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    settings = Settings(launcher="ray-jobs", ray_url=cluster.url, ray_auth_token=SecretStr(cluster.token))
    return RayJobsLauncher(settings, entrypoint=f"exec python {script} {{job}} {{attempt}} --cluster")


def drivers(cluster: RayCluster, identifier: str) -> list[psutil.Process]:
    return [one for one in cluster.head.find(f"driver.py {identifier}") if "python" in one.name()]


def test_a_driver_runs_on_a_real_cluster_until_it_is_stopped(cluster: RayCluster, real: RayJobsLauncher):
    assert real.unavailable() is None
    driver = real.launch(job("aa"))
    assert driver.status() == Status("running"), "pending"
    real.launch(job("aa"))
    eventually(lambda: "driver aa 1 --cluster" in driver.log(), 30)
    assert len(drivers(cluster, "aa")) == 1, "submitted twice, started once"
    assert driver.status() == Status("running")
    driver.forget()
    adopted = real.adopt(job("aa"))
    assert adopted.status() == Status("running")
    adopted.stop()
    assert adopted.status().kind == "ended"
    assert "stopped through Ray" in adopted.status().detail
    assert not drivers(cluster, "aa")
    assert adopted.log().endswith("told to stop")
    adopted.forget()
    gone = real.adopt(job("aa")).status()
    assert gone.kind == "ended"
    assert "does not know" in gone.detail


def test_a_failing_and_a_killed_driver_say_how_they_ended(cluster: RayCluster, real: RayJobsLauncher):
    failing, killed = real.launch(job("bb", 4)), real.launch(job("cc", 2))
    eventually(lambda: drivers(cluster, "cc"), 30)
    drivers(cluster, "cc")[0].kill()
    eventually(lambda: failing.status().kind == killed.status().kind == "ended", 30)
    assert failing.status().detail == "the driver exited with status 1: it went wrong"
    assert killed.status().detail.startswith("the driver was killed by signal 9: ")


def test_a_wrong_token_is_named(cluster: RayCluster):
    wrong = RayJobsLauncher(Settings(ray_url=cluster.url, ray_auth_token=SecretStr("wrong")))
    assert "RAY_AUTH_TOKEN" in (wrong.unavailable() or "")
    assert wrong.adopt(job("dd")).status().kind == "unknown"
    with pytest.raises(LaunchFailed, match="RAY_AUTH_TOKEN"):
        wrong.launch(job("dd"))


@pytest.mark.slow
def test_a_dead_head_is_unknown_and_a_new_one_has_forgotten(cluster: RayCluster, real: RayJobsLauncher):
    driver = real.launch(job("ee"))
    eventually(lambda: drivers(cluster, "ee"), 30)
    everything = cluster.head.processes()
    cluster.kill(cluster.head)
    assert not alive(everything)
    assert "does not answer" in (real.unavailable() or "")
    assert real.adopt(job("ee")).status().kind == "unknown"
    driver.stop()
    driver.forget()
    assert driver.log() == ""
    with pytest.raises(LaunchFailed, match="MEMSCORE_RAY_URL"):
        real.launch(job("ee"))
    cluster.start_head()
    assert real.unavailable() is None
    assert driver.status().kind == "ended"
    again = real.launch(job("ee", 2))
    assert again.status() == Status("running")
    again.stop()


@pytest.mark.slow
def test_a_head_without_its_raylet_is_unavailable(real: RayJobsLauncher, cluster: RayCluster):
    """`ray start --block` stays when the raylet ends in good order after its agent; Ray's record stays RUNNING."""
    driver = real.launch(job("ff"))
    eventually(lambda: drivers(cluster, "ff"), 30)
    for agent in cluster.head.find("ray::DashboardAgent"):
        agent.kill()
    eventually(lambda: "head node" in (real.unavailable() or ""), 40)
    eventually(lambda: not drivers(cluster, "ff"), 20)
    assert driver.status().kind == "unknown"
    cluster.kill(cluster.head, signal.SIGTERM)
    cluster.start_head()
    assert driver.status().kind == "ended"


def test_a_guard_ends_what_left_its_session(tmp_path: Path):
    """Of the cluster for tests: nothing outlives it, whatever it started."""
    file = tmp_path / "pid"
    command = ["sh", "-c", f"setsid sh -c 'echo $$ > {file}; exec sleep 1000' & exit"]
    guard = subprocess.Popen([sys.executable, "-P", ray_cluster.__file__, *command], stdin=subprocess.PIPE)
    eventually(lambda: file.exists() and file.read_text().strip())
    orphan = psutil.Process(int(file.read_text()))
    eventually(lambda: orphan.ppid() == guard.pid)
    assert guard.stdin is not None
    guard.stdin.close()
    assert guard.wait(20) == 0
    assert not alive([orphan])
