"""The service without a server: an httpx transport that calls the application in this process."""

from __future__ import annotations

from pathlib import Path

import httpx
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI

from api.app import create_app
from memscore.store import Database


class InProcessTransport(httpx.BaseTransport):
    """Answers the requests of a synchronous httpx client from an event loop in a separate thread."""

    def __init__(
        self, database: Database, app: FastAPI | None = None, *, home: Path | None = None, runs: Path | None = None
    ) -> None:
        if app is None:
            app = create_app(database, home=home, runs=runs)
            app.state.in_process = True
        self._asgi = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._context = start_blocking_portal()
        self._portal = self._context.__enter__()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Run one request to its end."""
        return self._portal.call(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._asgi.handle_async_request(request)
        sent = b"".join([part async for part in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers, content=sent)

    def close(self) -> None:
        """Stop the event loop."""
        self._context.__exit__(None, None, None)


def in_process(database: Database, home: Path | None = None, runs: Path | None = None) -> httpx.Client:
    """An HTTP client with the same contract as one connected to a server.

    `home`: the folder of the datasets, by default that of the settings. `runs`: a folder of training runs.
    """
    return httpx.Client(transport=InProcessTransport(database, home=home, runs=runs), base_url="http://memscore")
