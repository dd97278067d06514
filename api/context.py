"""What every route needs, as FastAPI dependencies."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from api.table_cache import StudyTables, TableCache
from memscore.store import Database


def _database(request: Request) -> Database:
    return cast("Database", request.app.state.database)


async def _tables(request: Request, study: str) -> StudyTables:
    return await cast("TableCache", request.app.state.tables).get(study)


DatabaseOf = Annotated[Database, Depends(_database)]
TablesOf = Annotated[StudyTables, Depends(_tables)]
