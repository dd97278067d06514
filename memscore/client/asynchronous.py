"""The client whose calls are awaited."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, closing
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import anyio
import anyio.to_thread
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

    def __init__(self, session: Session, http: httpx.AsyncClient, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.session, self.http, self.sleep = session, http, sleep

    async def run(self, flow: Flow[Result]) -> Result:
        """The result of a call."""
        async with aclosing(self.iterate(emitted(flow))) as results:
            return await anext(results)

    async def iterate(self, items: Items[Item]) -> AsyncGenerator[Item]:
        """The results of a call, one by one."""
        with closing(items):
            async with AsyncExitStack() as answer:
                chunks: AsyncIterator[bytes] | None = None
                try:
                    step = next(items)
                    while True:
                        outcome: Any = None
                        try:
                            match step:
                                case Emit(item):
                                    yield item
                                case Open(request):
                                    await answer.aclose()
                                    opened = self.http.stream(**self.session.options(request))
                                    response = await answer.enter_async_context(opened)
                                    chunks = response.aiter_bytes()
                                    outcome = Reply(response.status_code, response.reason_phrase, response.headers)
                                case Read():
                                    assert chunks is not None
                                    outcome = await anext(chunks, b"")
                                case Pause(seconds):
                                    await answer.aclose()
                                    await self.sleep(seconds)
                                case Work(function):
                                    outcome = await anyio.to_thread.run_sync(function)
                        except Exception as error:
                            step = items.throw(self.session.put(error, httpx.HTTPError))
                        else:
                            step = items.send(outcome)
                except StopIteration:
                    return


def call(
    function: Callable[Concatenate[Session, P], Flow[Result]],
) -> Callable[Concatenate[AsyncClient, P], Awaitable[Result]]:
    """A call as a method whose result is awaited."""

    @wraps(function)
    async def method(self: AsyncClient, *args: P.args, **kwargs: P.kwargs) -> Result:
        return await self.connection.run(function(self.connection.session, *args, **kwargs))

    return method


def calls(
    function: Callable[Concatenate[Session, P], Items[Item]],
) -> Callable[Concatenate[AsyncClient, P], AsyncGenerator[Item]]:
    """A call as a method that returns an asynchronous iterator."""

    @wraps(function)
    def method(self: AsyncClient, *args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[Item]:
        return self.connection.iterate(function(self.connection.session, *args, **kwargs))

    return method


class AsyncClient:
    """Talks to one service as `Client` does, with the same arguments and the same calls, each to be awaited.

    What takes a processor or a disk long, such as verifying a table, is done in a thread.
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
        http: httpx.AsyncClient | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        session = Session.to(url, key, cache, cache_bytes, retries, on_download, remote=http is None)
        self.url = session.url
        self.connection = Connection(session, http or httpx.AsyncClient(base_url=session.url, timeout=timeout), sleep)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self.connection.http.aclose()

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
