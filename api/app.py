"""The FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI

import memscore
from api import datasets, health, jobs, problems, studies
from api.head import HeadAsGet
from api.table_cache import TableCache
from memscore.store import Database


def create_app(database: Database) -> FastAPI:
    """The service over a database that is at the current revision."""
    app = FastAPI(
        title="memscore",
        version=memscore.__version__,
        summary="How much a classifier memorizes each training sample, and whom that influences.",
        responses=problems.RESPONSES,
    )
    app.state.database = database
    app.state.tables = TableCache(database)
    problems.install(app)
    app.add_middleware(HeadAsGet)
    for module in (health, datasets, jobs, studies):
        app.include_router(module.router)
    return app
