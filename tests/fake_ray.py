"""The dashboard of a Ray cluster, made up: an httpx.MockTransport of it answers as Ray 2.60 was seen to answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from memscore.store.jobs import JobRecord

TOKEN = "a-token"
URL = "http://ray.test:8265"
ALIVE = {"state": "ALIVE", "state_message": None}
DUPLICATE = "Traceback (most recent call last):\n  ...\nValueError: Job with submission_id ab12-1 already exists.\n.\n"


def job(identifier: str = "ab12", attempt: int = 1) -> JobRecord:
    """A claimed job."""
    return JobRecord(
        id=identifier,
        study_id="study",
        state="running",
        target_trials=10,
        attempt=attempt,
        failures=0,
        lease_owner="me",
        lease_expires_at=None,
        not_before=0,
        phase="",
        done=0,
        total=10,
        error=None,
        created_at=0,
        started_at=0,
        finished_at=None,
        request={},
        trials_per_second=None,
        reported_at=None,
        ran_seconds=0,
    )


@dataclass
class FakeRay:
    """A dashboard with what Ray 2.60 was seen to answer; `broken` answers or raises in its place."""

    token: str | None = TOKEN
    records: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    heads: list[dict[str, str | None]] = field(default_factory=lambda: [ALIVE])
    log: str = "first\nlast"
    broken: Callable[[httpx.Request], httpx.Response | None] = lambda _: None
    calls: list[str] = field(default_factory=list[str])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.calls.append(f"{request.method} {path}")
        if answer := self.broken(request):
            return answer
        if self.token and "authorization" not in request.headers:
            return httpx.Response(401, text="Unauthorized: Missing authentication token")
        if self.token and request.headers["authorization"] != f"Bearer {self.token}":
            return httpx.Response(403, text="Forbidden: Invalid authentication token")
        if path == "/api/v0/nodes":
            assert dict(request.url.params)["filter_keys"] == "is_head_node"
            return httpx.Response(200, json={"result": True, "data": {"result": {"result": self.heads}}})
        if path == "/api/jobs/":
            return self.submit(json.loads(request.content))
        identifier = path.split("/")[3]
        if identifier not in self.records:
            return httpx.Response(404, text=f"Job {identifier} does not exist")
        return self.answer(request.method, identifier, path)

    def submit(self, body: dict[str, object]) -> httpx.Response:
        identifier = str(body["submission_id"])
        if identifier in self.records:
            return httpx.Response(500, text=DUPLICATE)
        self.records[identifier] = {**body, "status": "PENDING", "message": "Job has not started yet."}
        return httpx.Response(200, json={"submission_id": identifier})

    def answer(self, method: str, identifier: str, path: str) -> httpx.Response:
        record = self.records[identifier]
        if path.endswith("/stop"):
            record.update(status="STOPPED", message="Job was intentionally stopped.")
            return httpx.Response(200, json={"stopped": True})
        if path.endswith("/logs"):
            return httpx.Response(200, json={"logs": self.log})
        if method == "DELETE":
            if record["status"] in ("PENDING", "RUNNING"):
                return httpx.Response(500, text="RuntimeError: it is in a non-terminal state")
            del self.records[identifier]
            return httpx.Response(200, json={"deleted": True})
        return httpx.Response(200, json=record)


def refuse(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused", request=request)


def hang(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("timed out", request=request)


def answering(status: int, text: str = "") -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, text=text)
