"""Measure one driver, the database and the service at ImageNet's size: `python benchmarks/scale.py`.

1,281,167 training and 50,000 test samples of 1,000 classes; a few rows as large as real ones, and synthetic counts of
any number of trials, with S drawn from its distribution without influence. CPU seconds are this process's, with one
thread for matrix products; memory is the peak above that before, sampled every 5 ms. Takes some minutes, 8 GB of memory
and 5 GB of disk. docs/scale.md builds on these numbers.
"""

from __future__ import annotations

import os

from memscore.arrays import Bools, Labels

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import asyncio
import gc
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import ray
from sqlalchemy import text

from api.table_cache import TableCache
from benchmarks.filled_database import both_kinds
from benchmarks.influence_matrix import MIB, Watched
from benchmarks.machine import header
from memscore.datasets.dataset import build_dataset
from memscore.errors import StoreError
from memscore.scores.table_builder import Provenance, build_tables
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.statistics.counts import Counts
from memscore.statistics.estimates import SufficientStatistics, memorization
from memscore.store import Database, datasets, evidence, studies, tables
from memscore.store.migrate import upgrade
from memscore.store.rebuilding import count_study, count_trials, design_of
from memscore.store.studies import StudyRecord
from memscore.study.evidence import Outputs, Trial, pack_trial
from memscore.study.margins import encode
from memscore.study.spec import BLOCK, Design, Recipe
from memscore.study.subsets import block_membership

SAMPLES, TEST_SAMPLES, CLASSES = 1_281_167, 50_000, 1_000
FEW, FEW_TEST, FEW_CLASSES = 50_000, 10_000, 100  # CIFAR-100
STORED = 20  # trials: two blocks
MADE = (10, 100, 1000, 4000)
RECIPE = Recipe(network="resnet50", epochs=90, batch_size=256, learning_rate=0.1)
WAITING = 1_000  # workers
DATASET = 2**30  # bytes shared through the object store
NAMED = 62

Kind = Literal["bits", "probabilities", "margins"]


def row(name: str, value: str) -> None:
    """Print a line of the tables."""
    print(f"    {name:{NAMED}}{value:>34}", flush=True)


def load() -> str:
    """The machine's load."""
    return f"load {os.getloadavg()[0]:.1f}"


def taken(run: Watched, times: int = 1) -> str:
    """CPU and wall seconds for each of `times` calls, and the peak memory."""
    return f"{run.cpu / times:9.3f} s CPU {run.wall / times:8.3f} s {run.memory:6.0f} MiB"


def labels() -> tuple[Labels, Labels]:
    """Labels with classes in rotation."""
    return np.arange(SAMPLES, dtype=np.int32) % CLASSES, np.arange(TEST_SAMPLES, dtype=np.int32) % CLASSES


def made_trials(design: Design, kind: Kind, *, samples: int = SAMPLES, test_samples: int = TEST_SAMPLES) -> list[Trial]:
    """Trials with real subsets, right on those, and otherwise with a probability for each sample, mostly near 1."""
    random = np.random.default_rng(0)
    chance, test_chance = (random.beta(3, 0.6, size).astype(np.float32) for size in (samples, test_samples))

    def recorded(size: int) -> np.ndarray | None:
        return random.integers(0, 256, size, np.uint8) if kind == "probabilities" else None

    def outputs(correct: Bools) -> Outputs | None:
        """Margins of a usual spread, and any class."""
        if kind != "margins":
            return None
        size = np.abs(random.normal(np.where(correct, 8, 2), np.where(correct, 4, 2))).astype(np.float32)
        codes = encode(np.where(correct, size, -size).astype(np.float32), correct)
        return Outputs(codes, random.integers(0, CLASSES, len(correct)), wide=True)

    def made(number: int, membership: Bools) -> Trial:
        correct = membership | (random.random(samples, np.float32) < chance)
        test_correct = random.random(test_samples, np.float32) < test_chance
        return pack_trial(
            number,
            membership,
            correct,
            test_correct,
            train_probability=recorded(samples),
            test_probability=recorded(test_samples),
            train_outputs=outputs(correct),
            test_outputs=outputs(test_correct),
            device="NVIDIA H100 80GB HBM3",
            code_version="0.1.0",
            seconds=30_000.0,
        )

    return [
        made(block * BLOCK + k, membership)
        for block in range(STORED // BLOCK)
        for k, membership in enumerate(block_membership(design, samples, block))
    ]


def made_counts(trials: int) -> Counts:
    """Counts after a number of trials of a balanced design without any influence."""
    random = np.random.default_rng(trials)
    counts = Counts.empty(*labels())
    chance, test_chance = random.beta(3, 0.6, SAMPLES), random.beta(3, 0.6, TEST_SAMPLES)
    test_correct = random.binomial(trials, test_chance)
    halves = [-(-trials // (2 * BLOCK)) * BLOCK, trials // (2 * BLOCK) * BLOCK]
    parts: list[SufficientStatistics] = []
    for half in halves:
        inside = np.full(SAMPLES, half * 7 // 10)
        correct = inside + random.binomial(half - inside, chance)
        parts.append(SufficientStatistics(half, inside, inside, correct, test_correct * half // trials))
    counts.even, counts.odd = parts
    counts.odd = SufficientStatistics(
        halves[1], parts[1].n_in, parts[1].correct_in, parts[1].correct, test_correct - parts[0].test_correct
    )
    inside = int(counts.statistics.n_in[0])
    counts.weighted_correct += test_correct * (SAMPLES * inside // trials)
    for group, joint in zip(counts.groups, counts.joint, strict=True):
        correct = test_correct[group.test]
        joint[:] = random.hypergeometric(inside, trials - inside, correct, joint.shape)
    return counts


def study_in(database: Database, seed: int) -> StudyRecord:
    """A study with a placeholder dataset: nothing here reads images."""
    images, few = np.zeros((10, 1, 1), np.uint8), np.arange(10) % 2
    with database.writing() as connection:
        record = datasets.register(connection, "made", build_dataset(images, few, images, few, source="made"))
        return studies.ensure(connection, record, RECIPE, Design(seed=seed), f"study-{seed}")


def counting() -> None:
    """Print the cost of a driver's work on each finished trial, without the database."""
    design, (train_labels, test_labels) = Design(), labels()
    some, with_margins = made_trials(design, "bits"), made_trials(design, "margins")
    run = Watched(lambda: block_membership(design, SAMPLES, 7))
    row("the memberships of a block", taken(run))
    counts: list[Counts] = []
    run = Watched(lambda: counts.append(Counts.empty(train_labels, test_labels, design)))
    row(f"empty counts ({sum(joint.size for joint in counts[0].joint) / 1e6:.1f} million same-class pairs)", taken(run))
    count_trials(counts[0], with_margins[:1], design)
    row("memory of the counts, once filled", f"{held(counts[0]) / MIB:6.0f} MiB")
    run = Watched(lambda: [count_trials(counts[0], [trial], design) for trial in some[:5]])
    row("counting a finished trial on arrival", taken(run, 5))
    run = Watched(lambda: [count_trials(counts[0], [trial], design) for trial in with_margins[:5]])
    row("the same with margins", taken(run, 5))
    run = Watched(lambda: count_trials(counts[0], with_margins[:BLOCK], design))
    row("counting a trial with margins as part of a block", taken(run, BLOCK))
    for kind in ("bits", "margins"):
        few = made_trials(design, kind, samples=FEW, test_samples=FEW_TEST)
        small = Counts.empty(
            np.arange(FEW, dtype=np.int32) % FEW_CLASSES, np.arange(FEW_TEST, dtype=np.int32) % FEW_CLASSES, design
        )
        run = Watched(lambda: [count_trials(small, [trial], design) for trial in few])  # noqa: B023 -- run at once
        row(f"a finished trial of {FEW:,} x {FEW_TEST:,} samples with {kind}, on arrival", taken(run, STORED))
    run = Watched(lambda: memorization(counts[0].statistics))
    row("checking a precision target, for each block", taken(run))


def held(counts: object) -> int:
    """The bytes of all arrays in a dataclass of counts."""
    if isinstance(counts, np.ndarray):
        return counts.nbytes
    if isinstance(counts, list | tuple):
        return sum(map(held, counts))
    if isinstance(counts, dict):
        return sum(map(held, counts.values()))
    return held(list(vars(counts).values())) if is_dataclass(counts) else 0


def volume(database: Database, study: StudyRecord, kind: Kind, some: list[Trial]) -> None:
    """Print the bytes of trials in the database and in its log."""
    before, at = size_of(database), time.perf_counter()
    for trial in some:
        with database.writing() as connection:
            evidence.add(connection, study.id, [trial])
    seconds = (time.perf_counter() - at) / len(some)
    table, log = (after - earlier for after, earlier in zip(size_of(database), before, strict=True))
    payload = sum(len(value) for value in vars(some[0]).values() if isinstance(value, bytes))
    row(
        f"a trial with {kind}: {payload / 1000:,.0f} kB; table, log, to store it",
        f"{table / len(some) / 1000:8,.0f} kB {log / len(some) / 1000:6,.0f} kB {1000 * seconds:6.0f} ms",
    )


def size_of(database: Database) -> tuple[int, int]:
    """Bytes of the database, and the position of its write-ahead log; 0 for SQLite, which reuses its log."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            log = int(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()), log
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one()), 0


def rows_of_trials(database: Database, seed: int, kind: Kind) -> None:
    """Store trials, and recount them as a driver does when it takes over."""
    study = study_in(database, seed)
    volume(database, study, kind, made_trials(design_of(study), kind))
    with database.reading() as connection:
        run = Watched(lambda: count_study(connection, study, *labels()))
    row("recounting it when a driver takes over", taken(run, STORED))


def rebuilding(databases: list[Database], trials: int) -> None:
    """Build both tables after a number of trials, store them, and read them with the service."""
    counts, made = made_counts(trials), list[ScoreTable | PairsTable]()
    provenance = Provenance("a" * 16, "f" * 64, {}, {})
    run = Watched(lambda: made.extend(build_tables(counts, provenance)))
    row(f"{trials:,} trials: both tables from counts, {len(made[1]) / 1e6:.1f} million pairs", taken(run))
    for database in databases:
        kept_and_read(database, trials, made)


def kept_and_read(database: Database, trials: int, made: list[ScoreTable | PairsTable]) -> None:
    """Store two tables in a new study, and read them into the service's cache."""
    study = study_in(database, trials)
    scores, pairs = (type(table).of(table.columns, {**table.meta, "study": study.id}) for table in made)
    sizes = [sum(column.nbytes for column in table.columns.values()) / 1e6 for table in (scores, pairs)]
    kind, before = database.engine.dialect.name, size_of(database)

    def keep() -> None:
        with database.writing() as connection:
            tables.add(connection, study.id, scores, pairs)

    try:
        run = Watched(keep)
    except (StoreError, MemoryError) as error:
        row(f"{kind}: storing {sizes[0]:.0f} + {sizes[1]:.0f} MB", "FAILS")
        print(f"        {str(error)[:150]}")
        return
    row(f"{kind}: storing {sizes[0]:.0f} + {sizes[1]:.0f} MB", taken(run))
    log = (size_of(database)[1] - before[1]) / 1e6
    if log:
        row(f"{kind}: write-ahead log of it", f"{log:.0f} MB")
    cache = TableCache(database)
    try:
        run = Watched(lambda: asyncio.run(cache.get(study.id)))
    except (StoreError, MemoryError) as error:
        row(f"{kind}: the service reads them", "FAILS")
        print(f"        {str(error)[:150]}")
        return
    held = sum(len(entry.scores_file.payload) + len(entry.pairs_file.payload) for entry in cache.entries.values())
    row(f"{kind}: the service reads them, and holds {2 * held / MIB:.0f} MiB", taken(run))


@ray.remote
class Busy:
    """A worker in training."""

    def train(self, seconds: float) -> bytes:
        """Sleep, then return the bits of a trial."""
        time.sleep(seconds)
        return os.urandom((SAMPLES + 7) // 8 + (TEST_SAMPLES + 7) // 8)


def ray_calls(folder: Path) -> None:
    """Print Ray's cost to the driver: waiting for many workers, fetching a trial, sharing a dataset."""
    ray.init(
        address="local",
        num_cpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=DATASET + DATASET // 2,
        _temp_dir=str(folder),
        _node_ip_address="127.0.0.1",
    )
    try:
        busy: Any = Busy.remote()
        finished = busy.train.remote(0.0)
        ray.wait([finished])
        pending = [busy.train.remote(3600.0) for _ in range(WAITING)]
        run = Watched(lambda: [ray.wait([*pending, finished], timeout=1.0) for _ in range(20)])
        row(f"finding the one of {WAITING:,} workers that has finished", f"{1000 * run.wall / 20:9.2f} ms")
        run = Watched(lambda: ray.get(finished))
        row("fetching its trial", f"{1000 * run.wall:9.2f} ms")
        images = np.zeros(DATASET, np.uint8)
        images[::4096] = 1
        run = Watched(lambda: ray.put(images))
        row("sharing a GiB of images on the driver's node", taken(run))
        ray.kill(busy)
    finally:
        ray.shutdown()


def main() -> None:
    """Print all tables."""
    logging.getLogger("memscore").setLevel(logging.ERROR)
    print(header(f"{SAMPLES:,} x {TEST_SAMPLES:,} samples of {CLASSES:,} classes"))
    parts: list[tuple[str, Callable[[], None]]] = [("a driver counts", counting)]
    with tempfile.TemporaryDirectory(prefix="ms-") as name, both_kinds(Path(name)) as databases:
        for database in databases:
            upgrade(database)
            kind = database.engine.dialect.name
            for seed, recorded in enumerate(get_args(Kind)):
                parts.append((kind, partial(rows_of_trials, database, seed, recorded)))
        parts.append(("Ray", partial(ray_calls, Path(name) / "ray")))
        parts += [("tables", partial(rebuilding, databases, trials)) for trials in MADE]
        for what, run in parts:
            print(f"  {what}{'':{NAMED - len(what) + 2}}{'CPU':>15}{'clock':>11}{'memory':>12}{load():>12}")
            run()
            gc.collect()


if __name__ == "__main__":
    main()
