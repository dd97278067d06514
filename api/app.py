"""The FastAPI application."""

from __future__ import annotations

import asyncio
from functools import cached_property
from pathlib import Path

from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

import memscore
from api import errors
from api.authentication import Keyring
from api.dashboard import pages
from api.expensive import Lane
from api.metrics import Metrics
from api.middleware.access import AccessControl
from api.middleware.cross_site import with_cors
from api.middleware.head_requests import HeadAsGet
from api.middleware.instrumentation import Instrumentation
from api.middleware.ready_answers import ReadyAnswers
from api.middleware.security_headers import SecurityHeaders
from api.openapi import describe
from api.protection import Protection
from api.routes import (
    comparisons,
    datasets,
    docs_page,
    duplicates,
    exchange,
    health,
    job_events,
    jobs,
    keys,
    metrics,
    recipes,
    reviews,
    samples,
    scores,
    sign_in,
    sprites,
    studies,
    summaries,
    tables,
    usage,
)
from api.routes import runs as trained
from api.sessions import Sessions
from api.table_cache import TableCache
from memscore.runs.finding import RunsFolder
from memscore.store import Database

# FastAPI runs dependencies that are not coroutines in threads, which costs more than the rest of the request, so the
# dependencies of most routes are coroutines.


class Service(FastAPI):
    """A FastAPI application wrapped in our middleware, so that a look-up never reaches the framework."""

    @cached_property
    def around(self) -> ASGIApp:
        """Our middleware, outermost first, with the framework inside."""
        all_routes = [*scores.router.routes, *tables.router.routes]
        routes = {route.path: route for route in all_routes if isinstance(route, APIRoute)}
        answering = ReadyAnswers(HeadAsGet(super().__call__), self.state.tables, routes)
        admitting = AccessControl(answering, self.state.protection, self.state.keyring, self.state.sessions)
        answering = SecurityHeaders(Instrumentation(admitting, self.state.metrics))
        return with_cors(answering, self.state.protection.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["app"] = self
        await self.around(scope, receive, send)

    def openapi(self) -> dict[str, object]:
        """The OpenAPI document."""
        return describe(self, needed=self.state.protection.keys_required)


def create_app(
    database: Database,
    network_modules: tuple[str, ...] | None = None,
    protection: Protection = Protection(),
    home: Path | None = None,
    runs: Path | None = None,
) -> Service:
    """The service over a database at the current revision.

    `network_modules`: packages whose functions recipes may name as networks; None allows every package,
    for an application in the process of the user who runs the jobs. `protection`: what callers must present.
    `home`: the folder of the datasets, by default that of the settings. `runs`: a folder of training runs to show.
    """
    app = Service(
        title="memscore",
        version=memscore.__version__,
        summary="How much a classifier memorizes each training sample, and whom that influences.",
        responses=errors.EVERYWHERE,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(errors.only_known_parameters)],
    )
    app.state.database = database
    app.state.home = home
    app.state.runs = None if runs is None else RunsFolder(runs)
    app.state.reading_runs = Lane(1, 50, name="other requests for runs")
    app.state.in_process = False  # whether commands ask it without a server
    app.state.network_modules = network_modules
    app.state.tables = TableCache(database)
    app.state.metrics = Metrics(database)
    app.state.keyring = Keyring(database, protection.pepper)
    app.state.sessions = Sessions(app.state.keyring)
    app.state.protection = protection
    app.state.stopping = asyncio.Event()  # set when the process should end: streams then end at once
    app.state.probes = CapacityLimiter(2)  # readiness has threads of its own: those that wait keep none from requests
    app.state.streams = dict[object, str]()  # open event streams with their callers
    errors.install(app)
    data = (
        scores,
        summaries,
        comparisons,
        tables,
        studies,
        reviews,
        exchange,
        jobs,
        job_events,
        recipes,
        datasets,
        duplicates,
        samples,
        sprites,
    )
    for module in (*data, trained, usage, keys, sign_in, health, metrics, docs_page):
        app.include_router(module.router)
    app.include_router(datasets.sources)
    pages.install(app)
    return app
