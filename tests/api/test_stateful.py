"""Jobs in any order of requests and of what dispatchers and drivers do, compared with a model of the allowed states."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from api.routes import job_events
from api.serving.in_process import in_process
from memscore.messages.jobs import TERMINAL
from memscore.store import Database, jobs, open_database
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Design
from tests.budget import examples
from tests.conftest import QUICK, StoredStudy

pytestmark = pytest.mark.databases("sqlite")

STORED = {0: 40, 1: 0}  # trials that the study of each seed has; tables too
WAITING, HELD = ("queued", "recovering"), ("running", "cancelling")

seeds = st.sampled_from(sorted(STORED))
targets = st.sampled_from([40, 50, 60])
numbers = st.integers(0, 9)


@dataclass
class Modelled:
    """What a job must be."""

    id: str
    seed: int
    target: int
    created: tuple[str, str]
    done: int
    history: list[str] = field(default_factory=lambda: ["queued"])
    attempt: int = 0
    failures: int = 0
    backing_off: bool = False

    @property
    def state(self) -> str:
        return self.history[-1]


def there_is(*states: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Rules that need a job, in one of these states or any."""
    return precondition(lambda self: bool(self.all(*states)))


class JobsMachine(RuleBasedStateMachine):
    """Requests to the service, and calls of its dispatcher and drivers."""

    template: Path  # a database with the study of seed 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        copy = shutil.copy(self.template, self.folder.name)
        self.database: Database = open_database(f"sqlite:///{copy}")
        self.http: httpx.Client = in_process(self.database)
        self.jobs: list[Modelled] = []
        self.answers: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def teardown(self) -> None:
        self.http.close()
        self.database.close()
        self.folder.cleanup()

    def all(self, *states: str) -> list[Modelled]:
        """The jobs in these states, or all."""
        return [job for job in self.jobs if not states or job.state in states]

    def some(self, number: int, *states: str) -> Modelled:
        """One of them."""
        return self.all(*states)[number % len(self.all(*states))]

    @initialize()
    def begin(self):
        for seed in STORED:
            self.submit(seed, 50, None)
            self.claim()

    @rule(seed=seeds, trials=targets, key=st.none() | st.sampled_from("abc"))
    def post(self, seed: int, trials: int, key: str | None):
        self.submit(seed, trials, key)

    def submit(self, seed: int, trials: int, key: str | None) -> None:
        recipe = QUICK.model_dump(mode="json")
        design = Design(seed=seed).model_dump(mode="json")
        body = {
            "dataset": "made-up",
            "recipe": recipe,
            "design": design,
            "target": {"trials": trials},
            "full_trials": 0,
        }
        response = self.http.post("/v1/jobs", json=body, headers={} if key is None else {"Idempotency-Key": f'"{key}"'})
        replayed = response.headers.get("Idempotency-Replayed")
        if key in self.answers:
            asked, answer = self.answers[key]
            assert response.status_code == (202 if asked == body else 422)
            assert asked != body or (response.json() == answer and replayed == "true")
            return
        assert response.status_code == 202
        assert replayed is None
        answer = response.json()
        if key is not None:
            self.answers[key] = body, answer
        same = [job for job in self.jobs if (job.seed, job.target) == (seed, trials)]
        going_on = [job for job in same if job.state in (*WAITING, "running")]
        done = [job for job in same if job.state == "succeeded" and job.done <= STORED[seed]]
        if going_on or done:
            assert answer["id"] == (going_on or done)[0].id
            return
        assert answer["id"] not in [job.id for job in self.jobs]
        job = Modelled(answer["id"], seed, trials, (answer["created_at"], answer["id"]), STORED[seed])
        if trials <= STORED[seed]:
            job.history.append("succeeded")
        self.jobs.append(job)

    # Few rules, since Hypothesis leaves some of them out in each run.

    @there_is()
    @rule(act=st.sampled_from(["resume", "cancel"]), number=numbers)
    def ask(self, act: str, number: int):
        getattr(self, act)(self.some(number))

    @there_is(*WAITING)
    @rule(pause=st.booleans())
    def dispatch(self, pause: bool):
        if pause:
            self.time_passes()
        self.claim()

    @there_is(*HELD)
    @rule(
        act=st.sampled_from(["lose", "report", "finish", "release"]),
        number=numbers,
        stale=st.booleans(),
        data=st.data(),
    )
    def drive(self, act: str, number: int, stale: bool, data: st.DataObject):
        getattr(self, act)(self.some(number, *HELD), stale, data)

    def cancel(self, job: Modelled):
        if job.state in WAITING:
            job.history.append("cancelled")
        elif job.state == "running":
            job.history.append("cancelling")
        assert self.http.post(f"/v1/jobs/{job.id}/cancel").json()["state"] == job.state

    def resume(self, job: Modelled):
        response = self.http.post(f"/v1/jobs/{job.id}/resume")
        assert response.status_code == (409 if job.state == "succeeded" else 202)
        if job.state in ("failed", "cancelled"):
            job.history.append("queued")
            job.failures, job.backing_off = 0, False

    def claim(self):
        busy = {job.seed for job in self.jobs if job.state in HELD}
        due = [job for job in self.jobs if job.state in WAITING and not job.backing_off and job.seed not in busy]
        with self.database.writing() as connection:
            claimed = jobs.claim(connection, "host/1/0", 60)
        assert (claimed and claimed.id) == (min(due, key=lambda job: job.created).id if due else None)
        for job in due:
            if claimed and job.id == claimed.id:
                job.history.append("running")
                job.attempt += 1

    def report(self, job: Modelled, stale: bool, data: st.DataObject):
        trials = data.draw(st.sampled_from([0, 10]))
        done = job.done + trials
        with self.database.writing() as connection:
            record = jobs.report(connection, job.id, job.attempt - stale, "training", done, job.target)
        assert (record is None) == stale
        if not stale and trials:
            job.done, job.failures = done, 0

    def finish(self, job: Modelled, stale: bool, data: st.DataObject):
        state = data.draw(st.sampled_from(TERMINAL))
        with self.database.writing() as connection:
            assert jobs.finish(connection, job.id, job.attempt - stale, state, "the end") != stale
        if not stale:
            job.history.append(state)

    def lose(self, job: Modelled, stale: bool, _: st.DataObject):
        with self.database.writing() as connection:
            state = jobs.mark_lost(connection, job.id, job.attempt - stale, "killed")
        if not stale:
            self.is_lost(job)
        assert state == (None if stale else job.state)

    def release(self, job: Modelled, stale: bool, _: st.DataObject):
        with self.database.writing() as connection:
            jobs.release(connection, job.id, job.attempt - stale, "the dispatcher stops")
        if stale:
            return
        if job.state == "running":
            job.history.append("queued")
            job.backing_off = False
        else:
            self.is_lost(job)

    def is_lost(self, job: Modelled) -> None:
        if job.state == "cancelling":
            job.history.append("cancelled")
            return
        job.failures += 1
        job.backing_off = job.failures < jobs.MAX_FAILURES
        job.history.append("recovering" if job.backing_off else "failed")

    def time_passes(self):
        with self.database.writing() as connection:
            connection.execute(jobs_table.update().values(not_before=0))
        for job in self.jobs:
            job.backing_off = False

    @rule(limit=st.integers(1, 3), state=st.none() | st.sampled_from(["queued", "running", "cancelled"]))
    def list_all_pages(self, limit: int, state: str | None):
        wanted = {} if state is None else {"state": state}
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = self.http.get("/v1/jobs", params={"limit": limit, **wanted, **cursor}).json()
            found += [job["id"] for job in page["jobs"]]
            assert len(found) <= len(self.jobs)
            if page["next"] is None:
                break
            assert len(page["jobs"]) == limit
            cursor = {"cursor": page["next"]}
        newest_first = sorted(self.jobs, key=lambda job: job.created, reverse=True)
        assert found == [job.id for job in newest_first if state in (None, job.state)]

    def history(self, job: Modelled, after: int = 0) -> list[dict[str, Any]]:
        response = self.http.get(f"/v1/jobs/{job.id}/events", params={"format": "json", "after": after})
        return response.json()["events"]

    @there_is(*TERMINAL)
    @rule(number=numbers, seen=numbers)
    def watch_what_has_ended(self, number: int, seen: int):
        job = self.some(number, *TERMINAL)
        events = self.history(job)
        known = seen % (len(events) + 1)
        last = events[known - 1]["id"] if known else 0
        assert self.history(job, last) == events[known:]
        response = self.http.get(f"/v1/jobs/{job.id}/events", headers={"Last-Event-ID": str(last)})
        if known == len(events):
            assert response.status_code == 204
        else:
            self.require_stream(response, events[known:])

    @there_is(*WAITING, *HELD)
    @rule(number=numbers)
    def watch_until_it_ends(self, number: int):
        job = self.some(number, *WAITING, *HELD)
        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(self.http.get, f"/v1/jobs/{job.id}/events")
            self.cancel(job)
            if job.state == "cancelling":
                with self.database.writing() as connection:
                    jobs.finish(connection, job.id, job.attempt, "cancelled", "cancelled")
                job.history.append("cancelled")
            response = watching.result(timeout=30)
        self.require_stream(response, self.history(job))

    @staticmethod
    def require_stream(response: httpx.Response, events: list[dict[str, Any]]) -> None:
        """A stream of exactly these events, which ends with the terminal state of the last."""
        assert response.status_code == 200
        blocks = [
            dict(line.split(": ", 1) for line in part.splitlines()) for part in response.text.split("\n\n") if part
        ]
        states = [block for block in blocks if block.get("event") == "state"]
        assert [int(block["id"]) for block in states] == [event["id"] for event in events]
        assert blocks[-1]["event"] == "progress"
        assert f'"state":"{events[-1]["state"]}"' in blocks[-1]["data"]

    @invariant()
    def states_and_events_agree(self):
        identifiers: list[int] = []
        for job in self.jobs:
            answer = self.http.get(f"/v1/jobs/{job.id}").json()
            assert (answer["state"], answer["attempt"]) == (job.state, job.attempt)
            assert answer["progress"]["done"] == job.done
            with self.database.reading() as connection:
                assert jobs.get(connection, job.id).failures == job.failures
            events = self.history(job)
            assert [event["state"] for event in events] == job.history
            own = [event["id"] for event in events]
            assert own == sorted(own)
            identifiers += own
        assert len(set(identifiers)) == len(identifiers)


def test_jobs_are_what_the_model_says(
    database: Database, stored_study: StoredStudy, home: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_events, "POLL_SECONDS", 0.01)
    database.close()
    JobsMachine.template = home / "memscore.db"
    run_state_machine_as_test(
        JobsMachine,
        settings=settings(
            max_examples=examples(30, 10),
            stateful_step_count=20,
            derandomize=True,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
