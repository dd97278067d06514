"""Both clients behind one face, so that a test says once what must hold of either."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import Any, Literal

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal

from api.app import create_app
from api.serving.in_process import in_process
from memscore.client import AsyncClient, Client
from memscore.store import Database

Kind = Literal["blocking", "asynchronous"]
Handler = Callable[[httpx.Request], httpx.Response]


class Caller:
    """The calls of a client: their results, and lists in place of iterators. `slept` are the pauses it made."""

    def __init__(self, client: Client | AsyncClient, slept: list[float], portal: BlockingPortal | None) -> None:
        self.client, self.slept, self._portal = client, slept, portal

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)
        if self._portal is not None:
            portal = self._portal
            return lambda *args, **options: portal.call(functools.partial(_awaited, method, *args, **options))
        return functools.partial(_listed, method)


def _listed(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    result = method(*args, **options)
    return list(result) if isinstance(result, Iterator) else result


async def _awaited(method: Callable[..., Any], *args: Any, **options: Any) -> Any:
    result = method(*args, **options)
    return [item async for item in result] if isinstance(result, AsyncIterator) else await result


class Connect:
    """Makes clients of one kind: of an address, of a database in this process, or of a function that answers."""

    def __init__(self, kind: Kind, stack: ExitStack) -> None:
        self.kind, self._stack = kind, stack
        self._portal = stack.enter_context(start_blocking_portal()) if kind == "asynchronous" else None

    def __call__(
        self,
        url: str = "http://memscore",
        *,
        database: Database | None = None,
        handler: Handler | None = None,
        key: str | None = None,
        **options: Any,
    ) -> Caller:
        slept: list[float] = []
        if self._portal is None:
            if database is not None:
                options["http"] = in_process(database)
            elif handler is not None:
                options["http"] = httpx.Client(transport=httpx.MockTransport(handler), base_url=url)
            client = Client(url, key, sleep=slept.append, **options)
            self._stack.callback(client.close)
            return Caller(client, slept, None)

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        transport: httpx.AsyncBaseTransport | None = None
        if database is not None:
            transport = httpx.ASGITransport(create_app(database), raise_app_exceptions=False)
        elif handler is not None:
            transport = httpx.MockTransport(handler)
        if transport is not None:
            options["http"] = httpx.AsyncClient(transport=transport, base_url=url)
        made = AsyncClient(url, key, sleep=sleep, **options)
        self._stack.callback(self._portal.call, made.aclose)
        return Caller(made, slept, self._portal)
