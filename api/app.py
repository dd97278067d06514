"""The FastAPI application."""

from __future__ import annotations

from fastapi import Depends, FastAPI

import memscore
from api import datasets, exchange, files, health, jobs, metrics, problems, scores, studies
from api.description import describe
from api.head import HeadAsGet
from api.observed import Observed
from api.table_cache import TableCache
from memscore.store import Database


def create_app(database: Database, network_modules: tuple[str, ...] | None = None) -> FastAPI:
    """The service over a database that is at the current revision.

    `network_modules`: packages whose functions recipes may name as networks; None allows every package,
    for an application in the process of the user who runs the jobs.
    """
    app = FastAPI(
        title="memscore",
        version=memscore.__version__,
        summary="How much a classifier memorizes each training sample, and whom that influences.",
        responses=problems.EVERYWHERE,
        dependencies=[Depends(problems.only_known_parameters)],
    )
    app.state.database = database
    app.state.network_modules = network_modules
    app.state.tables = TableCache(database)
    app.state.metrics = metrics.Metrics(database)
    problems.install(app)
    app.add_middleware(Observed, metrics=app.state.metrics)
    app.add_middleware(HeadAsGet)
    for module in (scores, files, studies, exchange, jobs, datasets, health, metrics):
        app.include_router(module.router)
    app.openapi = lambda: describe(app)
    return app
