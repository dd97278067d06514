"""Metrics: their values for known jobs on both databases, names and labels, and an unavailable database."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from sqlalchemy import update

import memscore
from api.serving.in_process import in_process
from memscore.messages.jobs import STATES
from memscore.store import Database, datasets, evidence, jobs, leadership, metrics, open_database, studies
from memscore.store.database import now
from memscore.store.migrate import downgrade, upgrade
from memscore.store.schema import jobs as jobs_table
from memscore.study.spec import Design, Target, Wanted
from tests.conftest import QUICK, StoredStudy, make_trials
from tests.ray_cluster import free_port

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def families(http: httpx.Client) -> dict[str, Metric]:
    answer = http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {family.name: family for family in parse(answer.text)}


def values(http: httpx.Client) -> dict[str, float]:
    """Every sample by its name, with its labels as Prometheus writes them."""
    found: dict[str, float] = {}
    for family in families(http).values():
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def activity(database: Database, stored_study: StoredStudy) -> dict[str, str]:
    """A job in each of five states, of five studies, by its state; 40 and 13 trials, and 2 full ones."""
    made: dict[str, str] = {}
    with database.writing() as connection:
        record = datasets.by_name(connection, "made-up")

        def start(number: int) -> jobs.JobRecord:
            study = studies.ensure(connection, record, QUICK, Design(seed=number), f"study-{number}")
            jobs.submit(connection, study.id, Wanted(target=Target(trials=100)), 0)
            job = jobs.claim(connection, "elsewhere/1/0", 60)
            assert job is not None
            return job

        running = start(1)
        for state in ("failed", "succeeded"):
            job = start(2 + len(made))
            jobs.finish(connection, job.id, job.attempt, state, "as it happens")
            made[state] = job.id
        lost = start(4)
        assert jobs.mark_lost(connection, lost.id, lost.attempt, "gone") == "recovering"
        queued, _ = jobs.submit(connection, stored_study.record.id, Wanted(target=Target(trials=100)), 40)
        made |= {"running": running.id, "recovering": lost.id, "queued": queued.id}
        second = studies.find(connection, running.study_id)
        evidence.add(connection, second.id, make_trials(stored_study.dataset, Design(seed=1), blocks=2)[:13])

        def change(state: str, **columns: object) -> None:
            connection.execute(update(jobs_table).where(jobs_table.c.id == made[state]).values(**columns))

        for state in ("running", "failed", "succeeded", "recovering"):
            change(state, created_at=jobs_table.c.started_at - 10)
        change("running", reported_at=now() - 100, lease_expires_at=now() - 5, trials_per_second=2.5, attempt=4)
        change("queued", not_before=now() - 300)
        change("recovering", not_before=now() + 3600)
        assert leadership.take(connection, leadership.LEADER, "elsewhere/1/0", 20, note="Ray does not answer.")
    return made


def test_metrics_say_what_is_in_the_database(http: httpx.Client, activity: dict[str, str], database: Database):
    found = values(http)
    counts = {"queued": 1, "running": 1, "recovering": 1, "cancelling": 0, "succeeded": 1, "failed": 1, "cancelled": 0}
    assert {state: found[f'memscore_jobs{{state="{state}"}}'] for state in counts} == counts
    assert found["memscore_database_up"] == 1
    assert found["memscore_job_attempts_total"] == 4 + 1 + 1 + 1
    assert found["memscore_job_attempts_lost_total"] == 2
    assert found["memscore_job_queue_wait_seconds_count"] == 4
    assert found["memscore_job_queue_wait_seconds_sum"] == pytest.approx(40)
    assert found["memscore_job_waiting_seconds"] == pytest.approx(300, abs=60)
    assert found["memscore_job_report_age_seconds"] == pytest.approx(100, abs=60)
    assert found["memscore_job_leases_overdue"] == 1
    assert found['memscore_trials_stored_total{kind="subset"}'] == 40 + 13
    assert found['memscore_trials_stored_total{kind="full"}'] == 0
    assert found["memscore_blocks_stored_total"] == 4 + 1
    assert found["memscore_trials_per_second"] == 2.5
    assert found["memscore_dispatcher_leading"] == 1
    assert found["memscore_dispatcher_blocked"] == 1
    assert -60 < found["memscore_dispatcher_lease_remaining_seconds"] <= 20
    assert found["memscore_database_size_bytes"] > 10_000
    (build,) = families(http)["memscore_build_info"].samples
    assert build.labels["version"] == memscore.__version__


def test_those_that_need_a_look_are_named(activity: dict[str, str], database: Database):
    with database.reading() as connection:
        (silent,) = metrics.silent(connection, 90)
        assert (silent.job, silent.seconds) == (activity["running"], pytest.approx(100, abs=60))
        assert metrics.silent(connection, 1000) == []
        (overdue,) = metrics.overdue(connection)
        assert (overdue.job, overdue.seconds) == (activity["running"], pytest.approx(5, abs=60))
        (failed,) = metrics.failed(connection, 3600)
        assert (failed.job, failed.error) == (activity["failed"], "as it happens")
        assert metrics.failed(connection, -1) == []


def test_an_empty_database_gives_zeros(http: httpx.Client):
    found = values(http)
    assert found["memscore_job_waiting_seconds"] == found["memscore_job_report_age_seconds"] == 0
    assert found["memscore_trials_per_second"] == found["memscore_blocks_stored_total"] == 0
    assert found["memscore_dispatcher_leading"] == 0
    assert "memscore_dispatcher_blocked" not in found


@pytest.mark.slower
def test_requests_are_counted_by_the_template_of_their_route(http: httpx.Client, stored_study: StoredStudy):
    for index in range(30):
        http.get(f"/v1/studies/made-up/scores/{index}")
        http.get(f"/v1/jobs/{index}")
        http.get(f"/nowhere/{index}")
        http.request(f"METHOD{index}", "/healthz")
    http.delete("/healthz")
    found = values(http)
    score = '{method="GET",route="/v1/studies/{study}/scores/{index}"'
    assert found[f'memscore_http_requests_total{score},status="200"}}'] == 30
    assert found[f"memscore_http_request_duration_seconds_count{score}}}"] == 30
    assert found['memscore_http_requests_total{method="GET",route="/v1/jobs/{job}",status="404"}'] == 30
    assert found['memscore_http_requests_total{method="GET",route="none",status="404"}'] == 30
    assert found['memscore_http_requests_total{method="other",route="/healthz",status="405"}'] == 30
    assert found['memscore_http_requests_total{method="DELETE",route="/healthz",status="405"}'] == 1


@pytest.mark.slower
def test_no_label_takes_values_without_number(http: httpx.Client, database: Database, activity: dict[str, str]):
    http.get("/v1/jobs/none?limit=3")
    allowed = {
        "route": {"none", "/openapi.json", *http.get("/openapi.json").json()["paths"]},
        "method": {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"},
        "state": set(STATES),
        "kind": {"subset", "full"},
    }
    seen: set[str] = set()
    for family in families(http).values():
        for sample in family.samples:
            for name in sample.labels.keys() - {"le", "status", "version", "python"}:
                assert sample.labels[name] in allowed[name], sample
                seen.add(name)
            assert re.fullmatch(r"\d{3}", sample.labels.get("status", "200"))
    assert seen == set(allowed)


def test_names_follow_the_rules_of_prometheus(http: httpx.Client, activity: dict[str, str]):
    http.get("/healthz")
    answer = http.get("/metrics")
    names = re.findall(r"^# TYPE (\S+) (\S+)$", answer.text, re.MULTILINE)
    assert len(names) == len(set(names)) > 20
    for name, kind in names:
        assert re.fullmatch(r"(memscore|process)(_[a-z]+)+", name), name
        assert f"# HELP {name} " in answer.text
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|milliseconds|minutes|mb|megabytes|count|sum|bucket|gauge)(_|$)", name), name
    assert not re.search("_created", answer.text)


def test_openmetrics_are_given_to_whoever_asks(http: httpx.Client, activity: dict[str, str]):
    answer = http.get("/metrics", headers=OPENMETRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert {family.name for family in parse_openmetrics(answer.text)} >= {"memscore_jobs", "memscore_trials_stored"}


def gone(http: httpx.Client) -> None:
    """The scrape works, and says that the database does not."""
    found = values(http)
    assert found["memscore_database_up"] == 0
    assert not [name for name in found if name.startswith(("memscore_job", "memscore_trials", "memscore_dispatcher"))]
    assert any(name.startswith("memscore_build_info") for name in found)
    assert any(name.startswith(("process_", "memscore_http")) for name in found)


@pytest.mark.slower
def test_a_database_without_tables_is_one_that_is_away(http: httpx.Client, database: Database):
    http.get("/healthz")
    downgrade(database, "base")
    gone(http)
    upgrade(database)
    assert values(http)["memscore_database_up"] == 1


def test_the_scrape_works_without_the_database(tmp_path: Path):
    folder = tmp_path / "disk"
    folder.mkdir()
    lost = open_database(f"sqlite:///{folder / 'memscore.db'}")
    upgrade(lost)
    lost.close()
    shutil.rmtree(folder)
    away = open_database(f"postgresql+psycopg://user@127.0.0.1:{free_port()}/scores")
    for database in (lost, away):
        with in_process(database) as http:
            http.get("/healthz")
            gone(http)
            assert http.get("/readyz").status_code == 503
        database.close()
