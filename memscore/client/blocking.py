"""The client that waits for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx

from memscore.client import dataset_calls, following, job_calls, service_calls, study_calls, table_calls
from memscore.client.cache import MAX_BYTES
from memscore.client.retries import Retries
from memscore.client.session import DEFAULT_URL, TIMEOUT_SECONDS, OnDownload, Session
from memscore.client.steps import Emit, Flow, Items, Open, Pause, Read, Reply, Work, emitted

P = ParamSpec("P")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Connection:
    """Takes the steps of calls, one after the other."""

    def __init__(self, session: Session, http: httpx.Client, sleep: Callable[[float], None]) -> None:
        self.session, self.http, self.sleep = session, http, sleep

    def run(self, flow: Flow[Result]) -> Result:
        """The result of a call."""
        with closing(self.iterate(emitted(flow))) as results:
            return next(results)

    def iterate(self, items: Items[Item]) -> Generator[Item]:
        """The results of a call, one by one."""
        with closing(items), ExitStack() as answer:
            chunks: Iterator[bytes] = iter(())
            try:
                step = next(items)
                while True:
                    outcome: Any = None
                    try:
                        match step:
                            case Emit(item):
                                yield item
                            case Open(request):
                                answer.close()
                                response = answer.enter_context(self.http.stream(**self.session.options(request)))
                                chunks = response.iter_bytes()
                                outcome = Reply(response.status_code, response.reason_phrase, response.headers)
                            case Read():
                                outcome = next(chunks, b"")
                            case Pause(seconds):
                                answer.close()
                                self.sleep(seconds)
                            case Work(function):
                                outcome = function()
                    except Exception as error:
                        step = items.throw(self.session.put(error, httpx.HTTPError))
                    else:
                        step = items.send(outcome)
            except StopIteration:
                return


def call(function: Callable[Concatenate[Session, P], Flow[Result]]) -> Callable[Concatenate[Client, P], Result]:
    """A call as a method that returns its result."""

    @wraps(function)
    def method(self: Client, *args: P.args, **kwargs: P.kwargs) -> Result:
        return self.connection.run(function(self.connection.session, *args, **kwargs))

    return method


def calls(
    function: Callable[Concatenate[Session, P], Items[Item]],
) -> Callable[Concatenate[Client, P], Iterator[Item]]:
    """A call as a method that returns an iterator."""

    @wraps(function)
    def method(self: Client, *args: P.args, **kwargs: P.kwargs) -> Iterator[Item]:
        return self.connection.iterate(function(self.connection.session, *args, **kwargs))

    return method


class Client:
    """Talks to one service. What the service refuses is raised as a ServiceError with its sentence.

    `key`: the service's, if it has keys. `cache`: a folder in which pulled tables are kept by digest, at most
    `cache_bytes` of them; without it they are kept in memory. `retries`: when a request is sent again. `on_download` is
    called as a table or evidence arrives. `http` replaces the connection, for an application in this process.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        key: str | None = None,
        *,
        cache: Path | str | None = None,
        cache_bytes: int = MAX_BYTES,
        retries: Retries | None = None,
        timeout: float = TIMEOUT_SECONDS,
        on_download: OnDownload | None = None,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        session = Session.to(url, key, cache, cache_bytes, retries, on_download, remote=http is None)
        self.url = session.url
        self.connection = Connection(session, http or httpx.Client(base_url=session.url, timeout=timeout), sleep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.connection.http.close()

    datasets = call(dataset_calls.datasets)
    dataset = call(dataset_calls.dataset)
    image = call(dataset_calls.image)

    studies = call(study_calls.studies)
    study = call(study_calls.study)
    score = call(study_calls.score)
    scores = call(study_calls.scores)
    scores_page = call(study_calls.scores_page)
    iter_scores = calls(study_calls.iter_scores)
    test_score = call(study_calls.test_score)
    histogram = call(study_calls.histogram)
    explain = call(study_calls.explain)
    pairs = call(study_calls.pairs)
    iter_pairs = calls(study_calls.iter_pairs)
    sets = call(study_calls.sets)
    set_indices = call(study_calls.set_indices)
    import_scores = call(study_calls.import_scores)

    table = call(table_calls.table)
    pairs_table = call(table_calls.pairs_table)
    evidence = call(table_calls.evidence)
    merge_evidence = call(table_calls.merge_evidence)

    submit = call(job_calls.submit)
    plan = call(job_calls.plan)
    jobs = call(job_calls.jobs)
    iter_jobs = calls(job_calls.iter_jobs)
    job = call(job_calls.job)
    cancel = call(job_calls.cancel)
    resume = call(job_calls.resume)
    log = call(job_calls.log)
    history = call(job_calls.history)
    events = calls(following.events)
    watch = calls(following.watch)
    wait = call(following.wait)

    health = call(service_calls.health)
    ready = call(service_calls.ready)
    metrics = call(service_calls.metrics)
    create_key = call(service_calls.create_key)
    keys = call(service_calls.keys)
    revoke_key = call(service_calls.revoke_key)
