"""Measure the farm's overhead on training, and the time to start a job: `python benchmarks/farm_cost.py`.

Overhead: two workers, units of about 10 s on the digits, on SQLite and on PostgreSQL. "stacks" are blocks of an MLP,
each on one core; "sleeping" trials leave the cores idle, so that only the farm's own cost remains. The share is
1 - (seconds of all units, as their workers measured them) / (workers x seconds from the first unit's start until the
last was stored); the limit is 3 %. It splits into "ends", since workers start and end at different times, and
"between", for the rest: handing out, shipping, storing, rebuilding tables.

Start: from POST /v1/jobs to the first stored block on an idle system, with the local launcher and on a running Ray
cluster. The phases come from the job's events, log and rows. Medians of several jobs, after an uncounted first one.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
from pydantic import SecretStr
from sqlalchemy import select

from api.serving.in_process import in_process
from benchmarks.filled_database import both_kinds
from benchmarks.machine import header
from memscore.client import Client
from memscore.datasets import load_source
from memscore.settings import Settings
from memscore.store import Database, job_logs, jobs
from memscore.store.migrate import upgrade
from memscore.store.schema import trials
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.workflows.datasets import register
from memscore.workflows.jobs import dispatching
from tests.ray_cluster import RayCluster

WORKERS, UNITS, LIMIT = 2, 12, 0.03
STACKS = Recipe(network="mlp", hidden=(128, 128), epochs=120, batch_size=32, learning_rate=0.1)
SLEEPING = Recipe(
    network="tests.faults.networks:paced", options={"seconds": 10.0}, epochs=2, batch_size=64, learning_rate=0.1
)
SHORT = Recipe(network="mlp", hidden=(32,), epochs=2, batch_size=64, learning_rate=0.1)
STARTS = 3
IDLE_SECONDS = 5.0  # before each job, so that the dispatcher notices the end of the last driver
LAUNCHERS = ["local", "ray-jobs"]
PHASES = (
    "POST answered",
    "claimed by the dispatcher",
    "the driver's process exists",
    "it has its imports and its job",
    "it has imported the farm",
    "Ray answers, dataset shared",
    "the first worker is ready",
    "its first block begins",
    "the first block is stored",
)


def finished(client: Client, job: str) -> None:
    """Wait for a job, which must succeed, polling rarely."""
    while not (record := client.job(job)).finished:
        time.sleep(0.5)
    assert record.state == "succeeded", record


def stored_units(database: Database, study: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each unit of `size` trials, when it was stored (seconds since 1970) and the seconds of its training."""
    query = select(trials.c.number, trials.c.created_at, trials.c.seconds).where(trials.c.study_id == study)
    with database.reading() as connection:
        rows = connection.execute(query.order_by(trials.c.number)).all()
    numbers, at, seconds = (np.array(column) for column in zip(*rows, strict=True))
    assert np.array_equal(numbers, np.arange(len(numbers)))
    return at.reshape(-1, size).min(axis=1), seconds.reshape(-1, size).sum(axis=1)


def beside_training(database: Database, settings: Settings, name: str, recipe: Recipe) -> None:
    """Run a job and print the share of its workers' time outside training."""
    size = BLOCK if recipe.stacked else 1
    total = -(-UNITS * size // BLOCK) * BLOCK  # whole blocks
    with Client(http=in_process(database)) as client, dispatching(database, settings):
        job = client.submit("digits", recipe, trials=total, full_trials=0)
        finished(client, job.id)
    at, seconds = stored_units(database, job.study, size)
    started = at - seconds
    wall = at.max() - started.min()
    idle = WORKERS * wall - seconds.sum()
    ends = (np.sort(started)[:WORKERS] - started.min()).sum() + (at.max() - np.sort(at)[-WORKERS:]).sum()
    share, at_ends = idle / (WORKERS * wall), ends / (WORKERS * wall)
    print(
        f"  {database.engine.dialect.name:12}{name:10}{len(at):6d}{seconds.mean():8.2f}{seconds.min():8.2f}"
        f"{seconds.max():8.2f}{share:10.2%}{at_ends:8.2%}{share - at_ends:10.2%}{share / LIMIT:10.2f}"
        f"{os.getloadavg()[0]:7.1f}",
        flush=True,
    )


def first_times(database: Database, job: str) -> dict[str, float]:
    """When the job's log recorded each phase of the driver, in seconds since 1970."""
    with database.reading() as connection:
        text = "\n".join(part.text for part in job_logs.read(connection, job))
    marks = {
        "it has its imports and its job": r"attempt \d+ at job",
        "it has imported the farm": r"\d+ trials stored; at most",
        "Ray answers, dataset shared": r"Ray is there",
        "the first worker is ready": r"worker \d+ is ready",
    }
    found: dict[str, float] = {}
    for phase, mark in marks.items():
        line = re.search(rf"^(\S+ \S+),(\d+) INFO {mark}", text, re.MULTILINE)
        if line is not None:
            found[phase] = time.mktime(time.strptime(line[1], "%Y-%m-%d %H:%M:%S")) + int(line[2]) / 1000
    return found


def clock_of_processes() -> float:
    """Correction for psutil's creation times of processes, which are based on a boot time in whole seconds."""
    started = time.time()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as probe:
        made = psutil.Process(probe.pid).create_time()
        probe.communicate(b"\n")
    return started - made


def driver_created(job: str) -> float | None:
    """When the process of the job's driver was created; None if there is none."""
    for process in psutil.process_iter():
        try:
            if job in (words := process.cmdline()) and "memscore.farm.driver" in words:
                return process.create_time()
        except psutil.Error:
            continue
    return None


def start(database: Database, client: Client, seed: int, offset: float) -> dict[str, float]:
    """Seconds from the POST to each phase of one job."""
    posted = time.time()
    job = client.submit("digits", SHORT, trials=BLOCK, full_trials=0, design=Design(seed=seed))
    answered, created = time.time(), None
    while created is None:
        created = driver_created(job.id)
        time.sleep(0.05)
    finished(client, job.id)
    with database.reading() as connection:
        claimed = next(event.at for event in jobs.events(connection, job.id) if event.state == "running")
    at, seconds = stored_units(database, job.study, BLOCK)
    times = {
        "POST answered": answered,
        "claimed by the dispatcher": claimed,
        "the driver's process exists": created + offset,
        **first_times(database, job.id),
        "its first block begins": at[0] - seconds[0],
        "the first block is stored": at[0],
    }
    return {phase: float(moment) - posted for phase, moment in times.items()}


def starts(database: Database, settings: Settings, first_seed: int) -> list[dict[str, float]]:
    """The phases of several jobs, one after the other, with an otherwise idle dispatcher."""
    offset, found = clock_of_processes(), list[dict[str, float]]()
    with Client(http=in_process(database)) as client, dispatching(database, settings):
        for seed in range(first_seed, first_seed + STARTS + 1):
            time.sleep(IDLE_SECONDS)
            found.append(start(database, client, seed, offset))
            print(
                f"  {settings.launcher}: first block stored after {found[-1][PHASES[-1]]:.2f} s "
                f"(load {os.getloadavg()[0]:.1f}){'' if len(found) > 1 else ', not counted'}",
                flush=True,
            )
    return found[1:]


@contextmanager
def on_cluster(settings: Settings) -> Generator[Settings]:
    """The same settings, with a running Ray cluster of one node."""
    with RayCluster(settings.environment()) as cluster:
        cluster.start_head(num_cpus=WORKERS)
        ray = {"launcher": "ray-jobs", "ray_url": cluster.url, "ray_auth_token": SecretStr(cluster.token)}
        yield settings.model_copy(update=ray)


def until_first_trial(name: str, found: list[dict[str, float]]) -> None:
    """Print the phases of one launcher."""
    print(f"  {f'{name}, seconds':40}{'since POST':>12}{'each':>8}{'least':>8}{'most':>8}")
    steps = {phase: np.zeros(len(found)) for phase in ("POST", *PHASES)}
    for phase in PHASES:
        steps[phase] = np.array([one[phase] for one in found])
    for before, phase in pairwise(steps):
        each = steps[phase] - steps[before]
        print(
            f"  {phase:40}{np.median(steps[phase]):12.2f}{np.median(each):8.2f}{each.min():8.2f}{each.max():8.2f}",
            flush=True,
        )


def prepared(database: Database, folder: Path) -> Settings:
    """Settings of a home with the digits, for this database."""
    home = folder / f"home-{database.engine.dialect.name}"
    home.mkdir()
    url = database.engine.url.render_as_string(hide_password=False)
    settings = Settings(home=home, database_url=url, slots=WORKERS)
    upgrade(database)
    register(database, settings, "digits", load_source("digits"))
    return settings


def main() -> None:
    """Print all tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", choices=["share", *LAUNCHERS], help="one of the tables")
    only = arguments.parse_args().only
    logging.getLogger("memscore").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name, both_kinds(Path(name)) as databases:
        ready = [(database, prepared(database, Path(name))) for database in databases]
        if only in (None, "share"):
            shares(ready)
        if only != "share":
            start_times(ready, [only] if only else LAUNCHERS)


def shares(ready: list[tuple[Database, Settings]]) -> None:
    """Print the first table."""
    print(header(f"Share of workers' time outside training, {WORKERS} workers; limit {LIMIT:.0%}"))
    print(
        f"  {'database':12}{'units':10}{'count':>6}{'mean s':>8}{'least':>8}{'most':>8}{'share':>10}{'ends':>8}"
        f"{'between':>10}{'of limit':>10}{'load':>7}"
    )
    for database, settings in ready:
        for name, recipe in (("stacks", STACKS), ("sleeping", SLEEPING)):
            beside_training(database, settings, name, recipe)


def start_times(ready: list[tuple[Database, Settings]], launchers: list[str]) -> None:
    """Print the second table, on PostgreSQL, which a cluster needs."""
    database, settings = ready[1]
    print(header(f"From POST to the first stored block: medians of {STARTS} jobs"))
    if "local" in launchers:
        until_first_trial("local", starts(database, settings, 0))
    if "ray-jobs" in launchers:
        with on_cluster(settings) as clustered:
            until_first_trial("ray-jobs", starts(database, clustered, 100))


if __name__ == "__main__":
    main()
