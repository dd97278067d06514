"""Run a service under mixed load: `python benchmarks/mixed_load.py`, 10 minutes; `--minutes 1` for a quick run.

Clients look up scores, explain them, pull tables (whole, in parts, with an entity tag), list, post, cancel and resume
jobs on the digits, and follow their events, all at once, while real drivers train and the dispatcher is killed twice.
Others bring studies and datasets, rename and remove them, and prune finished jobs (benchmarks/removals.py). Each answer
is compared with what is stored. Prints the requests of each kind, the wrong answers, and the resources
of the service's process: memory, threads, open files, open databases, connections.

An answer is wrong if its content or status is not as expected; 503 with Retry-After is counted separately. A resource
leaks if a least-squares line through the last two thirds rises by more than 3 % of the mean and by more than its entry
in LEAST; the script exits with status 1 after a wrong answer or a leak.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks import removals
from benchmarks.machine import header
from benchmarks.removals import Guests
from memscore.datasets import load_source
from memscore.scores.tables import ScoreTable
from memscore.settings import Settings
from memscore.store import evidence, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.study.spec import Design, Recipe
from memscore.workflows.datasets import register
from tests.conftest import build, make_trials
from tests.processes import Service, kill

RECIPE = Recipe(network="mlp", hidden=(32,), epochs=2, batch_size=64, learning_rate=0.1)
SAMPLE_SECONDS = 2.0
LEAST = {"resident MiB": 6.0, "threads": 2.0, "open files": 3.0, "open databases": 3.0, "connections": 3.0}


@dataclass
class Load:
    """What the clients compare with, and the results of their requests."""

    url: str
    scores: ScoreTable
    payload: bytes
    seconds: float
    guests: Guests
    requests: Counter[str] = field(default_factory=Counter[str])
    busy: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    jobs: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.deadline = time.monotonic() + self.seconds

    def check(self, kind: str, response: httpx.Response, status: int, right: Callable[[], bool] = lambda: True) -> None:
        """Count an answer, and record it as wrong unless it has this status and content."""
        self.requests[kind] += 1
        if response.status_code == 503 and "retry-after" in response.headers:
            self.busy[kind] += 1
        elif response.status_code != status or not right():
            self.wrong.append(f"{kind}: {response.request.url} {response.status_code} {response.text[:200]}")

    @staticmethod
    def same(answered: float | None, stored: Any) -> bool:
        """Whether a number in an answer is the stored one; JSON has null where that is not a number."""
        return bool(np.isnan(stored)) if answered is None else np.float32(answered) == stored


Client = Callable[[Load, httpx.AsyncClient], Awaitable[None]]


async def look_up(load: Load, http: httpx.AsyncClient) -> None:
    """Look up one score, and a hundred."""
    index = random.randrange(len(load.scores))
    response = await http.get(f"/v1/studies/known/scores/{index}")
    load.check("score", response, 200, lambda: load.same(response.json()["mem"], load.scores["mem"][index]))
    indices = random.choices(range(len(load.scores)), k=100)
    columns = await http.post("/v1/studies/known/scores/lookup", json={"indices": indices})
    wanted = load.scores["mem"][indices]
    load.check("look-up of 100", columns, 200, lambda: all(map(load.same, columns.json()["mem"], wanted)))


async def explain(load: Load, http: httpx.AsyncClient) -> None:
    """Fetch the explanation of a score, and the most memorized samples."""
    index = random.randrange(len(load.scores))
    response = await http.get(f"/v1/studies/known/explain/{index}")
    load.check(
        "explanation", response, 200, lambda: load.same(response.json()["score"]["mem"], load.scores["mem"][index])
    )
    page = await http.get("/v1/studies/known/scores?limit=50")
    highest = np.sort(load.scores["mem"])[::-1][:50]
    load.check(
        "page of scores", page, 200, lambda: all(map(load.same, (one["mem"] for one in page.json()["scores"]), highest))
    )
    await asyncio.sleep(0.05)


async def pull(load: Load, http: httpx.AsyncClient) -> None:
    """Pull the table: whole, a part, and only if changed."""
    address = "/v1/studies/known/table"
    whole = await http.get(address)
    load.check("table", whole, 200, lambda: whole.content == load.payload)
    start = random.randrange(len(load.payload))
    part = await http.get(address, headers={"Range": f"bytes={start}-", "If-Range": f'"{load.scores.digest}"'})
    load.check("part of a table", part, 206, lambda: part.content == load.payload[start:])
    load.check("table, not changed", await http.get(address, headers={"If-None-Match": f'"{load.scores.digest}"'}), 304)
    await asyncio.sleep(0.2)


async def post(load: Load, http: httpx.AsyncClient) -> None:
    """Post a new job, sent twice under one key; every other job is cancelled, and half of those are resumed."""
    seed = random.randrange(2**40)
    body = {
        "dataset": "digits",
        "recipe": RECIPE.model_dump(mode="json"),
        "design": {"seed": seed},
        "target": {"trials": 10},
        "full_trials": 0,
    }
    answers = [await http.post("/v1/jobs", json=body, headers={"Idempotency-Key": f'"{seed}"'}) for _ in range(2)]
    load.check("job", answers[0], 202)
    load.check("job, sent again", answers[1], 202, lambda: answers[1].json()["id"] == answers[0].json()["id"])
    if answers[0].status_code == 202:
        job = answers[0].json()["id"]
        load.jobs.append(job)
        if seed % 2:
            load.check("cancellation", await http.post(f"/v1/jobs/{job}/cancel"), 202)
            await asyncio.sleep(2)
            if seed % 4 == 1:
                resumed = await http.post(f"/v1/jobs/{job}/resume")
                states = ("queued", "running", "cancelling")
                load.check("resumption", resumed, 202, lambda: resumed.json()["state"] in states)
    await asyncio.sleep(10)


async def follow(load: Load, http: httpx.AsyncClient) -> None:
    """Follow the events of a job for some seconds, and compare them with its history."""
    if not load.jobs:
        await asyncio.sleep(0.5)
        return
    job = random.choice(load.jobs[-5:])
    seen: list[int] = []
    try:
        async with asyncio.timeout(random.uniform(1, 8)):
            async with http.stream("GET", f"/v1/jobs/{job}/events") as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("id: "):
                        seen.append(int(line[4:]))  # noqa: PERF401 - events before the timeout count
    except TimeoutError:
        pass
    history = await http.get(f"/v1/jobs/{job}/events", params={"format": "json"})
    if history.status_code == 404:
        load.requests["events of a job that was pruned"] += 1
        load.guests.missed.append(job)
        return
    load.check("events", history, 200, lambda: seen == [one["id"] for one in history.json()["events"]][: len(seen)])


async def survey(load: Load, http: httpx.AsyncClient) -> None:
    """Fetch lists, page by page, and metrics."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await http.get("/v1/jobs", params={"limit": 5, **cursor})
        load.check("page of jobs", page, 200)
        if page.status_code != 200:
            return
        found += [one["id"] for one in page.json()["jobs"]]
        if page.json()["next"] is None:
            break
        cursor = {"cursor": page.json()["next"]}
    if len(found) != len(set(found)):
        load.wrong.append("page of jobs: a job appears twice")
    load.check("studies", await http.get("/v1/studies"), 200)
    load.check("metrics", await http.get("/metrics"), 200)
    await asyncio.sleep(0.5)


CLIENTS: tuple[Client, ...] = (
    *(look_up, look_up, explain, pull, post, follow, follow, survey),
    removals.studies_come_and_go,
    removals.datasets_come_and_go,
    removals.a_study_goes_with_its_job,
    removals.jobs_are_pruned,
)


async def repeat(client: Client, load: Load) -> None:
    """Run one client until the deadline; a failed connection counts as a wrong answer."""
    async with httpx.AsyncClient(base_url=load.url, timeout=30) as http:
        while time.monotonic() < load.deadline:
            try:
                await client(load, http)
            except httpx.HTTPError as error:
                load.wrong.append(f"{client.__name__}: {error!r}")


async def sample(process: psutil.Process, load: Load, held: dict[str, list[float]]) -> None:
    """Sample the process's resources every two seconds."""
    while time.monotonic() < load.deadline:
        with process.oneshot():
            files = process.open_files()
            connections = [one for one in process.net_connections("tcp") if one.status in ("ESTABLISHED", "CLOSE_WAIT")]
            now = {
                "resident MiB": process.memory_info().rss / 2**20,
                "threads": process.num_threads(),
                "open files": process.num_fds() - len(connections),
                "open databases": sum(one.path.endswith("memscore.db") for one in files),
                "connections": len(connections),
            }
        for name, value in now.items():
            held[name].append(value)
        await asyncio.sleep(SAMPLE_SECONDS)


async def disturb(service: Service, load: Load) -> None:
    """Kill the dispatcher after a third and after two thirds of the time."""
    for _ in range(2):
        await asyncio.sleep(load.seconds / 3)
        kill(service.find("memscore.cli dispatch"))


def rise(values: list[float]) -> tuple[float, float]:
    """The rise of a least-squares line over the last two thirds of the values, and their mean."""
    last = np.array(values[len(values) // 3 :])
    slope = np.polyfit(np.arange(len(last)), last, 1)[0]
    return float(slope * len(last)), float(last.mean())


def prepare(settings: Settings) -> tuple[ScoreTable, bytes]:
    """Store the study `known` of the digits, with 40 synthetic trials."""
    settings.prepare_home()
    database = open_database(settings.database)
    upgrade(database)
    dataset, design = load_source("digits"), Design()
    record = register(database, settings, "digits", dataset)
    trials = make_trials(dataset, design, blocks=4)
    with database.writing() as connection:
        study = studies.ensure(connection, record, RECIPE, design, "known")
        evidence.add(connection, study.id, trials)
        scores, pairs = build(dataset, trials, design, study.id)
        tables.add(connection, study.id, scores, pairs)
        payload = tables.current(connection, study.id)[0].payload
    database.close()
    return scores, payload


async def run(service: Service, load: Load) -> dict[str, list[float]]:
    """Run all clients at once."""
    held: dict[str, list[float]] = {name: [] for name in LEAST}
    await asyncio.gather(
        *(repeat(client, load) for client in CLIENTS), sample(service.top, load, held), disturb(service, load)
    )
    return held


def main() -> int:
    """Run the load and print the tables; returns 1 if an answer was wrong or a resource leaks."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10)
    minutes = options.parse_args().minutes
    print(header(f"A service under mixed load for {minutes:g} minutes, SQLite"))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", slots=1)
        scores, payload = prepare(settings)
        guests = Guests.of(settings, load_source("digits"), RECIPE)
        service = Service(settings)
        try:
            load = Load(service.url, scores, payload, 60 * minutes, guests)
            held = asyncio.run(run(service, load))
            removals.require_pruned(load)
            last = httpx.get(f"{service.url}/v1/jobs", params={"limit": 1000}).json()["jobs"]
            began = time.monotonic()
            service.stop(120)
            print(f"stopped by SIGTERM, including all child processes, in {time.monotonic() - began:.0f} s")
        finally:
            service.cut()
    print("\n| request | answers | of them 503 |\n|---|---|---|")
    for kind, count in sorted(load.requests.items()):
        print(f"| {kind} | {count:,} | {load.busy[kind]} |")
    print(
        "\n| held by the service | at first | mean | at last | rise over the last two thirds |\n|---|---|---|---|---|"
    )
    leaks: list[str] = []
    for name, values in held.items():
        rising, mean = rise(values)
        leaks += [name] if rising > max(LEAST[name], 0.03 * mean) else []
        print(f"| {name} | {values[0]:.0f} | {mean:.1f} | {values[-1]:.0f} | {rising:+.1f} |")
    states = dict(Counter(job["state"] for job in last))
    print(f"\njobs: {states}; wrong answers: {len(load.wrong)}; leaks: {leaks or 'none'}")
    for one in load.wrong[:20]:
        print(f"  {one}")
    return int(bool(load.wrong or leaks))


if __name__ == "__main__":
    sys.exit(main())
