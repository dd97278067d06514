"""Jobs over HTTP: the log, resuming, why a job waits, its forecast, and its time limit."""

import httpx
import pytest

from memscore.store import Database, job_logs, jobs, leadership
from tests.api.conftest import BODY
from tests.conftest import StoredStudy


@pytest.fixture
def job(http: httpx.Client, stored_study: StoredStudy) -> str:
    return http.post("/v1/jobs", json=BODY).json()["id"]


def test_a_log_can_be_read_and_followed(http: httpx.Client, database: Database, job: str):
    assert http.get(f"/v1/jobs/{job}/log").text == ""
    with database.writing() as connection:
        job_logs.append(connection, job, 1, "one\ntwo")
    text = http.get(f"/v1/jobs/{job}/log")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text == "one\ntwo\n"
    part = http.get(f"/v1/jobs/{job}/log", params={"format": "json"}).json()
    assert part["lines"] == ["one", "two"]
    with database.writing() as connection:
        job_logs.append(connection, job, 2, "three")
    rest = http.get(f"/v1/jobs/{job}/log", params={"format": "json", "after": part["next"]}).json()
    assert rest["lines"] == ["three"]
    assert http.get(f"/v1/jobs/{job}/log", params={"format": "json", "after": rest["next"]}).json() == {
        **rest,
        "lines": [],
    }
    missing = http.get("/v1/jobs/nothing/log")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"


def test_a_cancelled_job_is_resumed_and_a_finished_one_is_not(http: httpx.Client, database: Database, job: str):
    assert http.post(f"/v1/jobs/{job}/cancel").json()["state"] == "cancelled"
    resumed = http.post(f"/v1/jobs/{job}/resume")
    assert resumed.status_code == 202
    assert (resumed.json()["id"], resumed.json()["state"]) == (job, "queued")
    with database.writing() as connection:
        claimed = jobs.claim(connection, "host/1/0", 60)
        assert claimed is not None
        jobs.finish(connection, job, claimed.attempt, "succeeded", "done")
    refused = http.post(f"/v1/jobs/{job}/resume")
    assert refused.status_code == 409
    assert "has succeeded" in refused.json()["detail"]
    assert http.post("/v1/jobs/nothing/resume").status_code == 404


def test_a_waiting_job_says_what_it_waits_for(http: httpx.Client, database: Database, job: str):
    assert "no dispatcher is running" in http.get(f"/v1/jobs/{job}").json()["waiting_for"]
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    assert http.get(f"/v1/jobs/{job}").json()["waiting_for"] is None
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60, note="Ray does not answer")
    assert http.get(f"/v1/jobs/{job}").json()["waiting_for"] == "Ray does not answer"


def test_a_job_behind_another_says_which_one_and_how_to_go_on(http: httpx.Client, database: Database, job: str):
    later = http.post("/v1/jobs", json={**BODY, "target": {"trials": 70}}).json()["id"]
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60)
    told = f"of study made-up (40 of 50 trials) runs first; to end it: memscore jobs cancel {job}"
    for state in ("queued", "running"):
        assert http.get(f"/v1/jobs/{later}").json()["waiting_for"] == f"job {job} {told}"
        assert http.get(f"/v1/jobs/{job}").json()["waiting_for"] is None
        if state == "queued":
            with database.writing() as connection:
                jobs.claim(connection, "host/1/0", 60)


def test_a_job_that_was_let_go_first_is_what_an_older_one_waits_for(http: httpx.Client, database: Database, job: str):
    later = http.post("/v1/jobs", json={**BODY, "target": {"trials": 70}}).json()["id"]
    with database.writing() as connection:
        leadership.take(connection, leadership.LEADER, "host/1/0", 60)
        claimed = jobs.claim(connection, "host/1/0", 60, first=later)
    assert claimed is not None
    assert claimed.id == later
    assert http.get(f"/v1/jobs/{job}").json()["waiting_for"].startswith(f"job {later} of study made-up (40 of 70 ")


def test_progress_has_a_rate_and_a_forecast(http: httpx.Client, database: Database, job: str):
    with database.writing() as connection:
        jobs.claim(connection, "host/1/0", 60)
        jobs.report(connection, job, 1, "training", 42, 50, 0.5)
    progress = http.get(f"/v1/jobs/{job}").json()["progress"]
    assert (progress["trials_per_second"], progress["seconds_left"]) == (0.5, 16)
    with database.writing() as connection:
        jobs.mark_lost(connection, job, 1, "killed")
    progress = http.get(f"/v1/jobs/{job}").json()["progress"]
    assert (progress["trials_per_second"], progress["seconds_left"]) == (None, None)


def test_a_time_limit_is_part_of_the_request(http: httpx.Client, stored_study: StoredStudy):
    job = http.post("/v1/jobs", json={**BODY, "time_limit_seconds": 60}).json()
    assert job["wanted"]["time_limit_seconds"] == 60
    assert http.post("/v1/jobs", json={**BODY, "time_limit_seconds": 0}).status_code == 422
