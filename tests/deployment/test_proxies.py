"""A real nginx before the service, below a path and compressing everything, and a real pgbouncer before PostgreSQL."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from memscore.client import Client, Retries
from memscore.errors import ServiceError
from memscore.settings import Settings
from memscore.store import Database, jobs, open_database
from tests.api.conftest import BODY
from tests.conftest import QUICK, StoredStudy
from tests.processes import Service, ending, eventually
from tests.proxies import nginx, pgbouncer

PREFIX = "/lab/mem"


@pytest.fixture
def behind_nginx(database: Database, stored_study: StoredStudy, settings: Settings) -> Generator[tuple[str, Service]]:
    """The address of a service below PREFIX of an nginx that compresses, and the service."""
    with (
        ending(Service(settings, "--no-dispatch", "--root-path", PREFIX)) as started,
        nginx(started.url, PREFIX) as proxy,
    ):
        yield f"http://127.0.0.1:{proxy.port}{PREFIX}", started


@pytest.mark.databases("sqlite")
def test_pages_addresses_and_clients_work_below_a_path_of_nginx(
    behind_nginx: tuple[str, Service], stored_study: StoredStudy
):
    url, _ = behind_nginx
    with httpx.Client(base_url=url, headers={"accept-encoding": "gzip"}) as http:
        page = http.get("/studies", headers={"accept": "text/html"}).raise_for_status()
        assert page.headers["content-encoding"] == "gzip"
        files = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
        assert any(file.endswith(".js") for file in files)
        for file in files:
            assert file.startswith(f"{PREFIX}/"), file
            assert http.get(file.removeprefix(PREFIX)).status_code == 200, file
        posted = http.post("/v1/jobs", json=BODY)
        assert posted.headers["location"].startswith(f"{PREFIX}/v1/jobs/")
        assert http.get(posted.headers["location"].removeprefix(PREFIX)).json()["id"] == posted.json()["id"]
        slash = http.get("/v1/studies/")
        assert slash.status_code in (200, 307, 308, 404)
        assert slash.headers.get("location", PREFIX).removeprefix(url.removesuffix(PREFIX)).startswith(PREFIX)
        tag = http.get("/v1/studies/made-up/table").headers["etag"]
        assert http.get("/v1/studies/made-up/table", headers={"if-none-match": tag}).status_code == 304
    with Client(url) as client:
        assert client.table("made-up").digest == stored_study.scores.digest
        assert client.score("made-up", 3).index == 3
        assert client.job(posted.json()["id"]).state == "queued"


@pytest.mark.databases("sqlite")
def test_events_pass_an_nginx_that_compresses_as_they_happen(
    behind_nginx: tuple[str, Service], database: Database, stored_study: StoredStudy
):
    url, _ = behind_nginx
    job = httpx.post(f"{url}/v1/jobs", json=BODY).json()["id"]
    seen: list[str] = []

    def follow() -> None:
        headers = {"accept-encoding": "gzip", "accept": "text/event-stream"}
        with httpx.stream("GET", f"{url}/v1/jobs/{job}/events", headers=headers, timeout=30) as response:
            data = (line[5:] for line in response.iter_lines() if line.startswith("data:"))
            for event in map(json.loads, data):
                seen.append(event["state"])  # noqa: PERF401 -- as it arrives

    reader = threading.Thread(target=follow)
    reader.start()
    eventually(lambda: "queued" in seen, 10)
    with database.writing() as connection:
        jobs.cancel(connection, job)
    eventually(lambda: "cancelled" in seen, 10)
    reader.join(10)
    assert not reader.is_alive()


@pytest.fixture
def behind_pgbouncer(database_url: str) -> Generator[str]:
    """A URL of the database through a pgbouncer that gives each transaction any of its connections."""
    bouncer, url = pgbouncer(database_url)
    with bouncer:
        yield url


@pytest.mark.databases("postgresql")
def test_a_service_behind_a_pooler_of_transactions_answers_everything(
    database: Database, stored_study: StoredStudy, settings: Settings, behind_pgbouncer: str
):
    pooled = settings.model_copy(update={"database_url": behind_pgbouncer})
    paths = ("/v1/studies", "/v1/jobs", "/v1/datasets", "/readyz", "/v1/studies/made-up/scores/1", "/metrics")
    with ending(Service(pooled, "--no-dispatch")) as started, httpx.Client(base_url=started.url) as http:

        def ask(number: int) -> int:
            if number % 10 == 0:
                body = {**BODY, "design": {"seed": number}}
                return http.post("/v1/jobs", json=body).status_code
            return http.get(paths[number % len(paths)]).status_code

        with ThreadPoolExecutor(6) as threads:
            found = Counter(threads.map(ask, range(600)))
        assert set(found) == {200, 202}, found
        assert len(http.get("/v1/jobs", params={"limit": 1000}).json()["jobs"]) == 60


@pytest.mark.databases("postgresql")
def test_a_job_is_done_through_a_pooler(
    database: Database, stored_study: StoredStudy, settings: Settings, behind_pgbouncer: str
):
    pooled = settings.model_copy(update={"database_url": behind_pgbouncer, "slots": 1})
    with ending(Service(pooled)) as started, Client(started.url) as client:
        done = client.wait(client.submit("made-up", QUICK, trials=60).id)
        assert (done.state, done.progress.done) == ("succeeded", 60)
        states = [event.state for event in client.events(done.id)]
    assert states.count("running") == 1, "an attempt was lost"
    opened = open_database(behind_pgbouncer)
    with opened.reading() as connection:
        assert jobs.get(connection, done.id).attempt == 1
    opened.close()


@pytest.mark.databases("sqlite")
def test_a_proxys_own_refusal_says_that_it_is_the_proxys(behind_nginx: tuple[str, Service]):
    url, started = behind_nginx
    # nginx takes 1 MiB by default
    with Client(url) as client, pytest.raises(ServiceError, match=r"413 .* a proxy before it takes no body of this"):
        client.import_scores(bytes(2**21), "made-up")
    started.stop()
    with (
        Client(url, retries=Retries(attempts=1)) as client,
        pytest.raises(ServiceError, match=r"502 .* a proxy before it cannot reach"),
    ):
        client.studies()
