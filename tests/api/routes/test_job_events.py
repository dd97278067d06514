"""Event streams of jobs, over a real server, and their history as JSON."""

import json
import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.routes import job_events
from api.serving.in_process import in_process
from memscore.store import Database, jobs, removal
from tests.conftest import QUICK, StoredStudy

BODY = {"dataset": "made-up", "recipe": QUICK.model_dump(mode="json"), "target": {"trials": 50}}


class Served:
    """The application in a server of this process."""

    def __init__(self, database: Database) -> None:
        self.app = create_app(database)
        self.server = uvicorn.Server(uvicorn.Config(self.app, port=0, log_config=None, lifespan="off"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5)

    def stop(self) -> None:
        self.http.close()
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture
def served(database: Database, stored_study: StoredStudy, monkeypatch: pytest.MonkeyPatch) -> Generator[Served]:
    monkeypatch.setattr(job_events, "POLL_SECONDS", 0.05)
    service = Served(database)
    yield service
    service.stop()


def read(response: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events of a stream; a comment is one of the kind `comment`."""
    event: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(":")
        if not line:
            if event:
                yield event
            event = {}
        elif not name:
            yield {"event": "comment"}
        else:
            event[name] = json.loads(value) if name == "data" else value.strip()


def post(http: httpx.Client, trials: int = 50) -> str:
    return http.post("/v1/jobs", json={**BODY, "target": {"trials": trials}}).raise_for_status().json()["id"]


def test_a_stream_tells_changes_and_progress_until_the_job_has_ended(served: Served, database: Database):
    job = post(served.http)
    seen: list[dict[str, Any]] = []
    with served.http.stream("GET", f"/v1/jobs/{job}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store, no-transform"
        assert response.headers["x-accel-buffering"] == "no"
        for event in read(response):
            seen.append(event)
            if len(seen) == 3:  # the reconnection time, the state, and the job as it is
                with database.writing() as connection:
                    assert jobs.claim(connection, "someone", 60) is not None
            if event.get("data", {}).get("state") == "running" and event["event"] == "state":
                with database.writing() as connection:
                    jobs.report(connection, job, 1, "training", 45, 50)
                with database.writing() as connection:
                    jobs.finish(connection, job, 1, "succeeded", "50 trials")
    states = [event for event in seen if event.get("event") == "state"]
    assert [event["data"]["state"] for event in states] == ["queued", "running", "succeeded"]
    assert [int(event["id"]) for event in states] == [event["data"]["id"] for event in states]
    progress = [event["data"] for event in seen if event.get("event") == "progress"]
    assert all("id" not in event for event in seen if event.get("event") == "progress")
    assert (progress[0]["state"], progress[-1]["state"]) == ("queued", "succeeded")
    assert progress[-1]["outcome"] == "50 trials"
    history = served.http.get(f"/v1/jobs/{job}/events", params={"format": "json"}).json()
    assert history["events"] == [event["data"] for event in states]


def test_a_client_that_comes_back_hears_only_what_is_new(served: Served, database: Database):
    job = post(served.http)
    served.http.post(f"/v1/jobs/{job}/cancel")
    path = f"/v1/jobs/{job}/events"
    queued, cancelled = served.http.get(path, params={"format": "json"}).json()["events"]
    with served.http.stream("GET", path, headers={"Last-Event-ID": str(queued["id"])}) as response:
        states = [event["data"] for event in read(response) if event.get("event") == "state"]
    assert states == [cancelled]
    assert served.http.get(path, headers={"Last-Event-ID": str(cancelled["id"])}).status_code == 204
    assert served.http.get(path, params={"after": cancelled["id"]}).status_code == 204
    served.http.post(f"/v1/jobs/{job}/resume")
    with served.http.stream("GET", path, headers={"Last-Event-ID": str(cancelled["id"])}) as response:
        first = next(event for event in read(response) if event.get("event") == "state")
    assert first["data"]["message"] == "resumed"


def test_a_stream_ends_when_its_job_is_removed(served: Served, database: Database):
    job = post(served.http)
    with served.http.stream("GET", f"/v1/jobs/{job}/events") as response:
        events = read(response)
        assert any(event.get("event") == "progress" for event in events)
        with database.writing() as connection:  # both between two looks of the stream
            jobs.cancel(connection, job)
            removal.delete_study(connection, jobs.get(connection, job).study_id)
        assert list(events) == []


def test_a_quiet_stream_is_pinged_and_ends_when_the_service_stops(served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_events, "PING_SECONDS", 0.2)
    with served.http.stream("GET", f"/v1/jobs/{post(served.http)}/events") as response:
        events = read(response)
        assert any(event.get("event") == "comment" for event in events)
        served.app.state.stopping.set()
        assert all(event.get("event") != "state" for event in events)  # and the stream ends


def test_streams_are_limited_and_given_back(served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_events, "MOST_STREAMS", 1)
    path = f"/v1/jobs/{post(served.http)}/events"
    with served.http.stream("GET", path) as first:
        lines = first.iter_lines()  # kept, since a response ends with its iterator
        next(lines)
        refused = served.http.get(path)
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "Too many event streams" in refused.json()["detail"]
    deadline = time.monotonic() + 5
    while served.app.state.streams and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not served.app.state.streams


def test_one_caller_cannot_take_all_streams(served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_events, "MOST_OF_ONE", 1)
    path = f"/v1/jobs/{post(served.http)}/events"
    served.app.state.streams[object()] = "another caller"
    with served.http.stream("GET", path) as first:
        lines = first.iter_lines()  # kept, since a response ends with its iterator
        next(lines)
        refused = served.http.get(path)
        assert (refused.status_code, "You have 1 event streams open" in refused.json()["detail"]) == (429, True)
        assert refused.headers["retry-after"] == "5"
        monkeypatch.setattr(job_events, "caller_of", lambda _: "a third caller")
        with served.http.stream("GET", path) as other:
            assert other.status_code == 200


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 30, "9" * 6000])
def test_an_event_id_that_is_none_asks_for_everything_or_nothing(
    database: Database, stored_study: StoredStudy, given: str
):
    with in_process(database) as http:
        job = post(http)
        http.post(f"/v1/jobs/{job}/cancel")
        response = http.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": given})
        assert response.status_code == (204 if given.startswith("9") else 200)
        everything = http.get(f"/v1/jobs/{job}/events", params={"format": "json"}).json()["events"]
        assert response.text.count("event: state") == (0 if given.startswith("9") else len(everything))
        assert http.get("/v1/jobs/nothing/events").status_code == 404
