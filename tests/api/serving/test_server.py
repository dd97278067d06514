"""`memscore serve` as a real process: workers, settings in force, and a stop that loses no download."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pytest

from api.serving import processes, server
from memscore.errors import StoreError
from memscore.scores.tables import PairsTable, ScoreTable
from memscore.settings import Settings
from memscore.store import Database, datasets, jobs, open_database, studies, tables
from memscore.store.migrate import upgrade
from memscore.study.spec import Design, Target, Wanted
from tests.conftest import QUICK, make_dataset
from tests.processes import Service, ending, eventually, kill

SAMPLES = 300_000  # a table of 17 MB, more than sockets hold


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, bytes]:
    """Settings of a home in which the study "large" has a score table, and the bytes of that."""
    settings = Settings(home=tmp_path_factory.mktemp("large") / "home", slots=1)
    settings.prepare_home()
    with database_of(settings) as database:
        study = store_study(database, "large", SAMPLES)
        with database.reading() as connection:
            return settings, tables.current(connection, study)[0].payload


@contextlib.contextmanager
def database_of(settings: Settings) -> Generator[Database]:
    """The embedded database of a home, with its tables."""
    database = open_database(settings.database)
    upgrade(database)
    yield database
    database.close()


def store_study(database: Database, name: str, samples: int) -> str:
    """A study with tables of zeros; its id."""
    dataset = make_dataset()
    columns = {column: np.zeros(10 if column.startswith("test_") else samples) for column in ScoreTable.dtypes}
    pairs = {column: np.zeros(0) for column in PairsTable.dtypes}
    with database.writing() as connection:
        record = datasets.register(connection, "made-up", dataset)
        study = studies.ensure(connection, record, QUICK, Design(), name).id
        meta = {"study": study, "fingerprint": dataset.fingerprint, "trials": 10, "floor": 0.02}
        tables.add(connection, study, ScoreTable.of(columns, meta), PairsTable.of(pairs, meta))
    return study


@contextlib.contextmanager
def serving(settings: Settings, *options: str, **environment: str) -> Generator[Service]:
    """A service without a dispatcher, unless the options say otherwise."""
    with ending(Service(settings, *(options or ["--no-dispatch"]), environment=environment)) as service:
        yield service


class Download:
    """A request for the large table, of which only the first bytes are read until the rest is wanted."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        assert where.hostname is not None
        assert where.port is not None
        self.socket = socket.create_connection((where.hostname, where.port), 60)
        self.socket.sendall(f"GET /v1/studies/large/table HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        self.received = self.socket.recv(1000)

    def rest(self) -> bytes:
        """The body, read slowly at first; what there was of it, if the service has gone."""
        with self.socket, contextlib.suppress(ConnectionResetError):
            for _ in range(10):
                time.sleep(0.05)
                self.received += self.socket.recv(10_000)
            while part := self.socket.recv(1_000_000):
                self.received += part
        return self.received.partition(b"\r\n\r\n")[2]


def refuses(url: str) -> bool:
    """Whether the service takes no connection any more."""
    try:
        httpx.get(f"{url}/healthz")
    except httpx.TransportError:
        return True
    return False


def workers_of(service: Service) -> list[psutil.Process]:
    return service.find("serve-worker")


@pytest.mark.parametrize(
    ("options", "number"), [(("--no-dispatch",), signal.SIGTERM), (("--workers", "2"), signal.SIGINT)]
)
def test_an_open_download_gets_every_byte_after_the_signal(
    large: tuple[Settings, bytes], options: tuple[str, ...], number: signal.Signals
):
    settings, payload = large
    with serving(settings, *options) as service:
        download = Download(service.url)
        service.top.send_signal(number)
        eventually(lambda: refuses(service.url), 20)
        assert service.running
        assert download.rest() == payload
        assert service.guard.wait(60) == 0
        assert service.family() == []
    assert "Traceback" not in service.log.read_text()


def test_a_download_has_so_long_as_the_setting_says(large: tuple[Settings, bytes]):
    settings, payload = large
    with serving(settings, MEMSCORE_STOP_SECONDS="1") as service:
        download = Download(service.url)
        assert service.stop(30) == 0
        assert len(download.rest()) < len(payload)


@pytest.mark.parametrize("options", [("--no-dispatch",), ("--workers", "2")])
def test_a_second_signal_ends_everything_at_once(large: tuple[Settings, bytes], options: tuple[str, ...]):
    settings, payload = large
    with serving(settings, *options) as service:
        download = Download(service.url)
        service.top.send_signal(signal.SIGTERM)
        eventually(lambda: refuses(service.url), 20)
        service.top.send_signal(signal.SIGTERM)
        assert service.guard.wait(20) == 128 + signal.SIGTERM
        assert len(download.rest()) < len(payload)


def test_event_streams_end_at_once_when_the_service_stops(settings_of_sqlite: Settings):
    with database_of(settings_of_sqlite) as database:
        study = store_study(database, "waiting", 20)
        with database.writing() as connection:
            job, _ = jobs.submit(connection, study, Wanted(target=Target(trials=100)), 0)
    with serving(settings_of_sqlite) as service, httpx.Client(base_url=service.url, timeout=30) as client:
        with client.stream("GET", f"/v1/jobs/{job.id}/events") as stream:
            parts, received = stream.iter_raw(), b""
            while b"queued" not in received:
                received += next(parts)
            service.top.send_signal(signal.SIGTERM)
            list(parts)  # to its end
        assert service.guard.wait(20) == 0
    assert "Traceback" not in service.log.read_text()


def test_idle_connections_do_not_hold_the_stop_up(settings_of_sqlite: Settings):
    with serving(settings_of_sqlite) as service, httpx.Client(base_url=service.url) as client:
        assert client.get("/healthz").status_code == 200
        assert service.stop(20) == 0


@contextlib.contextmanager
def alone(worker: psutil.Process, service: Service) -> Generator[None]:
    """Only this worker can answer."""
    others = [one for one in workers_of(service) if one != worker]
    kill(others, signal.SIGSTOP)
    try:
        yield
    finally:
        kill(others, signal.SIGCONT)


def test_each_worker_answers_and_tells_the_requests_of_all(settings_of_sqlite: Settings):
    with serving(settings_of_sqlite, "--no-dispatch", "--workers", "2") as service:
        both = workers_of(service)
        assert len(both) == 2
        for worker in both:
            with alone(worker, service):
                for _ in range(10):
                    assert httpx.get(f"{service.url}/v1/studies", timeout=30).status_code == 200
        counted = 'memscore_http_requests_total{method="GET",route="/v1/studies",status="200"} 20.0'
        eventually(lambda: counted in httpx.get(f"{service.url}/metrics").text)  # which is after the answer
        for worker in both:
            with alone(worker, service):
                text = httpx.get(f"{service.url}/metrics").text
            assert counted in text
            assert 'duration_seconds_count{method="GET",route="/v1/studies"} 20.0' in text
            assert text.count("memscore_database_up 1.0") == 1


def test_a_worker_that_dies_is_replaced_and_its_counts_stay(settings_of_sqlite: Settings):
    with serving(settings_of_sqlite, "--no-dispatch", "--workers", "2") as service:
        counted = 'memscore_http_requests_total{method="GET",route="/v1/studies",status="200"} 5.0'
        for _ in range(5):
            httpx.get(f"{service.url}/v1/studies")
        eventually(lambda: counted in httpx.get(f"{service.url}/metrics").text)  # which is after the answer
        before = workers_of(service)
        kill(before)
        eventually(lambda: len(workers_of(service)) == 2 and not set(before) & set(workers_of(service)))
        assert httpx.get(f"{service.url}/healthz", timeout=30).status_code == 200
        assert counted in httpx.get(f"{service.url}/metrics").text
    assert "a worker ended with status -9; restarting it" in service.log.read_text()


def test_a_folder_of_counts_that_was_cleared_away_is_made_again(settings_of_sqlite: Settings):
    with serving(settings_of_sqlite, "--no-dispatch", "--workers", "2") as service:
        (folder,) = {one.environ()["PROMETHEUS_MULTIPROC_DIR"] for one in workers_of(service)}
        shutil.rmtree(folder)
        before = workers_of(service)
        kill(before)
        eventually(lambda: len(workers_of(service)) == 2 and not set(before) & set(workers_of(service)))
        assert httpx.get(f"{service.url}/healthz", timeout=30).status_code == 200
        assert "memscore_http_requests_total" in httpx.get(f"{service.url}/metrics").text


@pytest.mark.databases("sqlite")
def test_a_service_whose_workers_cannot_start_ends(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.01)
    monkeypatch.setattr(server, "WORKER_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(processes, "python", lambda *_: (sys.executable, "-c", "raise SystemExit(7)"))
    monkeypatch.setattr(server.signal, "signal", lambda *_: None)
    with pytest.raises(StoreError, match="No worker can be started"):
        server.serve(
            database, settings, "127.0.0.1", 0, workers=2, dispatch=False, stopping=threading.Event(), announce=print
        )


def test_a_dispatcher_is_started_again_however_often_it_fails(monkeypatch: pytest.MonkeyPatch):
    """It cannot start while the database is down, however long that is."""
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.01)
    monkeypatch.setattr(processes, "python", lambda *_: ("false",))
    stopping = threading.Event()
    companion = processes.Companion("the dispatcher", ["dispatch"], {}, stopping)
    seen = set[int]()

    def many() -> bool:
        seen.add(companion.process.pid)
        return len(seen) > 20

    eventually(many)
    assert not companion.given_up
    stopping.set()
    companion.release()
    companion.wait(10)


def test_a_companion_that_starts_again_as_the_service_stops_is_ended_too(monkeypatch: pytest.MonkeyPatch):
    """The service closes the input of each process once and waits for it; one started since then would be left."""
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0)
    started = list[subprocess.Popen[bytes]]()
    stopping = threading.Event()
    start = processes.Companion._start

    def slow(self: processes.Companion) -> subprocess.Popen[bytes]:
        if started:
            stopping.set()
            time.sleep(0.2)
        started.append(start(self))
        return started[-1]

    monkeypatch.setattr(processes.Companion, "_start", slow)
    monkeypatch.setattr(processes, "python", lambda *_: ("sh", "-c", "read -r line"))
    companion = processes.Companion("the dispatcher", ["dispatch"], {}, stopping)
    companion.kill()
    assert stopping.wait(10)
    companion.release()
    companion.wait(10)
    assert [one.returncode is None for one in started] == [False, False]


def test_nothing_outlives_a_service_that_is_killed(settings_of_sqlite: Settings):
    with serving(settings_of_sqlite, "--workers", "2") as service:
        eventually(lambda: len(workers_of(service)) == 2)
        assert len(service.find("memscore.cli dispatch")) == 1
        service.top.kill()
        eventually(lambda: service.family() == [], 30)


def test_a_database_named_on_the_command_line_is_that_of_all_processes(settings_of_sqlite: Settings):
    home = settings_of_sqlite.home
    other = Settings(home=home, database_url=f"sqlite:///{home / 'other.db'}")
    with serving(other, "--database-url", f"sqlite:///{home / 'this.db'}", "--workers", "2") as service:
        eventually(lambda: httpx.get(f"{service.url}/readyz?require=dispatcher").status_code == 200)
    assert sorted(file.name for file in home.glob("*.db")) == ["this.db"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "{taken}"], "Port {taken} on 127.0.0.1 cannot be used"),
        (["--host", "nowhere.invalid"], "nowhere.invalid"),
        (["--database-url", "mysql://host/name"], "'mysql' is not supported"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(memscore, arguments: list[str], sentence: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        outcome = memscore("serve", "--no-dispatch", *(word.replace("{taken}", port) for word in arguments))
    assert outcome.status == 1
    assert sentence.replace("{taken}", port) in outcome.err.replace("\n", " ")
    assert "Traceback" not in outcome.err


def test_no_workers_are_refused(memscore):
    outcome = memscore("serve", "--workers", "0")
    assert outcome.status == 2
    assert "--workers" in outcome.err
