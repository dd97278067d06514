"""Measure the service's cost per answer against limits: `python benchmarks/service.py [--short]`.

The server has one core to itself; the load comes from another. CPU is the server process's user and system time over
the answered requests; it depends less on other load than wall time does. A single look-up is compared, in turns, with
servers of the same settings that answer with bare Responses of the same size: from a Starlette application's only
route, which the limit refers to, and without an application. The first start, which compiles modules never imported
before, does not count.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from benchmarks.http_load import CLIENT, Call, Load, drive
from benchmarks.machine import header
from memscore import keys
from memscore.client import Client
from memscore.datasets.dataset import build_dataset
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.settings import Settings
from memscore.store import Database, api_keys, datasets, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.store.pepper import pepper_of
from memscore.study.spec import Design, Recipe

SMALL, LARGE = (50_000, 10_000), (1_281_167, 50_000)  # training and test samples: CIFAR-100, ImageNet
PAIRS = 20_000
RECIPE = Recipe(network="cnn", epochs=1, batch_size=32, learning_rate=0.1)
CONNECTIONS = 32
LOOKED_UP = 1_000  # indices per request
ROUNDS, STARTS = 3, 3
NAMED = 58
ABOUT_ALL = ("scores?sort=-se&offset=30000&limit=60", "suspects?limit=60", "classes", "quality", "compare?with={study}")


@dataclass(frozen=True)
class Measured:
    """Load, and the server's CPU seconds per request."""

    load: Load
    cpu: float


class Server:
    """A server process on one core."""

    def __init__(self, command: Sequence[str], core: int, environment: dict[str, str] | None = None) -> None:
        started = time.perf_counter()
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        self.process = psutil.Process(self.popen.pid)
        self.process.cpu_affinity([core])
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        self.url = next(word for word in line.split() if word.startswith("http://"))
        assert httpx.get(f"{self.url}/healthz").status_code == 200
        self.start_seconds = time.perf_counter() - started

    def measure(self, call: Call, seconds: float, connections: int = CONNECTIONS) -> Measured:
        """Load the server with a call, and return the results."""
        before = self._cpu()
        load = drive(self.url, call, seconds, connections)
        return Measured(load, (self._cpu() - before) / load.requests)

    def stop(self) -> None:
        """Stop the server."""
        self.popen.terminate()
        self.popen.wait(60)

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


def row(name: str, *values: str) -> None:
    """Print a line of the table."""
    print(f"  {name:{NAMED}}{''.join(f'{value:>17}' for value in values)}", flush=True)


def against(value: float, limit: float, unit: str, *, at_least: bool = False) -> tuple[str, str, str]:
    """A value, its limit, and whether the limit is kept."""
    kept = value >= limit if at_least else value <= limit
    return f"{value:.2f} {unit}", f"limit {limit:g} {unit}", "kept" if kept else "MISSED"


def store(database: Database, name: str, seed: int, samples: int, test_samples: int) -> None:
    """A study with tables of plausible numbers."""
    random = np.random.default_rng(seed)
    sizes = {column: test_samples if column.startswith("test_") else samples for column in ScoreTable.dtypes}
    columns: dict[str, Any] = {column: random.random(size, np.float32) for column, size in sizes.items()}
    columns["n_in"], columns["n_out"] = np.full(samples, 1400), np.full(samples, 600)
    columns["label"], columns["test_label"] = np.arange(samples) % 100, np.arange(test_samples) % 100
    pairs: dict[str, Any] = {column: random.random(PAIRS, np.float32) for column in PairsTable.dtypes}
    pairs["train_index"], pairs["test_index"] = np.arange(PAIRS), np.arange(PAIRS) % test_samples
    images, few = np.zeros((100, 1, 1), np.uint8), np.arange(100)
    with database.writing() as connection:
        record = datasets.register(connection, "made", build_dataset(images, few, images, few, source="made"))
        study = studies.ensure(connection, record, RECIPE, Design(seed=seed), name).id
        meta = {"study": study, "fingerprint": record.fingerprint, "trials": 2000}
        scores = ScoreTable.of(columns, meta)
        tables.add(connection, study, scores, PairsTable.of(pairs, {**meta, "floor": 0.02, "scope": "same_class"}))


@contextmanager
def bare_server(size: int, core: int, *options: str) -> Generator[Server]:
    """A server that only answers with `size` bytes."""
    server = Server([sys.executable, "-m", "benchmarks.bare_server", str(size), *options], core)
    try:
        yield server
    finally:
        server.stop()


def look_ups(server: Server, core: int, key: str, seconds: float) -> Call:
    """Print one sample per request against bare Responses, and return the call for later measurements."""
    paths = [f"/v1/studies/small/scores/{index}" for index in np.random.default_rng(0).integers(0, SMALL[0], 1000)]
    call, with_key = Call(paths), Call(paths, headers={"Authorization": f"Bearer {key}"})
    size = len(httpx.get(server.url + paths[0]).content)
    least, routed = f"a bare Response of {size} bytes", "the same from a Starlette route"
    measured: dict[str, list[Measured]] = {least: [], routed: [], "one look-up": [], "with a key": []}
    with bare_server(size, core) as bare, bare_server(size, core, "routed") as starlette:
        servers = ((bare, call), (starlette, call), (server, call), (server, with_key))
        sent = zip(measured.values(), servers, strict=True)
        for _, (one, what) in (turns := list(sent)):
            one.measure(what, 1)
        for _ in range(ROUNDS):
            for rounds, (one, what) in turns:
                rounds.append(one.measure(what, seconds))
    cpu = {name: statistics.median(one.cpu for one in rounds) for name, rounds in measured.items()}
    for name, rounds in measured.items():
        row(name, f"{1e6 * cpu[name]:.0f} µs", *latencies(rounds[-1].load))
        if name not in (least, routed):
            row("  CPU over that of the Starlette route", *against(cpu[name] / cpu[routed], 1.8, "times"))
            row("  CPU over that of the bare Response", f"{cpu[name] / cpu[least]:.2f} times")
    return call


def latencies(load: Load) -> tuple[str, str, str]:
    """Latencies and rate, as text."""
    return f"p50 {1e3 * load.p50:.2f} ms", f"p99 {1e3 * load.p99:.2f} ms", f"{load.rate:,.0f} /s"


def many_look_ups(server: Server, seconds: float) -> None:
    """Print a thousand samples per request."""
    indices = np.random.default_rng(0).integers(0, SMALL[0], LOOKED_UP).tolist()
    call = Call(["/v1/studies/small/scores/lookup"], "POST", body=f'{{"indices": {indices}}}')
    taken = server.measure(call, seconds)
    row(f"{LOOKED_UP} samples in one request", *against(1e3 * taken.cpu, 0.6, "ms"), *latencies(taken.load))


def whole_tables(server: Server, core: int, seconds: float) -> None:
    """Print whole tables from memory, and requests from clients whose copy is current."""
    for study, (samples, _) in (("small", SMALL), ("large", LARGE)):
        path = f"/v1/studies/{study}/table"
        answer = httpx.get(server.url + path, timeout=60)
        size = len(answer.content)
        taken = server.measure(Call([path]), seconds, 2)
        pulls = [client_seconds(server.url, study) for _ in range(3)]
        name, client = f"a table of {samples:,} rows, {size / 1e6:.1f} MB", f"client {1e3 * min(pulls):.1f} ms"
        if study == "small":
            with bare_server(size, core) as bare:
                least = bare.measure(Call([path]), seconds, 2)
            row(name, *against(1e3 * taken.cpu, 1, "ms"), client, f"bare {1e3 * least.cpu:.2f} ms")
            current = server.measure(Call([path], headers={"If-None-Match": answer.headers["etag"]}), seconds)
            row("  304, if the client has it", *against(1e3 * current.cpu, 0.5, "ms"), *latencies(current.load))
        else:
            row(name, *against(size / taken.cpu / 1e9, 2, "GB/s", at_least=True), client)


def about_all_samples(server: Server, seconds: float) -> None:
    """Print answers computed over a whole table: the first, which computes them, and those after it."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        for study, (samples, _) in (("small", SMALL), ("large", LARGE)):
            http.get(f"/v1/studies/{study}/scores/0").raise_for_status()
            for asked in ABOUT_ALL:
                path = f"/v1/studies/{study}/{asked.format(study=study)}"
                started = time.perf_counter()
                http.get(path).raise_for_status()
                first = f"first {1e3 * (time.perf_counter() - started):.0f} ms"
                taken = server.measure(Call([path]), seconds, 2)
                row(f"{asked.partition('?')[0]} of {samples:,} samples", *against(1e3 * taken.cpu, 20, "ms"), first)


def client_seconds(url: str, study: str) -> float:
    """Seconds that memscore.Client takes for a table, including decoding and checks."""
    with Client(url) as client:
        client.datasets()  # connect
        started = time.perf_counter()
        client.table(study)
        return time.perf_counter() - started


def made_key(database: Database, settings: Settings) -> str:
    """A new API key with scope read."""
    key, identifier = keys.generate()
    with database.writing() as connection:
        api_keys.add(connection, identifier, key, pepper_of(settings), "benchmark", "read", None)
    return key


def start(settings: Settings, core: int, times: int) -> Server:
    """Start the service several times, and return the last server, still running."""
    command = [sys.executable, "-m", "memscore.cli", "serve", "--port", "0", "--no-dispatch"]
    server, seconds = Server(command, core, settings.environment()), list[float]()
    for _ in range(times):
        server.stop()
        server = Server(command, core, settings.environment())
        seconds.append(server.start_seconds)
    memory = server.process.memory_full_info()
    row("from process start to first answer", *against(statistics.median(seconds), 2, "s"))
    shares = (f"USS {memory.uss / 1e6:.0f} MB", f"PSS {memory.pss / 1e6:.0f} MB")
    row("memory before the first table (RSS)", *against(memory.rss / 1e6, 150, "MB"), *shares)
    files = {Path(place.path).parts for place in server.process.memory_maps()}
    heavy = sorted({part for parts in files for part in parts} & {"torch", "ray", "pyarrow", "pandas", "sklearn"})
    row("heavy libraries loaded", ", ".join(heavy) or "none")
    return server


@contextmanager
def job_beside(settings: Settings) -> Generator[None]:
    """Train a job on the digits within the block, on the load's core and with the service's database."""
    command = [sys.executable, "-m", "memscore.cli", "estimate", "--dataset", "digits", "--trials", "100000"]
    quiet = subprocess.DEVNULL
    job = subprocess.Popen(command, env=settings.environment(), stdout=quiet, stderr=quiet, start_new_session=True)
    database = open_database(settings.database)
    try:
        deadline = time.monotonic() + 120
        while not trains(database):
            assert job.poll() is None, "the job ended"
            assert time.monotonic() < deadline, "the job did not start"
            time.sleep(0.5)
        yield
    finally:
        job.send_signal(signal.SIGINT)
        job.wait(60)
        database.close()


def trains(database: Database) -> bool:
    """Whether the job has its first scores."""
    with database.reading() as connection:
        return any(
            study.name == "digits" and tables.current_digest(connection, study.id)
            for study in studies.listing(connection)
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="shorter measurements, and none with a job in training")
    short = parser.parse_args().short
    seconds = 2 if short else 5
    cores = sorted(os.sched_getaffinity(0))
    mine, others = cores[0], cores[-1]
    print(header("The service, on one core"))
    os.sched_setaffinity(0, {others})
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # it would make each start compile everything again
    print(f"  load from another core: {CLIENT}, {CONNECTIONS} connections; CPU of the server per request")
    with tempfile.TemporaryDirectory(prefix="ms-") as name:
        settings = Settings(home=Path(name), slots=1, rate_limit=0)
        settings.prepare_home()
        database = open_database(settings.database)
        upgrade(database)
        store(database, "small", 0, *SMALL)
        store(database, "large", 1, *LARGE)
        key = made_key(database, settings)
        database.close()
        server = start(settings, mine, 1 if short else STARTS)
        try:
            call = look_ups(server, mine, key, seconds)
            many_look_ups(server, seconds)
            whole_tables(server, mine, seconds)
            about_all_samples(server, min(seconds, 2))
            if not short:
                with job_beside(settings):
                    taken = server.measure(call, seconds)
                    row("one look-up while a job trains", f"{1e6 * taken.cpu:.0f} µs", *latencies(taken.load))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
