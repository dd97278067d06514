"""What every route needs, as FastAPI dependencies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from api.table_cache import StudyTables, TableCache
from memscore import settings
from memscore.store import Database


async def _database(request: Request) -> Database:
    return cast("Database", request.app.state.database)


async def _tables(request: Request, study: str) -> StudyTables:
    return await cast("TableCache", request.app.state.tables).get(study)


async def _own_networks(request: Request) -> Callable[[str], bool]:
    """Whether a network `package.module:function` may be imported where this service's jobs run."""
    modules = cast("tuple[str, ...] | None", request.app.state.network_modules)
    return lambda network: modules is None or network.partition(":")[0].partition(".")[0] in modules


async def _home() -> Path:
    return settings.load().home


DatabaseOf = Annotated[Database, Depends(_database)]
HomeOf = Annotated[Path, Depends(_home)]
OwnNetworks = Annotated[Callable[[str], bool], Depends(_own_networks)]
TablesOf = Annotated[StudyTables, Depends(_tables)]
