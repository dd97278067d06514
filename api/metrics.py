"""Prometheus metrics: all jobs and trials, from the database, and the requests of this process."""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

import memscore
from memscore.errors import StoreError
from memscore.settings import metrics_folder
from memscore.store import Database
from memscore.store.metrics import Activity, activity

log = logging.getLogger(__name__)

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds


class Metrics:
    """The metrics of one application. Those of the database are read for each scrape, so processes agree.

    The workers of a service count requests in files of one folder, and each answers with the sums.
    """

    def __init__(self, database: Database) -> None:
        disable_created_metrics()  # they add a second series to each metric, which nothing reads
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        folder = metrics_folder()
        if folder is not None:
            MultiProcessCollector(self.registry, str(folder))
        own = self.registry if folder is None else None
        self.requests = Counter(
            "memscore_http_requests",
            "Answered requests.",
            ("method", "route", "status"),
            registry=own,
        )
        self.seconds = Histogram(
            "memscore_http_request_duration_seconds",
            "Time from a request to the end of its answer, in seconds.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=own,
        )
        self.labelled: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.registry.register(DatabaseCollector(database))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is a template, such as /v1/jobs/{job}."""
        labels = method, route, status
        found = self.labelled.get(labels)
        if found is None:  # looking up labels takes longer than counting
            found = self.requests.labels(method, route, str(status)), self.seconds.labels(method, route)
            self.labelled[labels] = found
        count, duration = found
        count.inc()
        duration.observe(seconds)


class DatabaseCollector(Collector):
    """Reads the database on each scrape; if that fails, it yields only memscore_build and memscore_database_up."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics that are the same for every process on this database."""
        build = {"version": memscore.__version__, "python": platform.python_version()}
        yield InfoMetricFamily("memscore_build", "The versions of memscore and Python.", value=build)
        try:
            with self.database.reading() as connection:
                now = activity(connection)
        except (StoreError, SQLAlchemyError) as error:
            log.warning("metrics without the database: %s", error)
            yield _gauge("database_up", "Whether the database can be used.", 0)
            return
        yield _gauge("database_up", "Whether the database can be used.", 1)
        yield _gauge("database_size_bytes", "The size of the database, indexes included.", now.database_bytes)
        yield from _of_jobs(now)
        yield from _of_trials(now)
        yield from _of_dispatcher(now)


def _of_jobs(now: Activity) -> Iterator[Metric]:
    states = GaugeMetricFamily("memscore_jobs", "Jobs by state.", labels=["state"])
    for state, count in now.jobs.items():
        states.add_metric([state], count)
    yield states
    yield _counter("job_attempts", "Started attempts at jobs.", now.attempts)
    yield _counter("job_attempts_lost", "Attempts at jobs that were lost or failed.", now.attempts_lost)
    yield SummaryMetricFamily(
        "memscore_job_queue_wait_seconds",
        "Time from a job's submission to its first start, in seconds.",
        count_value=now.jobs_started,
        sum_value=now.waited,
    )
    yield _gauge("job_waiting_seconds", "Age of the oldest waiting job, in seconds.", now.longest_wait)
    yield _gauge("job_report_age_seconds", "Longest silence of a running job's driver, in seconds.", now.report_age)
    yield _gauge("job_leases_overdue", "Running jobs whose lease has expired.", now.overdue_leases)


def _of_trials(now: Activity) -> Iterator[Metric]:
    stored = CounterMetricFamily("memscore_trials_stored", "Stored trials, by what they train on.", labels=["kind"])
    stored.add_metric(["subset"], now.trials)
    stored.add_metric(["full"], now.full_trials)
    yield stored
    yield _counter("blocks_stored", "Stored blocks, each ten trials of a study.", now.blocks)
    yield _gauge("trials_per_second", "Trials per second of all running jobs, as they report.", now.trials_per_second)


def _of_dispatcher(now: Activity) -> Iterator[Metric]:
    leads = now.leader is not None and now.leader.seconds_left >= 0
    yield _gauge("dispatcher_leading", "Whether a dispatcher holds the lead.", leads)
    if now.leader is None:
        return
    yield _gauge(
        "dispatcher_lease_remaining_seconds",
        "Seconds until the lead expires; negative afterwards, absent if it was given up.",
        now.leader.seconds_left,
    )
    yield _gauge(
        "dispatcher_blocked", "Whether the leading dispatcher cannot launch jobs.", now.leader.note is not None
    )


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"memscore_{name}", text, value=float(value))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"memscore_{name}", text, value=float(value))
