"""Drivers as Ray jobs: every answer that Ray can give, made up. A real cluster is in test_ray_jobs_real.py."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import httpx
import pytest
from pydantic import SecretStr

from memscore.errors import InvalidInput, LaunchFailed
from memscore.farm import ray_jobs
from memscore.farm.dispatcher import make_launcher
from memscore.farm.launchers import LOG_TAIL, Status
from memscore.farm.ray_jobs import RayJobsLauncher
from memscore.settings import Settings
from tests.fake_ray import ALIVE, TOKEN, URL, FakeRay, answering, hang, job, refuse
from tests.ray_cluster import free_port


@pytest.fixture
def ray() -> FakeRay:
    return FakeRay()


@pytest.fixture
def launcher(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> RayJobsLauncher:
    monkeypatch.setattr(ray_jobs, "STATUS_SECONDS", 0.0)
    monkeypatch.setattr(ray_jobs, "STOP_POLL_SECONDS", 0.01)
    settings = Settings(launcher="ray-jobs", ray_url=URL, ray_auth_token=SecretStr(TOKEN))
    return RayJobsLauncher(settings, transport=httpx.MockTransport(ray))


def test_settings_choose_the_launcher():
    made = make_launcher(Settings(launcher="ray-jobs", ray_url=URL))
    assert isinstance(made, RayJobsLauncher)
    assert made.outlives_dispatcher


@pytest.mark.parametrize("url", ["ray.test:8265", "ftp://ray.test", "http://", "http://ray.test:port"])
def test_an_impossible_url_is_refused(url: str):
    with pytest.raises(InvalidInput, match="MEMSCORE_RAY_URL"):
        make_launcher(Settings(launcher="ray-jobs", ray_url=url))


def test_a_driver_is_submitted_with_ids_alone(launcher: RayJobsLauncher, ray: FakeRay):
    launcher.launch(job("ab12", 3))
    submitted = ray.records["ab12-3"]
    assert submitted["entrypoint"] == "exec python -P -m memscore.farm.driver ab12 3 --cluster"
    assert submitted["metadata"] == {"memscore_job": "ab12", "memscore_study": "study"}
    assert "runtime_env" not in submitted
    assert TOKEN not in json.dumps(submitted)


def test_only_ids_get_into_the_shell_command(launcher: RayJobsLauncher, ray: FakeRay):
    with pytest.raises(LaunchFailed, match="not the id"):
        launcher.launch(job("ab; rm x"))
    assert not ray.calls


def test_an_attempt_submitted_before_is_adopted_and_not_started_twice(launcher: RayJobsLauncher, ray: FakeRay):
    launcher.launch(job())
    ray.records["ab12-1"]["status"] = "RUNNING"
    assert launcher.launch(job()).status() == Status("running")
    assert launcher.adopt(job()).status() == Status("running")
    assert list(ray.records) == ["ab12-1"]


def test_a_submission_whose_answer_was_lost_is_adopted(launcher: RayJobsLauncher, ray: FakeRay):
    def lose_answer(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            ray.submit(json.loads(request.content))
            raise httpx.ReadTimeout("timed out", request=request)
        return None

    ray.broken = lose_answer
    driver = launcher.launch(job())
    ray.records["ab12-1"]["status"] = "RUNNING"
    ray.broken = lambda _: None
    launcher.unavailable()  # clears the trouble
    assert driver.status() == Status("running")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (refuse, "Connection refused"),
        (hang, "does not answer in time"),
        (answering(500, "Traceback\n ...\nRuntimeError: No available agent\n.\n"), "RuntimeError: No available agent"),
        (answering(400, "TypeError: unexpected"), "TypeError: unexpected"),
        (answering(503), "No Ray is running behind"),
        (answering(403), "RAY_AUTH_TOKEN"),
    ],
)
def test_a_refused_launch_says_why(
    launcher: RayJobsLauncher, ray: FakeRay, broken: Callable[[httpx.Request], httpx.Response], words: str
):
    ray.broken = broken
    with pytest.raises(LaunchFailed, match=words) as refusal:
        launcher.launch(job())
    assert "Traceback" not in str(refusal.value)


def test_what_an_earlier_attempt_left_is_ended_first(launcher: RayJobsLauncher, ray: FakeRay):
    launcher.launch(job(attempt=1))
    launcher.launch(job(attempt=2))
    assert list(ray.records) == ["ab12-2"]
    assert ray.calls.index("POST /api/jobs/ab12-1/stop") < ray.calls.index("DELETE /api/jobs/ab12-1")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"status": "PENDING"}, Status("running")),
        ({"status": "RUNNING"}, Status("running")),
        ({"status": "SUCCEEDED"}, Status("ended", "the driver exited with status 0")),
        (
            {"status": "STOPPED", "message": "Job was intentionally stopped."},
            Status("ended", "the driver was stopped through Ray: Job was intentionally stopped."),
        ),
        (
            {
                "status": "FAILED",
                "message": "Job entrypoint command failed with exit code 1, last available logs (truncated):\n"
                "KeyError: 'x'\nRunning entrypoint for job ab12-1: python\n",
                "driver_exit_code": 1,
            },
            Status("ended", "the driver exited with status 1: KeyError: 'x'"),
        ),
        (
            {"status": "FAILED", "message": "failed with exit code -9. No logs available.", "driver_exit_code": -9},
            Status("ended", "the driver was killed by signal 9: failed with exit code -9. No logs available."),
        ),
        (
            {"status": "FAILED", "message": "Job supervisor actor failed to start\nwithin 900 seconds."},
            Status("ended", "Ray ended the driver: Job supervisor actor failed to start within 900 seconds."),
        ),
        ({"status": "FAILED"}, Status("ended", "Ray ended the driver: no reason given")),
    ],
)
def test_states_of_ray(launcher: RayJobsLauncher, ray: FakeRay, record: dict[str, object], expected: Status):
    ray.records["ab12-1"] = record
    assert launcher.adopt(job()).status() == expected


def test_a_driver_that_ray_does_not_know_has_ended(launcher: RayJobsLauncher):
    status = launcher.adopt(job()).status()
    assert status.kind == "ended"
    assert "does not know the driver" in status.detail


@pytest.mark.parametrize(
    "broken",
    [
        refuse,
        hang,
        answering(500, "Traceback\nRpcError: deadline"),
        answering(503),
        answering(401),
        answering(404, "Cannot GET /api/jobs/ab12-1"),  # a proxy's, not Ray's
        answering(200, "<html>"),
        answering(302),
    ],
)
def test_what_ray_cannot_tell_is_unknown(
    launcher: RayJobsLauncher, ray: FakeRay, broken: Callable[[httpx.Request], httpx.Response]
):
    ray.broken = broken
    status = launcher.adopt(job()).status()
    assert status.kind == "unknown"
    assert status.detail


def test_answers_are_kept_for_a_moment_and_endings_for_good(
    launcher: RayJobsLauncher, ray: FakeRay, monkeypatch: pytest.MonkeyPatch
):
    clock = [100.0]
    monkeypatch.setattr(ray_jobs, "STATUS_SECONDS", 2.0)
    monkeypatch.setattr(ray_jobs.time, "monotonic", lambda: clock[0])
    driver = launcher.launch(job())
    ray.calls.clear()
    for _ in range(8):
        assert driver.status().kind == "running"
        clock[0] += 0.5
    assert len(ray.calls) == 2
    ray.records["ab12-1"]["status"] = "SUCCEEDED"
    for _ in range(8):
        clock[0] += 3
        assert driver.status().kind == "ended"
    assert len(ray.calls) == 3


def test_a_hanging_ray_is_not_asked_for_every_driver(launcher: RayJobsLauncher, ray: FakeRay):
    drivers = [launcher.adopt(job(f"ab{i}")) for i in range(10)]
    ray.broken = hang
    assert {driver.status().kind for driver in drivers} == {"unknown"}
    assert len(ray.calls) == 1
    ray.broken = lambda _: None
    assert launcher.unavailable() is None
    assert {driver.status().kind for driver in drivers} == {"ended"}


def test_stop_waits_for_the_end(launcher: RayJobsLauncher, ray: FakeRay):
    driver = launcher.launch(job())
    polls = iter(["RUNNING", "RUNNING", "STOPPED"])

    def take_time(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET":
            ray.records["ab12-1"]["status"] = next(polls)
        return None

    ray.broken = take_time
    driver.stop()
    assert ray.calls[-4:] == ["POST /api/jobs/ab12-1/stop", *["GET /api/jobs/ab12-1"] * 3]
    driver.stop()
    assert len(ray.calls) == 5, "what has ended is not stopped again"


def test_stop_gives_up_after_its_grace(launcher: RayJobsLauncher, ray: FakeRay):
    driver = launcher.launch(job())
    ray.broken = lambda request: httpx.Response(200, json={"status": "RUNNING"}) if request.method == "GET" else None
    driver.stop(grace_seconds=0.05)
    assert driver.status().kind == "running"


@pytest.mark.parametrize("broken", [refuse, hang, answering(500), answering(404), answering(200, "<html>")])
def test_what_ends_a_driver_never_raises(
    launcher: RayJobsLauncher, ray: FakeRay, broken: Callable[[httpx.Request], httpx.Response]
):
    driver = launcher.launch(job())
    ray.broken = broken
    driver.stop()
    driver.forget()
    assert driver.log() == ""


def test_the_end_of_the_log_is_returned(launcher: RayJobsLauncher, ray: FakeRay, monkeypatch: pytest.MonkeyPatch):
    driver = launcher.launch(job())
    assert driver.log() == "first\nlast"
    ray.log = "é" * LOG_TAIL + "end\n"
    assert driver.log().endswith("éend")
    assert LOG_TAIL - 3 <= len(driver.log().encode()) <= LOG_TAIL
    monkeypatch.setattr(ray_jobs, "LONGEST_LOG", 1000)
    assert "bytes" in driver.log()


def test_records_of_ended_drivers_are_deleted(launcher: RayJobsLauncher, ray: FakeRay):
    driver = launcher.launch(job())
    driver.forget()
    assert "ab12-1" in ray.records, "Ray keeps what runs"
    driver.stop()
    driver.forget()
    assert not ray.records


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (refuse, "does not answer at http://ray.test:8265 .*MEMSCORE_RAY_URL"),
        (hang, "does not answer in time"),
        (answering(401), "requires a token; set RAY_AUTH_TOKEN"),
        (answering(403), "refuses the token; set RAY_AUTH_TOKEN"),
        (answering(502), "No Ray is running behind"),
        (answering(200, "<html>"), "not a Ray dashboard"),
        (answering(200, "[]"), "not a Ray dashboard"),
        (answering(404, "Not Found"), "not a Ray dashboard"),
    ],
)
def test_unavailable_says_what_to_check(
    launcher: RayJobsLauncher, ray: FakeRay, broken: Callable[[httpx.Request], httpx.Response], words: str
):
    assert launcher.unavailable() is None
    ray.broken = broken
    sentence = launcher.unavailable()
    assert sentence is not None
    assert re.search(words, sentence), sentence
    assert sentence.endswith(".")
    assert TOKEN not in sentence


def test_a_dashboard_whose_head_node_is_dead_is_of_no_use(launcher: RayJobsLauncher, ray: FakeRay):
    """Ray's own record of a driver stays RUNNING for ever when the head's raylet dies and its dashboard does not."""
    driver = launcher.launch(job())
    ray.records["ab12-1"]["status"] = "RUNNING"
    ray.heads = [{"state": "DEAD", "state_message": "Unexpected termination: dashboard_agent failed"}]
    assert "dashboard_agent failed" in (launcher.unavailable() or "")
    assert driver.status().kind == "unknown"
    ray.heads.append(ALIVE)
    assert launcher.unavailable() is None
    assert driver.status().kind == "running"


def test_a_port_where_nothing_listens():
    launcher = RayJobsLauncher(Settings(ray_url=f"http://127.0.0.1:{free_port()}"))
    assert "Connection refused" in (launcher.unavailable() or "")
