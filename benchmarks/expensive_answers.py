"""Measure answers about all samples under load: `python benchmarks/expensive_answers.py [SAMPLES] [PAIRS]`.

The pairs of one training sample by their index, against looking at every row. Then 40 clients ask for one export at
once, and 20 for different answers: the time until the last has it, against one client alone, and the slowest answers
that others get meanwhile.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

from api.app import create_app
from api.serving.in_process import InProcessTransport
from benchmarks.machine import header
from memscore.arrays import Columns
from memscore.datasets.dataset import build_dataset
from memscore.scores import explanation
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.store import Database, datasets, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.study.spec import Design, Recipe

CLIENTS, TESTS, CLASSES = 40, 10_000, 100
RECIPE = Recipe(network="cnn", epochs=1, batch_size=32, learning_rate=0.1)
DIFFERENT = [
    *(f"explain/{index}" for index in range(5)),
    *(f"pairs?test_index={index}" for index in range(5)),
    *(f"scores?sort=-{column}" for column in ("mem", "se", "p_in", "p_out", "n_in")),
    *(f"histogram?bins={bins}" for bins in (10, 20, 30)),
    "sets",
    "sets?format=json&limit=10",
]


def made_tables(samples: int, pairs: int, study: str) -> tuple[ScoreTable, PairsTable]:
    """Tables of random numbers."""
    random = np.random.default_rng(0)
    scores: Columns = {name: random.random(samples) for name in ScoreTable.dtypes if not name.startswith("test_")}
    scores |= {name: random.random(TESTS) for name in ScoreTable.dtypes if name.startswith("test_")}
    scores["label"], scores["test_label"] = np.arange(samples) % CLASSES, np.arange(TESTS) % CLASSES
    found: Columns = {name: random.random(pairs) for name in PairsTable.dtypes}
    found["infl"] = -np.sort(-found["infl"])
    found["train_index"], found["test_index"] = random.integers(0, samples, pairs), random.integers(0, TESTS, pairs)
    meta = {"study": study, "fingerprint": "f" * 64, "trials": 4000}
    of_pairs = {**meta, "scope": "same_class", "floor": 0.02, "strong": 0.15}
    return ScoreTable.of(scores, meta), PairsTable.of(found, of_pairs)


def filled(database: Database, samples: int, pairs: int) -> tuple[ScoreTable, PairsTable]:
    """A study with such tables, named `large`."""
    upgrade(database)
    images = np.zeros((CLASSES, 1, 1, 1), np.uint8)
    dataset = build_dataset(images, np.arange(CLASSES), images, np.arange(CLASSES), source="made up")
    with database.writing() as connection:
        record = datasets.register(connection, "large", dataset)
        study = studies.ensure(connection, record, RECIPE, Design(), "large")
        made = made_tables(samples, pairs, study.id)
        tables.add(connection, study.id, *made)
    return made


def seconds(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def by_index(pairs: PairsTable) -> None:
    """Print what the index of a pairs table saves."""
    made = seconds(lambda: (pairs.of_train(0), pairs.of_test(0)))
    found = min(seconds(lambda one=one: explanation.rivals(pairs, one, 10)) for one in range(20))

    def scan(index: int) -> None:
        own = np.flatnonzero(pairs["train_index"] == index)
        np.flatnonzero(np.isin(pairs["test_index"], pairs["test_index"][own]) & (pairs["train_index"] != index))

    scanned = min(seconds(lambda one=one: scan(one)) for one in range(5))
    print(f"{len(pairs):,} pairs: index made in {made:.2f} s; a sample's rivals {1000 * found:.2f} ms, ", end="")
    print(f"looking at every row {1000 * scanned:.1f} ms: {scanned / found:.0f} times as long")


def together(name: str, database: Database, paths: list[str]) -> None:
    """Print how long many clients wait for answers that one alone gets in sequence, and how long others wait."""
    http = httpx.Client(
        transport=InProcessTransport(database, create_app(database)), base_url="http://memscore", timeout=600
    )
    beside: dict[str, float] = {}
    ended = threading.Event()

    def others() -> None:
        while not ended.is_set():
            for path in ("/healthz", "/v1/jobs", "/v1/studies/large/scores/5"):
                beside[path] = max(beside.get(path, 0), seconds(lambda path=path: http.get(path).raise_for_status()))
            time.sleep(0.02)

    with http, ThreadPoolExecutor(len(paths) + 1) as threads:
        http.get("/v1/studies/large/scores/1").raise_for_status()
        watching = threads.submit(others)
        started = time.perf_counter()
        answers = list(threads.map(lambda path: http.get(f"/v1/studies/large/{path}"), paths))
        all_have_it = time.perf_counter() - started
        ended.set()
        watching.result()
    assert {one.status_code for one in answers} == {200}, {one.status_code for one in answers}
    slowest = ", ".join(f"{path.removeprefix('/v1/studies/large')} {value:.2f} s" for path, value in beside.items())
    print(f"{name}: {all_have_it:.2f} s; slowest answers meanwhile: {slowest}")


def main(samples: int = 1_000_000, pairs: int = 2_000_000) -> None:
    """Print all of it."""
    print(header("Answers about all samples under load"))
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{Path(folder) / 'memscore.db'}")
        _, made = filled(database, samples, pairs)
        by_index(made)
        together("1 client, one export", database, ["table?format=csv"])
        together(f"{CLIENTS} clients, the same export", database, ["table?format=csv"] * CLIENTS)
        together(f"{len(DIFFERENT)} clients, different lists", database, DIFFERENT)
        database.close()


if __name__ == "__main__":
    main(*(int(one.replace("_", "")) for one in sys.argv[1:]))
